"""Two nodes and a quorum device: one alone has quorum, also after it has booted alone; that is no proof that it has everything."""
import time

from suite import Trial, check, judge_data, wait_in_sync

from .look import crm_mon, expect_nobody_open, others, wait_acknowledging
from .pair import after_fencing, wait_over

ALONE_FOR = 15.0
AFTER_FENCING_S = 5     # the node that was fenced is not back by then


def has_quorum(lab, name):
    return "Quorate:          Yes" in lab.node(name).run(["corosync-quorumtool", "-s"]).stdout


def expect_device(lab):
    flags = lab.on_live_node(["corosync-quorumtool", "-s"]).stdout
    check("2Node" not in flags and "WaitForAll" not in flags, "corosync.conf has two_node or wait_for_all beside the quorum device")
    for node in lab.nodes:
        lab.wait_until(lambda node=node: lab.device_votes(node), 60, f"the quorum device to vote with {node.name}")


def kill(lab, choose, expect_move):
    """Membership, the device's vote, fencing; then writes go on."""
    wait_over(lab)
    expect_device(lab)
    with Trial(lab, expect_move=expect_move) as trial:
        victim = choose(trial.before)
        at = time.monotonic()
        lab.fault("kill-node", victim)
    asked, _ = after_fencing(lab, trial, victim, at, AFTER_FENCING_S)
    expect_device(lab)
    return f"{trial.note}; fencing was asked for after {asked - at:.1f} s"


def kill_replica_node(lab):
    return kill(lab, lambda primary: others(lab, primary)[0], expect_move=False)


def kill_primary_node(lab):
    return kill(lab, lambda primary: primary, expect_move=True)


def peer_boots_alone(lab):
    """The primary that was alone dies; its peer boots alone and gets the device's vote, but lacks what was taken meanwhile."""
    primary = wait_over(lab)        # else the peer knows from before that the primary was alone
    expect_device(lab)
    peer, = others(lab, primary)
    lab.set("reboot-after", "never")
    application = lab.start_writers(writers=1)
    try:
        application.wait_for_ack()
        lab.fault("kill-node", peer)
        killed = time.monotonic()
        application.wait_for_ack(after=killed + 4, timeout=60)
        time.sleep(1)
        lab.fault("kill-node", primary)
        dark = time.monotonic()
        taken = len(application.log().times(after=killed))
        lab.node(peer).power_on()
        lab.wait_until(lambda: has_quorum(lab, peer), 60, f"{peer} to have quorum alone")
        lab.wait_until(lambda: bool(lab.node(peer).mysqld()), 60, f"the server of {peer} to be started")
        time.sleep(ALONE_FOR)
        said = crm_mon(lab)
        check(has_quorum(lab, peer), f"{peer} has lost the device's vote: the test shows nothing")
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
    reason = next((line.strip() for line in said.splitlines() if "has not heard of the other node" in line), None)
    check(reason, f"crm_mon does not say why {peer} does not serve: {said[-600:]}")
    return (f"{taken} writes were acknowledged without {peer}, which then had quorum alone and served nothing for {ALONE_FOR:.0f} s; "
            f"{len(log.acked)} acknowledged, lost 0; {reason!r}")


TESTS = [
    ("two nodes and a quorum device: the replica's node killed", kill_replica_node),
    ("two nodes and a quorum device: the primary's node killed", kill_primary_node),
    ("two nodes and a quorum device: the one that was alone dies, the other boots alone", peer_boots_alone),
]
