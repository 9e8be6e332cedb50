"""Two nodes: fencing stands in for the second vote, and wait_for_all keeps one that boots alone from deciding."""
import re
import time

from suite import Trial, check, judge_data, wait_in_sync

from .alone import alone_and_back, alone_and_killed
from .look import crm_mon, expect_nobody_open, others, wait_acknowledging, wait_for_mode, wait_whole

MEMBERSHIP_S = 1.0 + 1.2        # Corosync's token, and the consensus on who is left
ALONE_FOR = 10.0


def fencing_of(lab, name, after):
    """(when it was asked for, when it was done) of the first fencing of a node after a moment."""
    with open(lab.directory + "/power.log") as log:
        for line in log:
            found = re.match(rf"\S+ ([\d.]+) (?:reboot|off) {name} for .*: OK.* after (\d+) ms", line)
            if found and float(found[1]) > after:
                return float(found[1]) - int(found[2]) / 1000, float(found[1])
    return None


def after_fencing(lab, trial, name, at, limit):
    """(when the fencing of a node that died at `at` was asked for, how long writes paused on after it was done); at most `limit` s."""
    asked, done = fencing_of(lab, name, at) or (None, None)
    check(done, f"{name} was not fenced")
    after = trial.outage - (done - at)
    check(after <= limit, f"writes paused for {after:.1f} s more after the fencing; {trial.note}")
    return asked, after


def wait_over(lab):
    """Until what happened before is over: a primary that still is alone, by its record, is not replaced by the other one."""
    primary = wait_whole(lab)
    wait_for_mode(lab, "majority", 30)
    return primary


def kill_replica_node(lab):
    """Writes wait for the membership, the fencing, and a moment; never longer."""
    wait_over(lab)
    flags = lab.on_live_node(["corosync-quorumtool", "-s"]).stdout
    check("2Node" in flags and "WaitForAll" in flags, "corosync.conf does not have two_node with wait_for_all")
    with Trial(lab, expect_move=False) as trial:
        replica, = others(lab, trial.before)
        at = time.monotonic()
        lab.fault("kill-node", replica)
    asked, done = fencing_of(lab, replica, at) or (None, None)
    check(done, f"{replica} was not fenced")
    length, start = max(gap for gap in trial.log.gaps(after=at) if gap[1] < at + 30)
    parts = (f"pause {length:.2f} s = {asked - start:.2f} s until fencing was asked for (membership {MEMBERSHIP_S} s) + "
             f"{done - asked:.2f} s fencing + {start + length - done:.2f} s until the next acknowledgement")
    check(length <= done - at + 2.0, f"{parts}; more than 2 s after the fencing")
    note = "" if length <= MEMBERSHIP_S + (done - asked) + 2.0 else "; more than membership + fencing + 2 s"
    return parts + note


def kill_primary_node(lab):
    wait_over(lab)
    with Trial(lab, expect_move=True) as trial:
        lab.fault("kill-node", trial.before)
    return trial.note


def peer_boots_alone(lab):
    """The primary that was alone dies; its peer, which lacks what was taken meanwhile, boots alone: it must not serve."""
    primary = wait_over(lab)
    peer, = others(lab, primary)
    lab.set("reboot-after", "never")
    application = lab.start_writers(writers=1)
    try:
        application.wait_for_ack()
        lab.fault("kill-node", peer)
        application.wait_for_ack(after=time.monotonic() + 4, timeout=30)
        time.sleep(1)
        lab.fault("kill-node", primary)
        dark = time.monotonic()
        lab.node(peer).power_on()
        time.sleep(ALONE_FOR)
        said = crm_mon(lab)
        check(not application.log().times(after=dark), f"{peer} acknowledges writes, but lacks what {primary} took alone")
        expect_nobody_open(lab, [peer], f"but lacks what {primary} took alone")
        lab.node(primary).power_on()
        wait_acknowledging(lab)
        application.wait_for_ack(after=time.monotonic(), timeout=60)
    finally:
        lab.set("reboot-after", "1")
        for node in lab.nodes:
            node.power_on()
        log = application.stop()
    wait_in_sync(lab)
    judge_data(lab, log)
    check("WITHOUT quorum" in said or "must report" in said, f"crm_mon does not say why {peer} does not serve: {said[-400:]}")
    return f"{peer} served nothing for {ALONE_FOR:.0f} s; {len(log.acked)} acknowledged, lost 0"


TESTS = [
    ("two nodes: the replica's node killed", kill_replica_node),
    ("two nodes: the primary's node killed", kill_primary_node),
    ("two nodes: the replica's server broken: alone, and back", alone_and_back),
    ("two nodes: alone, and away: the other is not promoted", alone_and_killed),
    ("two nodes: the one that was alone dies, the other boots alone", peer_boots_alone),
]
