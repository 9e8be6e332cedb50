"""A primary that was alone is destroyed for good: what only it had is given up, by the commands of the page that says so, as they stand there."""
import os
import re
import time
import types

from suite import HERE, check, wait_in_sync

from .alone import go_alone
from .look import DATADIR, break_server, expect_nobody_open, mend_server, others, wait_for_sentence, wait_whole

PAGE = os.path.join(HERE, "..", "..", "doc", "what-can-be-lost.md")


def commands():
    """Of the section on durability=adaptive: those for every node, and the one for the cluster."""
    with open(PAGE, encoding="utf-8") as page:
        section = page.read().split("durability=adaptive`")[1].split("\n## ")[0]
    blocks = [block.replace("RESOURCE", "db") for block in re.findall(r"(?:^    .*\n)+", section, re.MULTILINE)]
    check(len(blocks) == 2, f"the page has {len(blocks)} blocks of commands, not one for every node and one for the cluster")
    return blocks


def meta(lab, role):
    lab.on_live_node(["crm_resource", "--resource", "db-clone", "--meta", "--set-parameter", "target-role", "--parameter-value", role])


def destroyed(lab):
    for_each, once = commands()
    primary = wait_whole(lab)
    with lab.start_writers() as application:
        application.wait_for_ack(timeout=60)
        go_alone(lab, types.SimpleNamespace(before=primary, application=application))
        break_server(lab, primary)
    for name in others(lab, primary):
        mend_server(lab, name)
    lab.cleanup()
    # Its fencing switches it on again: a machine in its place, with nothing on its disks.
    lab.node(primary).run(f"rm -rf {DATADIR}/* {DATADIR}/.systole* /var/lib/systole/db /run/systole", check=True)
    mend_server(lab, primary)
    lab.fault("kill-node", primary)
    lab.wait_until(lambda: all(node.alive() and node.mysqld() for node in lab.nodes), 60, f"{primary} to be back, and all servers")
    said = wait_for_sentence(lab, f"{primary} took writes alone", 60, "crm_mon to say whose data are missing")
    time.sleep(5)
    expect_nobody_open(lab, others(lab, primary), f"while {primary}, which was alone, was gone")

    meta(lab, "Stopped")
    lab.wait_until(lambda: not any(node.mysqld() for node in lab.nodes), 60, "the resource to be stopped")
    for node in lab.nodes:
        node.run(for_each, check=True)
    lab.on_live_node(once)
    meta(lab, "Started")
    at = time.monotonic()
    promoted = wait_whole(lab)
    took = time.monotonic() - at
    check(promoted != primary, f"{primary} is the primary, whose disks were empty")
    lab.set_up_application()
    with lab.start_writers() as application:
        application.wait_for_ack(timeout=60)
    wait_in_sync(lab)
    return f"{promoted} is the primary, and all are in sync, {took:.1f} s after the start; before: {said!r}"


TESTS = [("alone, and destroyed: what it took is given up", destroyed)]
