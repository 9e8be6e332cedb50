"""A primary that loses its replicas: goes alone, stays the only one, comes back; or waits, as it was told."""
import time

from suite import Trial, check

from .look import (PRIMARY_S, acknowledged_since, break_server, crm_mon, expect_nobody_open, expect_silence, marks, mend_all,
                   mend_server, mode, others, published_record, record, set_parameters, wait_acknowledging, wait_for_mode,
                   wait_for_sentence)

ALONE_S = PRIMARY_S + 2.0       # seconds in which writes go on without replicas
SILENT_S = 20                   # the same when their connections look alive: replica_net_timeout's order, given by nobody
BACK_S = 30                     # from the repair to the record; how long the servers' start takes is not this test's matter


def go_alone(lab, trial):
    """Both replicas break for good. Returns the pause, and the sentence that crm_mon says."""
    at = time.monotonic()
    for name in others(lab, trial.before):
        break_server(lab, name)
    broken = time.monotonic()
    trial.application.wait_for_ack(after=broken + 0.3, timeout=30)
    sentence = wait_for_sentence(lab, "alone: commits are acknowledged", 15, "crm_mon to say why it is alone")
    wait_for_sentence(lab, "primary, alone", 5, "crm_mon to show the state word `primary, alone`")
    wait_for_mode(lab, "alone", 10, enough=len(lab.nodes) // 2 + 1)
    check(published_record(lab).endswith(f":{trial.before}"), f"the record names another primary: {published_record(lab)}")
    return trial.application.log().longest_gap(after=at), sentence


def kill_replica(lab):
    """Three times in a row: nobody waits for a replica that is gone while another one is there."""
    pauses = []
    for turn in range(3):
        with Trial(lab, expect_move=False) as trial:
            lab.fault("kill-mysqld", others(lab, trial.before)[turn % 2])
        pauses.append(trial.outage)
    figures = "longest pauses " + " ".join(f"{pause:.2f}" for pause in pauses) + " s"
    check(max(pauses) < 0.5, f"{figures}: more than 0.5 s")
    return figures


def alone_and_back(lab):
    with Trial(lab, expect_move=False) as trial:
        known = len(marks(lab, trial.before))
        try:
            pause, sentence = go_alone(lab, trial)
            alone = published_record(lab)
        finally:
            mended = time.monotonic()
            mend_all(lab)
        back, moment = wait_for_mode(lab, "majority", BACK_S)
        took = moment - mended
    check(back.split(".")[0] == alone.split(".")[0], f"the epoch has changed: {alone}, then {back}")
    lab.wait_until(lambda: "primary, alone" not in crm_mon(lab), 5, "crm_mon to say no more `primary, alone`")
    for node in lab.nodes:
        reasons = [reason for _, _, reason in marks(lab, node.name)[known:]]
        # More than one: a monitor was ended after its mark, by the cleanup, and the next one began anew.
        check(set(reasons) == {"enough replicas are back"}, f"the marks since then on {node.name} are {reasons}")
    check(pause <= ALONE_S, f"writes went on after {pause:.2f} s, more than {ALONE_S} s")
    return f"writes went on after {pause:.2f} s, {alone} then {back} after {took:.1f} s; {sentence!r}"


def alone_and_killed(lab):
    """What the alone primary took is on its disk only: while it is away, the others, healthy, promote nobody."""
    with Trial(lab, expect_move=False) as trial:
        try:
            go_alone(lab, trial)
            alone_at = time.monotonic()
            trial.application.wait_for_ack(after=alone_at)
            break_server(lab, trial.before)
            dead = time.monotonic()
            for name in others(lab, trial.before):
                mend_server(lab, name)
            lab.cleanup()
            lab.wait_until(lambda: all(lab.node(name).mysqld() for name in others(lab, trial.before)), 30, "the replicas to be back")
            expect_silence(trial.application, 8, f"while {trial.before}, which was alone, was away")
            expect_nobody_open(lab, others(lab, trial.before), f"while {trial.before}, which was alone, was away")
            check(acknowledged_since(trial.application, dead + 0.3) == 0, "writes were acknowledged without the node that was alone")
            said = crm_mon(lab)
        finally:
            mend_all(lab)
    check(f"{trial.before} took writes alone" in said, f"{trial.note}; but crm_mon did not say that the others wait for {trial.before}")
    return trial.note


def alone_primary_needs_one_other(lab):
    """Killed while alone, it comes back by itself, but serves only when one other node has reported."""
    with Trial(lab, expect_move=False) as trial:
        first = others(lab, trial.before)[0]
        try:
            go_alone(lab, trial)
            lab.fault("kill-mysqld", trial.before)
            dead = time.monotonic()
            time.sleep(0.3)
            lab.wait_until(lambda: lab.node(trial.before).mysqld(), 30, "its server to be back")
            expect_silence(trial.application, 6, "though no other node has reported")
            said = crm_mon(lab)
            mend_server(lab, first)
            lab.cleanup()
            trial.application.wait_for_ack(after=dead + 1, timeout=60)
            check(lab.primary() == trial.before, f"{lab.primary()} was promoted, not {trial.before}, which was alone")
        finally:
            mend_all(lab)
    check("must report" in said, f"{trial.note}; but crm_mon did not say that a report was missing")
    return trial.note


def back_and_killed(lab):
    """One replica has everything again, and only then the primary dies for good. The third node, which was away all the time, gives the
    second report, and what was taken alone is kept by the first."""
    with Trial(lab, expect_move=True) as trial:
        first, third = others(lab, trial.before)
        try:
            go_alone(lab, trial)
            mend_server(lab, first)
            lab.cleanup(first)
            wait_for_mode(lab, "majority", BACK_S, enough=2)
            break_server(lab, trial.before)
            dead = time.monotonic()
            mend_server(lab, third)
            lab.cleanup(third)
            trial.application.wait_for_ack(after=dead + 0.5, timeout=60)
            promoted = lab.primary()
            check(promoted in (first, third), f"{promoted} is the primary, not {first} or {third}")
        finally:
            mend_all(lab)
    return trial.note


def majority_waits(lab):
    """durability=majority: no acknowledgement without replicas, never alone, and all is released when one is back."""
    set_parameters(lab, durability="majority")
    try:
        with Trial(lab, expect_move=False, writers=1) as trial:
            first = others(lab, trial.before)[0]
            before = record(lab, trial.before)
            try:
                for name in others(lab, trial.before):
                    break_server(lab, name)
                time.sleep(0.3)
                expect_silence(trial.application, 6, "though both replicas are gone and durability=majority")
                said = wait_for_sentence(lab, "commits wait: 0 of 1 replicas", 10, "crm_mon to say that commits wait")
                held = {node.name: mode(record(lab, node.name)) for node in lab.nodes}
                check("alone" not in held.values(), f"it has recorded that it goes alone: {held}")
                mended = time.monotonic()
                mend_server(lab, first)
                lab.cleanup(first)
                took = trial.application.wait_for_ack(after=mended, timeout=60) - mended
            finally:
                mend_all(lab)
            after = record(lab, trial.before)
        check(after.split(".")[0] == before.split(".")[0], f"the epoch has changed: {before}, {after}")
    finally:
        set_parameters(lab, durability=None)
    return f"released {took:.1f} s after one was repaired; {said!r}"


def replication_network(lab):
    """Both replicas live, but their acknowledgements no longer arrive, and their connections look alive: writes must not hang for ever."""
    with Trial(lab, expect_move=False, writers=1) as trial:
        at = time.monotonic()
        try:
            lab.fault("block-replication", trial.before)
            trial.application.wait_for_ack(after=at + 0.5, timeout=60)
        finally:
            lab.fault("clear-block-replication", trial.before)
            lab.cleanup()
        wait_acknowledging(lab)
    check(trial.outage <= SILENT_S, f"writes went on after {trial.outage:.1f} s, more than {SILENT_S} s")
    return trial.note


TESTS = [
    ("a replica killed under load, three times", kill_replica),
    ("both replicas broken: alone, and back", alone_and_back),
    ("alone, and away: the others promote nobody", alone_and_killed),
    ("alone, and killed: it waits for one other", alone_primary_needs_one_other),
    ("one replica is back, then the primary dies for good", back_and_killed),
    ("the replication network cut: alone, and back", replication_network),
    ("durability=majority waits", majority_waits),
]
