"""What people do to running servers, and what a former primary brings back."""
import threading
import time

from suite import Trial, check, judge_data, read_log

from .first import SERVER
from .look import (DATADIR, PRIMARY_S, REPLICA_S, break_server, mend_all, others, wait_acknowledging, wait_for_sentence, wait_whole,
                   words)

OUTSIDE = "/tmp/outside"
FOLLOWER = {        # of a server: options, where it begins, the account's statements, off, connected
    "mariadb": {"options": "--rpl-semi-sync-slave-enabled=1", "client": "mariadb", "position": "SELECT @@GLOBAL.gtid_binlog_pos",
                "follow": ["SET GLOBAL gtid_slave_pos = '{position}'",
                           "CHANGE MASTER TO MASTER_HOST = '{host}', MASTER_USER = 'reports', MASTER_PASSWORD = 'one', "
                           "MASTER_USE_GTID = slave_pos, MASTER_CONNECT_RETRY = 1", "START SLAVE IO_THREAD"],
                "asynchronous": ["SET GLOBAL rpl_semi_sync_slave_enabled = 0", "STOP SLAVE IO_THREAD", "START SLAVE IO_THREAD"],
                "status": "SHOW SLAVE STATUS"},
    "mysql": {"options": "--plugin-load-add=semisync_replica.so --loose-rpl-semi-sync-replica-enabled=1 --skip-replica-start",
              "client": "mysql", "position": "SELECT REPLACE(@@GLOBAL.gtid_executed, '\n', '')",
              "follow": ["RESET BINARY LOGS AND GTIDS", "SET GLOBAL gtid_purged = '{position}'",
                         "CHANGE REPLICATION SOURCE TO SOURCE_HOST = '{host}', SOURCE_USER = 'reports', SOURCE_PASSWORD = 'one', "
                         "SOURCE_AUTO_POSITION = 1, GET_SOURCE_PUBLIC_KEY = 1, SOURCE_CONNECT_RETRY = 1", "START REPLICA IO_THREAD"],
              "asynchronous": ["SET GLOBAL rpl_semi_sync_replica_enabled = 0", "STOP REPLICA IO_THREAD", "START REPLICA IO_THREAD"],
              "status": "SHOW REPLICA STATUS"},
}


def time_until(lab, name, query, wanted, timeout, what):
    started = time.monotonic()
    lab.wait_until(lambda: lab.sql(name, query) == [[wanted]], timeout, what, interval=0.05)
    return time.monotonic() - started


def opened_replica(lab):
    """Somebody makes a replica writable: it is closed again within two monitors."""
    primary = wait_whole(lab)
    closed = "super_read_only" if lab.flavour.name == "mysql" else "read_only"
    took = {}
    for name in others(lab, primary):
        lab.sql(name, words(lab)["open"])
        took[name] = time_until(lab, name, f"SELECT @@GLOBAL.{closed}", "1", 20, f"{name} to be closed again")
    figures = ", ".join(f"{name} after {seconds:.1f} s" for name, seconds in took.items())
    check(max(took.values()) <= 2 * REPLICA_S, f"closed again: {figures}; more than {2 * REPLICA_S} s")
    check(lab.wait_settled(60, failures_ok=True) == primary, "the role has moved")
    return "closed again: " + figures


def semisync_off(lab):
    """Somebody switches semi-sync off, on the primary and on a replica."""
    primary = wait_whole(lab)
    took = {}
    for name, part, limit in ((primary, "source", 2 * PRIMARY_S), (others(lab, primary)[0], "replica", 2 * REPLICA_S)):
        variable = words(lab)[part]
        lab.sql(name, f"SET GLOBAL {variable} = 0")
        took[name] = time_until(lab, name, f"SELECT @@GLOBAL.{variable}", "1", 20, f"{variable} of {name} to be on again")
        check(took[name] <= limit, f"{variable} of {name} was on again after {took[name]:.1f} s, more than {limit} s")
    status = f"SELECT VARIABLE_VALUE FROM {'performance_schema' if lab.flavour.name == 'mysql' else 'information_schema'}.global_status " \
             f"WHERE VARIABLE_NAME = '{words(lab)['replica_status']}'"
    time_until(lab, others(lab, primary)[0], status, "ON", 10, "the replica to acknowledge again")
    # The same with the variables under which it would acknowledge by itself, sooner or later.
    for variable, wrong, right in words(lab)["lossless"]:
        lab.sql(primary, f"SET GLOBAL {variable} = {wrong}")
        took[variable] = time_until(lab, primary, f"SELECT @@GLOBAL.{variable}", right, 20, f"{variable} to be {right} again")
        check(took[variable] <= 2 * PRIMARY_S, f"{variable} was {right} again after {took[variable]:.1f} s, more than {2 * PRIMARY_S} s")
    return ", ".join(f"{name} after {seconds:.1f} s" for name, seconds in took.items())


def copies(lab, name):
    """How often a node was filled."""
    return lab.node(name).run(["cat", "/var/lib/systole/db/worker.log"]).stdout.count("provisioning: copies from")


def expect_cut(lab, name, most, copies_before):
    """MySQL: what nobody had received was cut off and kept, and no copy of all data was needed."""
    shell = lab.node(name).run
    newest = shell(["sh", "-c", "ls -d /var/lib/systole/db/set-aside-* | tail -n 1"]).stdout.strip()
    gtids = [gtid for gtid in shell(["cat", newest + "/gtids"]).stdout.strip().split(",") if gtid]
    check(0 < len(gtids) <= most, f"{name}: {len(gtids)} transactions in {newest or 'no directory'} were set aside, {most} had no answer")
    kept = shell(["sh", "-c", f"mysqlbinlog {newest}/binlog.*"])
    check(kept.ok and all(gtid in kept.stdout for gtid in gtids), f"{newest} is no binary log that holds what was cut off: {kept.stderr.strip()}")
    check(copies(lab, name) == copies_before, f"{name} was filled again after all")


def unacknowledged_tail(lab):
    """A primary with commits that nobody has received is killed; it comes back, and what nobody was promised is gone or everywhere."""
    with Trial(lab, expect_move=True) as trial:
        copies_before = copies(lab, trial.before)
        inside = lab.start_writers(at=trial.before, host="127.0.0.1", period_ms=20)
        try:
            inside.wait_for_ack()
            lab.fault("block-replication", trial.before)
            time.sleep(0.25)                            # too short to go alone
            lab.fault("kill-mysqld", trial.before)
            lab.wait_until(lambda: lab.primary() not in (None, trial.before), 60, "another node to be promoted")
            lab.fault("clear-block-replication", trial.before)
        finally:
            inside.terminate()
    inner = read_log(inside.path)
    judge_data(lab, inner)
    kept = lab.rows(trial.after)
    sent = sorted(inner.unknown)
    check(sent, "no write was under way when the primary was killed: the test has shown nothing")
    if lab.flavour.name == "mysql":
        expect_cut(lab, trial.before, len(sent) + len(trial.log.unknown), copies_before)
    return f"{trial.note}; {len(sent)} writes without an answer, {len(set(sent) & kept)} of them are there, on all nodes"


class Outsider:
    """A server of somebody's own, on a node for want of another machine, that follows the primary with semi-sync on."""

    def __init__(self, lab, node, host):
        self.lab, self.node, self.kit = lab, lab.node(node), FOLLOWER[lab.flavour.name]
        initialisation, server = SERVER[lab.flavour.name]
        position = lab.sql(host, self.kit["position"])[0][0]
        self.node.run(f"mkdir -p {OUTSIDE}; chown mysql: {OUTSIDE}", check=True)
        self.node.run(initialisation.format(OUTSIDE + "/data"), timeout=60, check=True)
        self.node.run(f"setsid {server} --user=mysql --datadir={OUTSIDE}/data --socket={OUTSIDE}/sock --log-bin=binlog --skip-networking "
                      f"--server-id=99 --log-error={OUTSIDE}/error.log {self.kit['options']} > {OUTSIDE}/out 2>&1 < /dev/null &", check=True)
        lab.wait_until(lambda: self.sql("SELECT 1").ok, 60, "the outsider to answer")
        for statement in self.kit["follow"]:
            found = self.sql(statement.format(position=position, host=host))
            check(found.ok, f"{statement}: {found.stderr.strip()}")

    def sql(self, statement):
        return self.node.run([self.kit["client"], f"--socket={OUTSIDE}/sock", "-uroot", "-E", "-e", statement])

    def is_connected(self):
        return "IO_Running: Yes" in self.sql(self.kit["status"]).stdout

    def errors(self):
        return " ".join(line.strip() for line in self.sql(self.kit["status"]).stdout.splitlines() if "Running:" in line or "_IO_Error:" in line)

    def end(self):
        self.sql("SHUTDOWN")


def replica_outside(lab):
    """Somebody's replica acknowledges: it is cut off and named. Once it is asynchronous, nobody minds it."""
    primary = wait_whole(lab)
    lab.sql(primary, "CREATE USER IF NOT EXISTS 'reports'@'%' IDENTIFIED BY 'one'")
    lab.sql(primary, "GRANT REPLICATION SLAVE ON *.* TO 'reports'@'%'")
    outsider = Outsider(lab, others(lab, primary)[1], primary)
    try:
        with lab.start_writers() as application:
            application.wait_for_ack()
            started = time.monotonic()
            said = wait_for_sentence(lab, "a replica outside of the cluster acknowledges commits", 15, "crm_mon to name the replica outside")
            took = time.monotonic() - started
            application.wait_for_ack(after=time.monotonic())
        check("reports" in said, f"the sentence does not name its account: {said}")
        for statement in outsider.kit["asynchronous"]:
            outsider.sql(statement)
        lab.wait_until(lambda: outsider.is_connected() or outsider.errors(), 15, "the asynchronous follower to be connected")
        end = time.monotonic() + 3 * PRIMARY_S
        while time.monotonic() < end:
            check(outsider.is_connected(), "an asynchronous follower is cut off")
            time.sleep(0.2)
    finally:
        outsider.end()
    return f"named after {took:.1f} s: {said!r}; asynchronous, it was left alone"


def received_not_applied(lab):
    """What was acknowledged is in the replicas' relay logs only; their servers are killed, and the primary does not come back."""
    primary = wait_whole(lab)
    replicas = others(lab, primary)
    with Trial(lab, expect_move=True) as trial:
        locks = [threading.Thread(target=lab.sql, args=(name, "FLUSH TABLES WITH READ LOCK; SELECT SLEEP(60)", 90, False))
                 for name in replicas]
        try:
            for lock in locks:
                lock.start()
            time.sleep(1)
            locked = time.monotonic()
            trial.application.wait_for_ack(after=locked + 1)
            held = {name: lab.rows(name) for name in replicas}
            break_server(lab, primary)
            for name in replicas:
                lab.fault("kill-mysqld", name)
            for lock in locks:
                lock.join()
            log = read_log(trial.application.path)
            fewest = min(len(log.lost(rows)) for rows in held.values())
            check(fewest > 0, "the replicas had applied everything: the test would show nothing")
            lab.wait_until(lambda: lab.primary() in replicas, 60, "a replica to be promoted")
            trial.application.wait_for_ack(after=time.monotonic(), timeout=30)
            lost = log.lost(lab.rows(lab.wait_settled(60, nodes=replicas, failures_ok=True)))
            check(not lost, f"{len(lost)} acknowledged writes are missing on the new primary: {lost[:5]}")
        finally:
            mend_all(lab)
    return f"{trial.note}; {fewest} acknowledged writes were in relay logs only"


def lost_relay_log(lab):
    """A power cut may leave a replica's notes, and not the files of which they speak: it replicates again."""
    primary = wait_whole(lab)
    name = others(lab, primary)[0]
    with Trial(lab, expect_move=False) as trial:
        try:
            break_server(lab, name)
            lab.node(name).run(["sh", "-c", f"rm {DATADIR}/*relay-bin.0*"], check=True)
        finally:
            mend_all(lab)
        wait_acknowledging(lab)
    return trial.note


TESTS = [
    ("the files of a replica's relay log are lost", lost_relay_log),
    ("acknowledged and not yet applied: all servers are killed, the primary stays away", received_not_applied),
    ("a replica outside of the cluster is cut off, and named", replica_outside),
    ("a replica made writable by hand", opened_replica),
    ("semi-sync switched off by hand", semisync_off),
    ("a former primary with an unacknowledged tail", unacknowledged_tail),
]
