"""What people do to running servers, and what a former primary brings back."""
import time

from suite import Trial, check, judge_data, read_log

from .look import PRIMARY_S, REPLICA_S, others, wait_whole, words


def time_until(lab, name, query, wanted, timeout, what):
    started = time.monotonic()
    lab.wait_until(lambda: lab.sql(name, query) == [[wanted]], timeout, what, interval=0.05)
    return time.monotonic() - started


def opened_replica(lab):
    """Somebody makes a replica writable: it is closed again within two monitors."""
    primary = wait_whole(lab)
    closed = "super_read_only" if lab.flavour.name == "mysql" else "read_only"
    took = {}
    for name in others(lab, primary):
        lab.sql(name, words(lab)["open"])
        took[name] = time_until(lab, name, f"SELECT @@GLOBAL.{closed}", "1", 20, f"{name} to be closed again")
    figures = ", ".join(f"{name} after {seconds:.1f} s" for name, seconds in took.items())
    check(max(took.values()) <= 2 * REPLICA_S, f"closed again: {figures}; more than {2 * REPLICA_S} s")
    check(lab.wait_settled(60, failures_ok=True) == primary, "the role has moved")
    return "closed again: " + figures


def semisync_off(lab):
    """Somebody switches semi-sync off, on the primary and on a replica."""
    primary = wait_whole(lab)
    took = {}
    for name, part, limit in ((primary, "source", 2 * PRIMARY_S), (others(lab, primary)[0], "replica", 2 * REPLICA_S)):
        variable = words(lab)[part]
        lab.sql(name, f"SET GLOBAL {variable} = 0")
        took[name] = time_until(lab, name, f"SELECT @@GLOBAL.{variable}", "1", 20, f"{variable} of {name} to be on again")
        check(took[name] <= limit, f"{variable} of {name} was on again after {took[name]:.1f} s, more than {limit} s")
    status = f"SELECT VARIABLE_VALUE FROM {'performance_schema' if lab.flavour.name == 'mysql' else 'information_schema'}.global_status " \
             f"WHERE VARIABLE_NAME = '{words(lab)['replica_status']}'"
    time_until(lab, others(lab, primary)[0], status, "ON", 10, "the replica to acknowledge again")
    # The same with the variables under which it would acknowledge by itself, sooner or later.
    for variable, wrong, right in words(lab)["lossless"]:
        lab.sql(primary, f"SET GLOBAL {variable} = {wrong}")
        took[variable] = time_until(lab, primary, f"SELECT @@GLOBAL.{variable}", right, 20, f"{variable} to be {right} again")
        check(took[variable] <= 2 * PRIMARY_S, f"{variable} was {right} again after {took[variable]:.1f} s, more than {2 * PRIMARY_S} s")
    return ", ".join(f"{name} after {seconds:.1f} s" for name, seconds in took.items())


def unacknowledged_tail(lab):
    """A primary with commits that nobody has received is killed; it comes back, and what nobody was promised is gone or everywhere."""
    with Trial(lab, expect_move=True) as trial:
        inside = lab.start_writers(at=trial.before, host="127.0.0.1", period_ms=20)
        try:
            inside.wait_for_ack()
            lab.fault("block-replication", trial.before)
            time.sleep(0.25)                            # too short to go alone
            lab.fault("kill-mysqld", trial.before)
            lab.wait_until(lambda: lab.primary() not in (None, trial.before), 60, "another node to be promoted")
            lab.fault("clear-block-replication", trial.before)
        finally:
            inside.terminate()
    inner = read_log(inside.path)
    judge_data(lab, inner)
    kept = lab.rows(trial.after)
    sent = sorted(inner.unknown)
    check(sent, "no write was under way when the primary was killed: the test has shown nothing")
    return f"{trial.note}; {len(sent)} writes without an answer, {len(set(sent) & kept)} of them are there, on all nodes"


TESTS = [
    ("a replica made writable by hand", opened_replica),
    ("semi-sync switched off by hand", semisync_off),
    ("a former primary with an unacknowledged tail", unacknowledged_tail),
]
