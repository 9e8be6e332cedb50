"""A replica that was down: for some binary logs, and for longer than they are kept."""
import contextlib
import time

from suite import Trial, check
from durabilitykit.hands import copies
from durabilitykit.look import others, wait_acknowledging

from .data import COPY_S, expect_everything, worker_log

LOGS = 5


@contextlib.contextmanager
def switched_off(lab, name):
    """Its node has no power within the block, and what fences it leaves it so."""
    lab.set("reboot-after", "never")
    try:
        lab.node(name).power_off()
        lab.wait_until(lambda: name not in lab.state().online and name not in lab.state().unclean, 60, f"{name} to be fenced")
        yield
    finally:
        lab.set("reboot-after", "1")
        lab.node(name).power_on()


def binlogs(lab, name):
    return [row[0] for row in lab.sql(name, "SHOW BINARY LOGS")]


def write_binlogs(lab, trial, primary):
    """Several binary logs with acknowledged writes in each. Returns the first and the last one's name."""
    first = binlogs(lab, primary)[-1]
    for _ in range(LOGS):
        trial.application.wait_for_ack()
        lab.sql(primary, "FLUSH BINARY LOGS")
    trial.application.wait_for_ack()
    last = binlogs(lab, primary)[-1]
    check(int(last.split(".")[1]) - int(first.split(".")[1]) >= LOGS, f"the primary went from {first} to {last}, not {LOGS} binary logs further")
    return first, last


def purge(lab, name, gone):
    """All but the newest binary log are removed, as an administrator does it. A server keeps what it still reads for a node that is gone."""
    lab.sql(name, "FLUSH BINARY LOGS")
    last = binlogs(lab, name)[-1]
    for ident, host in lab.sql(name, "SELECT id, host FROM information_schema.processlist WHERE command LIKE 'Binlog Dump%'"):
        if host.split(":")[0] in (gone, lab.node(gone).address):
            lab.sql(name, f"KILL {ident}", check=False)

    def purged():
        lab.sql(name, f"PURGE BINARY LOGS TO '{last}'")
        left = binlogs(lab, name)
        return left == [last] or f"{name} still has {left}"
    lab.wait_until(purged, 30, "the binary logs to be purged", interval=0.3)


def down_for_logs(lab):
    wait_acknowledging(lab)
    with Trial(lab, expect_move=False, settle=COPY_S) as trial:
        name = others(lab, trial.before)[0]
        before = copies(lab, name)
        with switched_off(lab, name):
            first, last = write_binlogs(lab, trial, trial.before)
        started = time.monotonic()
        wait_acknowledging(lab)
        took = time.monotonic() - started
    check(copies(lab, name) == before, f"{name} was filled again, though {trial.before} had all binary logs: {worker_log(lab, name)[-400:]}")
    return f"{name} was off from {first} to {last}, and acknowledged again {took:.1f} s after it was switched on, without a copy; {trial.note}"


def down_for_too_long(lab):
    wait_acknowledging(lab)
    with Trial(lab, expect_move=False, settle=COPY_S) as trial:
        name, other = others(lab, trial.before)
        before = copies(lab, name)
        with switched_off(lab, name):
            first, last = write_binlogs(lab, trial, trial.before)
            for node in (trial.before, other):
                purge(lab, node, name)
        started = time.monotonic()
        wait_acknowledging(lab, COPY_S)
        took = time.monotonic() - started
    check(copies(lab, name) > before, f"{name} is in sync, but no copy was made: the purge has shown nothing")
    expect_same_application(lab)
    return f"{name} was off from {first} to {last}, which were purged; filled again by itself, it acknowledged {took:.1f} s after it was " \
           f"switched on; {trial.note}"


def expect_same_application(lab):
    """The table of large rows is there only when an earlier test has filled it."""
    if lab.sql(lab.primary(), "SHOW TABLES FROM lab LIKE 'bulk'"):
        expect_everything(lab)


TESTS = [
    ("a replica whose node was off for several binary logs returns without a copy", down_for_logs),
    ("a replica whose node was off beyond the binary logs is filled again", down_for_too_long),
]
