"""Followers outside of the cluster: ten servers in the client's network that replicate from the virtual IP."""
import os
import shutil
import signal
import subprocess
import time

from suite import Trial, check, wait_in_sync
from durabilitykit.look import others, set_parameters, wait_for_sentence
from labkit.query import answers
from labkit.shell import LabError, run

COUNT = 10
WAKES_S = 2             # and has taken in what was sent to it
LONGEST = 12.0          # a node that dies, on a machine that is busy with all of them; the failover suite says what is usual
# $0: the root of the server's flavour; $1: the follower's directory, which is its /mnt. Then a program of that root.
INSIDE = 'mount --bind "$1" "$0/mnt" && mount --bind /etc/hosts "$0/etc/hosts" && mount --rbind /dev "$0/dev" && shift && exec chroot "$0" "$@"'
ACCOUNT = """CREATE USER IF NOT EXISTS 'follower'@'%' IDENTIFIED BY 'follower-password';
GRANT REPLICATION SLAVE ON *.* TO 'follower'@'%'"""
ROWS = "SELECT COUNT(*), COALESCE(SUM(CRC32(CONCAT_WS(':', id, writer))), 0) FROM lab.writes"

# As the guide recommends it: what is silent for three seconds is gone.
WORDS = {
    "mariadb": {
        "make": ["mariadb-install-db", "--no-defaults", "--datadir=/mnt", "--user=root", "--auth-root-authentication-method=normal",
                 "--skip-test-db"],
        "options": ["--slave-net-timeout=3", "--log-slave-updates", "--gtid-strict-mode=ON"],
        "stop": "STOP SLAVE",
        "follow": "CHANGE MASTER TO MASTER_HOST='{vip}', MASTER_USER='follower', MASTER_PASSWORD='follower-password', "
                  "MASTER_USE_GTID=slave_pos, MASTER_CONNECT_RETRY=1, MASTER_HEARTBEAT_PERIOD=1; START SLAVE",
        "status": "SHOW SLAVE STATUS", "error": "Last_SQL_Error"},
    "mysql": {
        "make": ["mysqld", "--no-defaults", "--initialize-insecure", "--datadir=/mnt", "--user=root"],
        "options": ["--replica-net-timeout=3", "--gtid-mode=ON", "--enforce-gtid-consistency=ON", "--mysqlx=OFF", "--secure-file-priv="],
        "stop": "STOP REPLICA",
        "follow": "CHANGE REPLICATION SOURCE TO SOURCE_HOST='{vip}', SOURCE_USER='follower', SOURCE_PASSWORD='follower-password', "
                  "SOURCE_AUTO_POSITION=1, SOURCE_CONNECT_RETRY=1, SOURCE_RETRY_COUNT=1000000, SOURCE_HEARTBEAT_PERIOD=1, "
                  "GET_SOURCE_PUBLIC_KEY=1; START REPLICA",
        "status": "SHOW REPLICA STATUS", "error": "Last_SQL_Error"},
}


class Follower:
    """A server beside the cluster. Its files are the lab's, and it ends with the lab."""

    def __init__(self, lab, number):
        self.lab, self.number, self.words = lab, number, WORDS[lab.flavour.name]
        self.directory = f"{lab.directory}/followers/{number}"
        self.process = None

    def __str__(self):
        return f"follower {self.number}"

    def inside(self, program):
        return ["unshare", "--mount", "--", "sh", "-c", INSIDE, self.lab.facts["base"], self.directory, *program]

    def make(self, like=None):
        """An empty server, or a copy of another's files."""
        if like:
            shutil.copytree(like.directory, self.directory, ignore=shutil.ignore_patterns("socket", "pid"))
            if os.path.exists(self.directory + "/auto.cnf"):
                os.unlink(self.directory + "/auto.cnf")
        else:
            os.makedirs(self.directory)
            run(self.inside(self.words["make"]), timeout=120)

    def start(self):
        program = [self.lab.flavour.daemon, "--no-defaults", "--datadir=/mnt", "--socket=/mnt/socket", "--pid-file=/mnt/pid", "--user=root",
                   f"--port={4000 + self.number}", f"--server-id={4000 + self.number}", "--log-bin", "--read-only",
                   "--innodb-buffer-pool-size=24M", "--innodb-flush-method=fsync", "--performance-schema=OFF", *self.words["options"]]
        with open(self.directory + ".log", "w") as log:
            self.process = self.lab.client_popen(self.inside(program), stdin=subprocess.DEVNULL, stdout=log, stderr=log, start_new_session=True)
        self.lab.wait_until(self.answers, 90, f"{self} to answer")

    def answers(self):
        try:
            return bool(self.sql("SELECT 1"))
        except LabError as failed:
            return str(failed)

    def sql(self, query):
        import pymysql
        from pymysql.constants import CLIENT
        try:
            with pymysql.connect(user="root", unix_socket=self.directory + "/socket", connect_timeout=5, read_timeout=15, autocommit=True,
                                 conv={}, charset="utf8mb4", client_flag=CLIENT.MULTI_STATEMENTS) as connection:
                return answers(connection, query)
        except pymysql.err.MySQLError as failed:
            raise LabError(f"{self}: {failed}") from failed

    def follow(self, source=None):
        self.sql(self.words["follow"].format(vip=source or self.lab.vip))

    def status(self):
        import pymysql
        with pymysql.connect(user="root", unix_socket=self.directory + "/socket", cursorclass=pymysql.cursors.DictCursor) as connection:
            with connection.cursor() as cursor:
                cursor.execute(self.words["status"])
                return cursor.fetchone()

    def error(self):
        """What its applier says, '' when it has nothing to say."""
        return self.status()[self.words["error"]]

    def receiver(self):
        """What its receiver does, and what it says."""
        status = self.status()
        return " ".join(str(value) for name, value in status.items() if name in ("Slave_IO_Running", "Replica_IO_Running", "Last_IO_Error",
                                                                                 "Gtid_IO_Pos", "Retrieved_Gtid_Set"))

    def written_by(self, server):
        """How many rows it has that this server of the cluster took."""
        return int(self.sql(f"SELECT COUNT(*) FROM lab.writes WHERE server = '{server}'")[0][0])

    def signal(self, number):
        os.kill(self.process.pid, number)

    def end(self):
        if self.process and self.process.poll() is None:
            self.process.kill()
            self.process.wait()


def wait_equal(lab, followers):
    """They have the rows of the primary, each once, and none has stopped."""
    wanted = lab.sql(lab.primary(), ROWS)

    def equal():
        try:
            found = {str(one): one.sql(ROWS) for one in followers}
        except LabError as failed:      # the table itself has yet to come
            return f"{failed}: {'; '.join(f'{one} ({one.receiver()} {one.error()})' for one in followers)}"
        return all(rows == wanted for rows in found.values()) or f"the primary has {wanted}, {found}"
    lab.wait_until(equal, 60, "all followers to have the primary's rows")
    for one in followers:
        check(not one.error(), f"{one}: {one.error()}")


def is_ahead(lab, one, primary, dead):
    """It has a row of the dead primary that the new one lacks: followers are sent commits before anybody has acknowledged them."""
    return dead and one.written_by(dead) > int(lab.sql(primary, f"SELECT COUNT(*) FROM lab.writes WHERE server = '{dead}'")[0][0])


def wait_following(lab, followers, primary, before, since, dead=None):
    """Until each has a row that the new primary took, or has more than that one; seconds of the former."""
    missing, seconds = list(followers), []

    def all_follow():
        for one in list(missing):
            if is_ahead(lab, one, primary, dead):
                missing.remove(one)
            elif one.written_by(primary) > before[one]:
                missing.remove(one)
                seconds.append(time.monotonic() - since)
        return not missing or f"not yet: {'; '.join(f'{one} ({one.receiver()})' for one in missing)}"
    lab.wait_until(all_follow, 60, f"the followers to follow {primary}", interval=0.1)
    return sorted(round(second, 1) for second in seconds)


def make_anew_those_ahead(lab, followers, primary, dead, log):
    """What they have more than the primary was acknowledged to nobody. They become copies of one that is not: the new primary's binary logs
    may not go back to the beginning. Returns how many."""
    ahead = [one for one in followers if is_ahead(lab, one, primary, dead)]
    model = next(one for one in followers if one not in ahead)      # whoever was silent when the primary died
    kept = {row[0] for row in lab.sql(primary, "SELECT id FROM lab.writes")}
    for one in ahead:
        tail = {row[0] for row in one.sql("SELECT id FROM lab.writes")} - kept
        check(not tail & {str(row) for row in log.acked}, f"{one} has what {primary} lacks, and it was acknowledged: {sorted(tail)[:5]}")
        one.end()
        shutil.rmtree(one.directory)
    if ahead:
        model.end()
        for one in ahead:
            one.make(like=model)
        for one in [model, *ahead]:
            one.start()         # it follows whom the copied one did
    return len(ahead)


def counted(followers, names):
    return {name: {one: one.written_by(name) for one in followers} for name in names}


def failover(lab, followers):
    """The primary's node dies, and so does a follower: it holds up nobody, and it catches up when it is back."""
    primary = lab.wait_settled(120, failures_ok=True)
    silent, awake = followers[0], followers[1:]
    silent.signal(signal.SIGSTOP)
    try:
        before = counted(awake, others(lab, primary))
        with Trial(lab, expect_move=True, longest=LONGEST) as trial:
            at = time.monotonic()
            lab.fault("kill-node", primary)
            lab.wait_until(lambda: lab.primary() in others(lab, primary), 60, "another node to be promoted")
            seconds = wait_following(lab, awake, lab.primary(), before[lab.primary()], at, dead=primary)
    finally:
        silent.signal(signal.SIGCONT)
    time.sleep(WAKES_S)
    ahead = make_anew_those_ahead(lab, followers, lab.primary(), primary, trial.log)
    wait_equal(lab, followers)
    return f"{ahead} had what nobody had acknowledged; {len(seconds)} followers had a row of the new primary {seconds[0]} to {seconds[-1]} s after its death, one was silent; {trial.note}"


def switchover(lab, followers):
    """A planned move: sessions end, so they are back sooner."""
    primary = lab.wait_settled(120, failures_ok=True)
    target = others(lab, primary)[0]
    before = counted(followers, [target])
    with Trial(lab, expect_move=True) as trial:
        at = time.monotonic()
        lab.move(target)
        lab.wait_until(lambda: lab.primary() == target, 60, f"{target} to be promoted")
        seconds = wait_following(lab, followers, target, before[target], at)
        lab.clear()
    wait_equal(lab, followers)
    return f"{seconds[0]} to {seconds[-1]} s; {trial.note}"


def followers(lab):
    """Ten of them, through a failover and a switchover."""
    lab.sql(lab.wait_settled(120, failures_ok=True), ACCOUNT)
    all_of_them = [Follower(lab, number) for number in range(1, COUNT + 1)]
    try:
        for one in all_of_them:
            one.make(like=all_of_them[0] if one.number > 1 else None)
        for one in all_of_them:
            one.start()
            one.follow()
        wait_equal(lab, all_of_them)
        return f"failover: {failover(lab, all_of_them)}; switchover: {switchover(lab, all_of_them)}"
    finally:
        for one in all_of_them:
            one.end()
        wait_in_sync(lab)


# What the agent needs on a follower that it points to the primary.
TEND = {"mariadb": "REPLICATION SLAVE ADMIN, REPLICA MONITOR, BINLOG MONITOR", "mysql": "REPLICATION_SLAVE_ADMIN, REPLICATION CLIENT"}
TENDED = ("SET SESSION sql_log_bin = 0; CREATE USER 'tend'@'%' IDENTIFIED BY 'tend-password'; GRANT {rights} ON *.* TO 'tend'@'%'")
SECTION = "[followers]\nuser=tend\npassword=tend-password\n"


def pointed_failover(lab, awake, silent):
    primary = lab.wait_settled(120, failures_ok=True)
    before = counted([awake, silent], others(lab, primary))
    silent.signal(signal.SIGSTOP)
    try:
        with Trial(lab, expect_move=True, longest=LONGEST) as trial:
            at = time.monotonic()
            lab.fault("kill-node", primary)
            lab.wait_until(lambda: lab.primary() in others(lab, primary), 60, "another node to be promoted")
            first = wait_following(lab, [awake], lab.primary(), before[lab.primary()], at, dead=primary)
            said = wait_for_sentence(lab, f"follower client port {4000 + silent.number}", 60, "crm_mon to name the one that is silent")
    finally:
        silent.signal(signal.SIGCONT)
    at = time.monotonic()
    with lab.start_writers() as application:
        application.wait_for_ack()
        second = wait_following(lab, [silent], lab.primary(), before[lab.primary()], at, dead=primary)
    ahead = make_anew_those_ahead(lab, [awake, silent], lab.primary(), primary, trial.log)
    return (f"one followed {first} s after the primary's death, the silent one {second} s after it woke; {ahead} had what nobody had "
            f"acknowledged; {said!r}; {trial.note}")


def pointed(lab):
    """Two that replicate from the primary's node itself: the new primary points them to itself, and names the one that does not answer."""
    primary = lab.wait_settled(120, failures_ok=True)
    lab.sql(primary, ACCOUNT)
    both = [Follower(lab, COUNT + 1), Follower(lab, COUNT + 2)]
    model = Follower(lab, 1)    # of the test before: this primary's binary logs may not go back to the beginning
    for node in lab.nodes:
        node.run("cat >> /etc/systole/credentials", stdin=SECTION, check=True)
    try:
        for one in both:
            one.make(like=model if os.path.exists(model.directory) else None)
            one.start()
            one.sql(one.words["stop"])
            one.sql(TENDED.format(rights=TEND[lab.flavour.name]))
            one.follow(primary)
        wait_equal(lab, both)
        set_parameters(lab, followers=" ".join(f"client:{4000 + one.number}" for one in both))
        note = pointed_failover(lab, *both)
        wait_equal(lab, both)
        return note
    finally:
        set_parameters(lab, followers=None)
        for one in both:
            one.end()


TESTS = [("ten followers outside of the cluster", followers), ("followers that the primary points to itself", pointed)]
