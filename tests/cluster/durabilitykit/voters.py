"""The number of voters changes under load: clone-max goes from three to two, and back."""
import time

from suite import Trial, check

from .look import SETTLED_S, others, published_record, record, wait_whole

PAUSE_S = 3.0           # in which writes go on while an instance comes or goes
RECORDED_S = 65         # from the change to the record: half a minute until it is seen, as much until the last node has stored it


def set_clone_max(lab, number, without=None):
    """As the guide says: what is to go is banned first, for Pacemaker may stop the primary's instance; the monitors that run keep the number
    that they were begun with, so they are begun anew."""
    if without:
        lab.on_live_node(["crm_resource", "--resource", "db-clone", "--ban", "--node", without])
        wait_for_instances(lab, number)         # both at once, and Pacemaker stops two
    lab.on_live_node(["crm_resource", "--resource", "db-clone", "--meta", "--set-parameter", "clone-max", "--parameter-value", str(number)])
    if not without:
        lab.clear()
    wait_for_instances(lab, number)
    lab.on_live_node(["crm_resource", "--resource", "db-clone", "--refresh"], timeout=60)


def wait_for_instances(lab, number):
    """Until that many run. Returns their nodes."""
    def reached():
        names = lab.state().where("db")
        return names if len(names) == number else " ".join(names) or "none"
    return lab.wait_until(reached, 60, f"{number} instances to run", interval=0.3)


def wait_for_voters(lab, names, number):
    """Until the record on all these nodes and in the cluster's property names so many. Returns it."""
    def told():
        seen = {record(lab, name) for name in names} | {published_record(lab)}
        return len(seen) == 1 and seen.copy().pop().split(":")[1:3] == ["majority", str(number)] or " ".join(sorted(seen))
    lab.wait_until(told, RECORDED_S + SETTLED_S, f"the record to name {number} voters", interval=0.3)
    return published_record(lab)


def change(lab, before, number):
    """clone-max becomes `number` under load. Returns the nodes that have an instance then, and what was seen."""
    with Trial(lab, expect_move=False, nodes=before) as trial:
        set_clone_max(lab, number, without=others(lab, trial.before)[0] if number < len(lab.nodes) else None)
        trial.nodes = wait_for_instances(lab, number)
        text = wait_for_voters(lab, trial.nodes, number)
        took = time.monotonic() - trial.at
    check(trial.outage <= PAUSE_S, f"the longest pause was {trial.outage:.2f} s, more than {PAUSE_S} s")
    return trial.nodes, f"{text} after {took:.1f} s, longest pause {trial.outage:.2f} s"


def move(lab, names):
    """A failover among these."""
    with Trial(lab, expect_move=True, nodes=names) as trial:
        lab.fault("kill-mysqld", trial.before)
    return trial.note


def back_to_three(lab):
    set_clone_max(lab, len(lab.nodes))
    lab.cleanup()
    wait_whole(lab)


def shrink(lab):
    wait_whole(lab)
    try:
        names, said = change(lab, None, 2)
        moved = move(lab, names)
    finally:
        back_to_three(lab)
    return f"{said}; then {moved}"


def grow(lab):
    primary = wait_whole(lab)
    try:
        set_clone_max(lab, 2, without=others(lab, primary)[0])
        names = wait_for_instances(lab, 2)
        wait_for_voters(lab, names, 2)
        _, said = change(lab, names, 3)
        moved = move(lab, None)
    finally:
        back_to_three(lab)
    return f"{said}; then {moved}"


TESTS = [
    ("the number of voters shrinks from three to two", shrink),
    ("the number of voters grows from two to three", grow),
]
