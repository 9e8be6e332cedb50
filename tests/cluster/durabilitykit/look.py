"""What nodes have recorded, what crm_mon says, and what a test does to servers and to the resource."""
import collections
import re
import time

from suite import check, wait_in_sync
from labkit.shell import write_text

LOCAL = "/var/lib/systole/db/local"
DATADIR = "/var/lib/mysql"
BEFORE_CLUSTER = "/etc/systole-lab/before-cluster"
PRIMARY_S, REPLICA_S = 1, 2         # the monitors' intervals of the recommended configuration
SETTLED_S = 12                      # a record that changes nobody's rights reaches the property only when the promotion is over

WORDS = {       # of a server: the variables of semi-sync and their status, the statement that opens it
    "mariadb": {"source": "rpl_semi_sync_master_enabled", "clients": "Rpl_semi_sync_master_clients",
                "replica": "rpl_semi_sync_slave_enabled", "replica_status": "Rpl_semi_sync_slave_status",
                "open": "SET GLOBAL read_only = 0",
                "lossless": [("rpl_semi_sync_master_timeout", "100", "1000000000000"), ("rpl_semi_sync_master_wait_no_slave", "0", "1"),
                             ("rpl_semi_sync_master_wait_point", "'AFTER_COMMIT'", "AFTER_SYNC")]},
    "mysql": {"source": "rpl_semi_sync_source_enabled", "clients": "Rpl_semi_sync_source_clients",
              "replica": "rpl_semi_sync_replica_enabled", "replica_status": "Rpl_semi_sync_replica_status",
              "open": "SET GLOBAL super_read_only = 0, GLOBAL read_only = 0",
              "lossless": [("rpl_semi_sync_source_timeout", "100", "1000000000000"), ("rpl_semi_sync_source_wait_no_replica", "0", "1"),
                           ("rpl_semi_sync_source_wait_point", "'AFTER_COMMIT'", "AFTER_SYNC")]},
}


def words(lab):
    return WORDS[lab.flavour.name]


def others(lab, primary):
    return [node.name for node in lab.nodes if node.name != primary]


def wait_acknowledging(lab, timeout=120):
    """Settled, and all others acknowledge to the primary: nobody is still being filled or brought back."""
    def reached():
        primary = lab.wait_settled(timeout, failures_ok=True)
        status = lab.sql(primary, f"SHOW GLOBAL STATUS LIKE '{words(lab)['clients']}'", check=False).stdout.split()
        return status[-1:] == [str(len(lab.nodes) - 1)] or f"replicas of {primary} that acknowledge: {' '.join(status[-1:])}"
    lab.wait_until(reached, timeout, "all replicas to acknowledge", interval=0.3)


def wait_whole(lab, timeout=120):
    """The same, and all have the same rows: not while anybody writes. Returns the primary."""
    wait_acknowledging(lab, timeout)
    wait_in_sync(lab)
    return lab.primary()


# The record

def record(lab, name):
    """What a node has stored, as text: "5.2:alone:3:node1"."""
    found = re.search(r"record=(\S+)", lab.node(name).run(["cat", LOCAL]).stdout)
    return found[1] if found else "none"


def mode(text):
    return text.split(":")[1] if ":" in text else "none"


def published_record(lab):
    """The record in the cluster's properties."""
    found = re.search(r'name="systole-db" value="([^"]*)"', lab.on_live_node(["cibadmin", "-Q", "--scope", "crm_config"]).stdout)
    return found[1] if found else "none"


def wait_for_mode(lab, wanted, timeout, enough=None):
    """Until `enough` nodes (all, unless told) hold the same record of this mode, and the property too. Returns it, and when they had it."""
    enough = enough or len(lab.nodes)
    seen = {}

    def held():
        seen.clear()
        seen.update({node.name: record(lab, node.name) for node in lab.nodes})
        counts = collections.Counter(text for text in seen.values() if mode(text) == wanted)
        return next((text for text, count in counts.items() if count >= enough), None)
    lab.wait_until(lambda: bool(held()) or str(seen), timeout, f"{enough} nodes to hold one record {wanted!r}", interval=0.2)
    moment = time.monotonic()
    lab.wait_until(lambda: published_record(lab) == held() or f"{published_record(lab)}, {seen}", SETTLED_S + timeout,
                   f"the cluster's property to be the nodes' record {wanted!r}", interval=0.2)
    return held(), moment


def marks(lab, name):
    """The table of marks: (epoch, node, reason)."""
    return [tuple(row) for row in lab.sql(name, "SELECT epoch, node, reason FROM systole.mark ORDER BY id")]


# What the operator sees

def crm_mon(lab):
    return lab.on_live_node(["crm_mon", "-1", "-A", "-r"]).stdout


def wait_for_sentence(lab, pattern, timeout, what):
    """Until crm_mon says it. Returns the line."""
    def said():
        text = crm_mon(lab)
        found = re.search(f"^.*({pattern}).*$", text, re.MULTILINE)
        return found or text[text.find("Failed Resource Actions"):].strip()[-300:]
    return lab.wait_until(said, timeout, what, interval=0.3)[0].strip()


def expect_nobody_open(lab, names, why):
    """Pacemaker may try to promote, and says so; what counts is that no server takes writes."""
    for name in names:
        answer = lab.sql(name, "SELECT @@GLOBAL.read_only", check=False)
        check(not answer.ok or answer.stdout.strip() == "1", f"{name} is open for writes, {why}")


# What is done to servers

def break_server(lab, name):
    """Its server dies and cannot be started again, on a living node."""
    lab.node(name).run(["chown", "root", DATADIR], check=True)
    if lab.node(name).mysqld():
        lab.fault("kill-mysqld", name)


def boot_broken(lab, name):
    """Switches a node on whose server cannot be started: it is so before its Pacemaker is there."""
    node = lab.node(name)
    write_text(node.upper + BEFORE_CLUSTER, f"chown root {DATADIR}\nrm {BEFORE_CLUSTER}\n")
    node.power_on()
    lab.wait_until(lambda: not node.run(["test", "-e", BEFORE_CLUSTER]).ok, 20, f"{name} to have broken its data directory")


def mend_server(lab, name):
    if lab.node(name).alive():
        lab.node(name).run(["chown", "mysql", DATADIR], check=True)


def mend_all(lab):
    for node in lab.live_nodes():
        mend_server(lab, node)
    lab.cleanup()


def set_parameters(lab, **values):
    """As an operator changes parameters of the live resource: the servers are restarted. None: back to the default."""
    for name, value in values.items():
        now = lab.node(1).run(["crm_resource", "--resource", "db", "--get-parameter", name])
        if value == ((now.stdout.strip() or None) if now.ok else None):       # Pacemaker 3: a default is no error
            continue
        change = ["--delete-parameter", name] if value is None else ["--set-parameter", name, "--parameter-value", value]
        lab.on_live_node(["crm_resource", "--resource", "db", *change])
    time.sleep(1)
    lab.wait_settled(120, failures_ok=True)
    wait_in_sync(lab)


def acknowledged_since(application, moment):
    return len(application.log().times(after=moment))


def expect_silence(application, seconds, why):
    """Nothing is acknowledged for that long, from one moment on."""
    moment = time.monotonic()
    time.sleep(seconds)
    count = acknowledged_since(application, moment)
    check(count == 0, f"{count} writes were acknowledged in {seconds} s, {why}")
