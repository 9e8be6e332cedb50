"""Proves that the fault runs can fail: forged histories, each with one thing wrong, and the sequence that a seed stands for."""
import traceback

from . import client, plan
from .faults import KINDS
from .history import Copy, Row, Write, judge

TESTS = []


def test(function):
    """Registers a test; its name is a sentence."""
    TESTS.append(function)
    return function


def row(n, tx, server, account=0, amount=0, part=0, parts=1):
    return Row(n, tx, part, parts, account, amount, server)


def healthy():
    """Ten writes of a, a transfer, then ten of b: acknowledged one per second, and the same on three nodes."""
    rows = [row(n, n, "a") for n in range(1, 11)]
    rows += [row(11, 11, "a", 1, 5, 0, 2), row(12, 11, "a", 2, -5, 1, 2)]
    rows += [row(n, n, "b") for n in range(13, 23)]
    writes = [Write(tx, server, f"{server}1", tx - 0.1, float(tx)) for tx, server in {row.tx: row.server for row in rows}.items()]
    copies = {name: Copy(list(rows), {1: 5, 2: -5}, "0-1-22") for name in ("a", "b", "c")}
    return writes, copies


def counted(writes, copies, lost=0, double=0, diverged=0):
    verdict = judge(writes, copies)
    found = (len(verdict.lost), len(verdict.double), len(verdict.diverged))
    assert found == (lost, double, diverged), f"lost, double, diverged are {found}: {list(verdict.sentences())}"
    assert verdict.clean() == (found == (0, 0, 0))


def change(copies, name, function):
    copies[name].rows = [changed for old in copies[name].rows for changed in function(old)]


@test
def a_healthy_history_is_clean():
    counted(*healthy())


@test
def a_write_missing_everywhere_is_lost():
    writes, copies = healthy()
    for name in copies:
        change(copies, name, lambda row: [] if row.tx == 4 else [row])
    counted(writes, copies, lost=1)


@test
def a_write_missing_on_one_node_is_lost_and_that_node_has_diverged():
    writes, copies = healthy()
    change(copies, "c", lambda row: [] if row.tx == 4 else [row])
    counted(writes, copies, lost=1, diverged=1)


@test
def a_row_that_nobody_acknowledged_may_be_there():
    writes, copies = healthy()
    for copy in copies.values():
        copy.rows.append(row(23, 99, "b"))
    counted(writes, copies)


@test
def a_row_that_one_node_has_alone_is_a_divergence():
    writes, copies = healthy()
    copies["b"].rows.append(row(23, 99, "b"))
    counted(writes, copies, diverged=1)


@test
def a_different_value_in_one_row_is_a_divergence():
    writes, copies = healthy()
    change(copies, "b", lambda old: [row(old.n, old.tx, "a", amount=1)] if old.n == 3 else [old])
    counted(writes, copies, diverged=2)         # differs, and its amounts do not add up


@test
def half_a_transaction_is_a_divergence_on_each_node_that_has_it():
    writes, copies = healthy()
    for name in copies:
        change(copies, name, lambda row: [] if row.n == 12 else [row])
        copies[name].accounts = {1: 5}
    counted(writes, copies, diverged=3)


@test
def an_account_that_was_changed_without_its_ledger_is_a_divergence():
    writes, copies = healthy()
    for copy in copies.values():
        copy.accounts = {1: 5, 2: -6}
    counted(writes, copies, diverged=3)


@test
def positions_that_differ_are_a_divergence():
    writes, copies = healthy()
    copies["c"].position = "0-1-21"
    counted(writes, copies, diverged=1)


@test
def an_acknowledgement_asked_for_after_the_takeover_is_a_double():
    writes, copies = healthy()
    writes = [Write(10, "a", "a2", 15.0, 15.5) if write.tx == 10 else write for write in writes]
    writes = [Write(write.tx, "b", f"b{write.tx}", write.sent, write.at) if write.server == "b" else write for write in writes]
    counted(writes, copies, double=1)


@test
def an_acknowledgement_between_two_of_another_server_s_session_is_a_double():
    writes, copies = healthy()
    writes = [Write(10, "a", "a1", 15.1, 15.2) if write.tx == 10 else write for write in writes]
    writes = [write for write in writes if write.server == "a" or write.tx in (13, 14)]
    counted(writes, copies, double=3)           # the late one by the order of the data, 13 and 14 by the session


@test
def a_double_that_was_lost_is_found_by_its_session_alone():
    writes, copies = healthy()
    writes.append(Write(99, "a", "a9", 15.3, 15.4))
    counted(writes, copies, lost=1, double=1)


@test
def an_answer_that_is_read_late_is_no_double():
    writes, copies = healthy()
    writes = [Write(10, "a", "a2", 9.9, 15.5) if write.tx == 10 else write for write in writes]
    counted(writes, copies)


@test
def a_server_may_be_the_primary_again():
    writes, copies = healthy()
    for copy in copies.values():
        copy.rows += [row(n, n, "a") for n in range(23, 26)]
    writes += [Write(tx, "a", "a3", tx - 0.1, float(tx)) for tx in range(23, 26)]
    counted(writes, copies)


@test
def the_clients_transactions_add_up_to_nothing():
    sizes = set()
    for number in range(0, 600, 3):
        amounts = client.split(number)
        assert sum(amounts) == 0 and all(amounts), amounts
        sizes.add(len(amounts))
    assert sizes == {2, 3, 4}, sizes


@test
def a_seed_always_stands_for_the_same_sequence():
    first = [str(plan.step("7", number)) for number in range(1, 200)]
    assert first == [str(plan.step("7", number)) for number in range(1, 200)]
    assert first != [str(plan.step("8", number)) for number in range(1, 200)]


@test
def a_kind_that_is_left_out_changes_no_other_step():
    for number in range(1, 400):
        before, after = plan.step("7", number), plan.step("7", number, ("power-cut", "together"))
        names = {before.mode, *(action.kind for action in before.actions)}
        assert before == after or names & {"power-cut", "together"}
        assert not {after.mode, *(action.kind for action in after.actions)} & {"power-cut", "together"}


@test
def every_kind_is_drawn():
    drawn = {action.kind for number in range(1, 1000) for action in plan.step("7", number).actions}
    assert drawn == set(KINDS), set(KINDS) - drawn


def main():
    failed = 0
    for function in TESTS:
        name = function.__name__.replace("_", " ")
        try:
            function()
            print(f"ok   {name}")
        except Exception:
            failed += 1
            print(f"FAIL {name}: {traceback.format_exc()}")
    print(f"{len(TESTS) - failed} passed, {failed} failed")
    return 1 if failed else 0
