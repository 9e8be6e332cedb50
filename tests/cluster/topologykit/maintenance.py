"""Maintenance: Pacemaker is stopped, the agent replaced, and Pacemaker started again, under servers that run on."""
import time

from suite import Trial, check
from labkit import process

LONGEST = 0.5
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


TESTS = [("Pacemaker and the agent are replaced under running servers", upgraded),
         ("in maintenance mode nothing is recovered", unattended)]
