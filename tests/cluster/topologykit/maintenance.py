"""Maintenance: Pacemaker is stopped, the agent replaced, and Pacemaker started again, under servers that run on."""
import re
import time

from suite import Trial, check
from durabilitykit.look import others, wait_acknowledging, wait_for_sentence
from labkit import process
from labkit.shell import read_text, write_text
from topologykit.reads import wait_for_attribute

LONGEST = 1.0           # nothing happens to them, but Pacemaker starts three times on two processors
AGENT = "/usr/lib/ocf/resource.d/systole/mysql"
# The node's init starts both once; what it does is done again.
STOP = "pacemakerd=$(pidof pacemakerd); kill $pacemakerd; while kill -0 $pacemakerd 2> /dev/null; do sleep 0.05; done"
START = """export PCMK_logfile=/var/log/pacemaker/pacemaker.log PCMK_logfacility=none PCMK_logpriority=notice
setsid pacemakerd -f >> /var/log/pacemaker/pacemakerd.stdout 2>&1 < /dev/null &"""
REPLACE = f"cp {AGENT} {AGENT}.new && mv {AGENT}.new {AGENT}"


def servers(lab):
    return {node.name: node.mysqld() for node in lab.nodes}


def hands_off(lab, wanted):
    lab.on_live_node(["crm_attribute", "--type", "crm_config", "--name", "maintenance-mode", "--update", "true" if wanted else "false"])


def wait_online(lab):
    names = {node.name for node in lab.nodes}
    lab.wait_until(lambda: (bool(lab.state().dc) and lab.state().online == names) or f"online: {lab.state().online}", 90, "all nodes to be online")


def upgraded(lab):
    """On each node in turn; clients notice nothing, and every role is what it was."""
    primary = lab.wait_settled(120, failures_ok=True)
    before = servers(lab)
    with Trial(lab, expect_move=False, longest=LONGEST) as trial:
        hands_off(lab, True)
        for node in lab.nodes:
            node.run(STOP, timeout=90, check=True)
            node.run(REPLACE, check=True)
            node.run(START, check=True)
            wait_online(lab)
        hands_off(lab, False)
        lab.wait_settled(120, failures_ok=True)
        time.sleep(5)                   # what the monitors find in the meantime
        lab.wait_settled(120, failures_ok=True)
    check(servers(lab) == before, f"servers: {before} before, {servers(lab)} after")
    check(lab.primary() == primary, f"the role went from {primary} to {lab.primary()}")
    for node in lab.nodes:
        wait_for_attribute(lab, node.name, "1")
    failed = lab.state().failures
    check(not failed, f"failed: {failed}")
    return trial.note


def unattended(lab):
    """A server that dies meanwhile is left alone, and started when maintenance is over."""
    primary = lab.wait_settled(120, failures_ok=True)
    replica = next(node for node in lab.nodes if node.name != primary)
    with Trial(lab, expect_move=False) as trial:
        hands_off(lab, True)
        process.send(replica.mysqld(), 9)
        time.sleep(6)
        alone = replica.mysqld()
        hands_off(lab, False)
        lab.wait_until(lambda: bool(replica.mysqld()), 60, "the server to be started")
    check(alone is None, f"the server of {replica.name} was started in maintenance mode")
    lab.cleanup()
    return trial.note


NEWER = "11.4.9-MariaDB"      # what a MariaDB server can be told to say of itself


def upgrade(lab, name):
    """As the guide has it: standby, another server, unstandby."""
    node = lab.node(name)
    lab.on_live_node(["crm_attribute", "--node", name, "--name", "standby", "--update", "on"])
    lab.wait_until(lambda: node.mysqld() is None, 60, f"the server of {name} to stop")
    path = node.path("/etc/mysql/lab.cnf")
    write_text(path, re.sub(r"(?m)^version = .*\n", "", read_text(path)) + f"version = {NEWER}\n")
    lab.on_live_node(["crm_attribute", "--node", name, "--name", "standby", "--update", "off"])
    wait_acknowledging(lab)


def rolling_upgrade(lab):
    """Replicas first. One that is newer does not become the primary of one that is older; the old primary comes last."""
    primary = lab.wait_settled(120, failures_ok=True)
    first, second = others(lab, primary)
    with Trial(lab, expect_move=False) as trial:
        upgrade(lab, first)
        lab.move(first)
        try:
            said = wait_for_sentence(lab, "its server is of version 11.4, .*: upgrade that first", 30, f"crm_mon to say why {first} does not take over")
        finally:
            lab.clear()
        upgrade(lab, second)
    with Trial(lab, expect_move=True) as moved:
        lab.move(first)
        lab.wait_until(lambda: lab.primary() == first, 90, f"{first} to be promoted")      # what was refused is refused for half a minute
        lab.clear()
        upgrade(lab, primary)
    lab.cleanup()
    return f"{said!r}; {trial.note}; then {moved.note}"


TESTS = [("Pacemaker and the agent are replaced under running servers", upgraded),
         ("in maintenance mode nothing is recovered", unattended)]
MARIADB_TESTS = [("a rolling upgrade", rolling_upgrade)]          # MySQL's server cannot be told to be of another version
