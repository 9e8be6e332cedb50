"""A fourth node, whose disk is empty, is added while clients write."""
import dataclasses
import time

from suite import check, judge_data, wait_in_sync
from labkit import LabError, resources
from durabilitykit.hands import copies
from durabilitykit.look import wait_acknowledging
from durabilitykit.voters import wait_for_instances, wait_for_voters

COMMAND = ["pcs", "resource", "meta", "db-clone", "clone-max=4"]
GAP_S = 0.5


def start_with_three(lab):
    """Three instances, on the first three nodes; the fourth node is a member of the cluster that runs none."""
    spec = resources.systole(lab.flavour)
    lab.on_live_node(["crm_attribute", "--node", "node4", "--name", "standby", "--update", "on"])
    lab.configure(dataclasses.replace(spec, meta={**spec.meta, "clone-max": "3"}))
    three = [node.name for node in lab.nodes[:3]]
    primary = lab.wait_settled(180, nodes=three, failures_ok=True)
    lab.set_up_application()
    wait_in_sync(lab, nodes=three)
    lab.on_live_node(["crm_attribute", "--node", "node4", "--name", "standby", "--delete"])
    wait_for_voters(lab, three, 3)
    check(sorted(wait_for_instances(lab, 3)) == three, "node4 runs an instance already")
    check(not lab.node(4).run("ls /var/lib/mysql/ibdata1").ok, "the disk of node4 is not empty")
    return f"{primary} is the primary of three; node4 is empty"


def voters_told(lab):
    """(the record that names four voters, None), or (None, why there is none)."""
    try:
        return wait_for_voters(lab, [node.name for node in lab.nodes], 4), None
    except LabError as never:
        return None, str(never)


def fourth_node(lab):
    application = lab.start_writers()
    try:
        application.wait_for_ack()
        primary, at = lab.primary(), time.monotonic()
        lab.on_live_node(COMMAND)
        wait_for_instances(lab, 4)
        wait_acknowledging(lab)
        in_sync = time.monotonic() - at
        voters, never = voters_told(lab)
        took = time.monotonic() - at
        application.wait_for_ack()
    finally:
        log = application.stop()
    wait_in_sync(lab)
    judge_data(lab, log)
    gap = log.longest_gap(after=at)
    check(lab.primary() == primary, f"the role went from {primary} to {lab.primary()}")
    check(copies(lab, "node4") > 0, "node4 was never filled")
    figures = f"acknowledging after {in_sync:.1f} s, longest write gap {gap:.2f} s, acknowledged {len(log.acked)}, lost 0"
    check(gap < GAP_S, f"{figures}: the gap is not under {GAP_S} s")
    check(voters, f"{figures}; but the fourth node is no voter: {never}")
    return f"{figures}; {voters} after {took:.1f} s"


TESTS = [("a fourth node with an empty disk, added with one command under load", fourth_node)]
