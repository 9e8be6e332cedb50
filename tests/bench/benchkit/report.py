"""The tables, and the bars: what was promised, what was measured, met or missed."""
import math
import statistics
from dataclasses import dataclass

from .trial import MEANING

ROLES = ("promoted", "unpromoted")
TENTH = 0.1


@dataclass
class Bar:
    promise: str
    measured: str
    met: bool


def median(outcomes):
    """The median outage of the runs; infinite when most of them had none that ended."""
    return statistics.median(outcome.outage_s for outcome in outcomes) if outcomes else math.inf


def seconds(value, bound=70):
    return f">{bound:.0f}" if value is None or math.isinf(value) else f"{value:.2f}"


def table(head, rows):
    """Lines of a table whose columns fit their longest cell."""
    rows = [[str(cell) for cell in row] for row in rows]
    widths = [max(len(row[column]) for row in [head, *rows]) for column in range(len(head))]
    lines = [head, ["-" * width for width in widths], *rows]
    return "\n".join("| " + " | ".join(cell.ljust(width) for cell, width in zip(row, widths)) + " |" for row in lines)


def ratio(value, base):
    if base is None or value is None or not base or math.isinf(base):
        return "-"
    return "-" if math.isinf(value) else f"{value / base:.1f}"


def monitor_table(results):
    rows = []
    for role in ROLES:
        ours = results.get("systole", {}).get("monitor", {}).get(role)
        for name, found in results.items():
            cost = found.get("monitor", {}).get(role)
            if cost:
                rows.append([role, name, f"{cost.wall_ms:.1f}", ratio(cost.wall_ms, ours and ours.wall_ms), f"{cost.cpu_ms:.1f}",
                             ratio(cost.cpu_ms, ours and ours.cpu_ms), f"{cost.forks:g}", f"{cost.execs:g}", f"{cost.threads:g}",
                             f"{cost.peak_mib:.1f}", f"{cost.refreshed} of {cost.traced}"])
    return table(["role", "agent", "wall ms", "x", "CPU ms", "x", "forked", "execs", "threads", "peak MiB", "refreshed"], rows)


def outage_table(results):
    rows = []
    for fault, meaning in MEANING.items():
        ours = median(results.get("systole", {}).get(fault))
        for name, found in results.items():
            outcomes = found.get(fault)
            if outcomes:
                rows.append([meaning, name, seconds(median(outcomes)), ratio(median(outcomes), ours) if name != "systole" else "1",
                             *each_run(outcomes, database=name != "floor")])
    return table(["fault", "agent", "outage s", "x", "each run", "lost", "old primary in sync after s", "roles"], rows)


def each_run(outcomes, database=True):
    def listed(texts):
        return " / ".join(texts)
    return (listed("+".join(f"{length:.2f}" for length in outcome.outages) if outcome.over else ">70" for outcome in outcomes),
            listed("-" if not database else "?" if outcome.lost is None else str(outcome.lost) for outcome in outcomes),
            listed("NO" if outcome.back_s is None else f"{outcome.back_s:.1f}" for outcome in outcomes),
            listed(outcome.roles for outcome in outcomes))


def bars(results):
    """Every bar that this run could judge."""
    ours = results.get("systole")
    return [*monitor_bars(results), *outage_bars(results), *safety_bars(ours)] if ours else []


def monitor_bars(results):
    ours = results["systole"].get("monitor")
    if ours is None:
        return
    shells = [found["monitor"] for name, found in results.items() if name in ("mysql", "mariadb") and found.get("monitor")]
    for role in ROLES:
        cost = ours.get(role)
        for what, field in (("wall", "wall_ms"), ("CPU", "cpu_ms")):
            best = min((getattr(shell[role], field) for shell in shells if shell.get(role)), default=None)
            if best is not None:
                value = getattr(cost, field) if cost else math.inf
                yield Bar(f"monitor, {role}: {what} time at most a tenth of the better shell agent's ({best:.1f} ms)",
                          f"{value:.2f} ms, {value / best:.3f} of it", value <= TENTH * best)
        yield Bar(f"monitor, {role}: no forked process when nothing is to be refreshed",
                  f"at most {cost.quiet_forks}; {cost.refreshed} of {cost.traced} refreshed their attributes" if cost else "not measured",
                  bool(cost) and cost.quiet_forks == 0 and cost.refreshed <= cost.traced // 10)
        yield Bar(f"monitor, {role}: peak memory at most 20 MB", f"{cost.peak_mib * 1.048576:.1f} MB" if cost else "not measured",
                  bool(cost) and cost.peak_mib * 1.048576 <= 20)


LIMITS = {"move": 0.6, "kill-mysqld": 2.5, "shutdown-mysqld": 2.5, "stop-mysqld": 12.0}


def outage_bars(results):
    ours, floor = results["systole"], results.get("floor", {})
    outcomes = ours.get("kill-node")
    if outcomes is not None and floor.get("kill-node"):
        limit = median(floor["kill-node"]) + 0.5
        yield limit_bar("node killed: at most 0.5 s above Pacemaker's floor", outcomes, limit)
    if outcomes is not None:
        counts = [len(outcome.outages) if outcome.over else 0 for outcome in outcomes]
        yield Bar("node killed: one outage only", " / ".join(map(str, counts)), all(count == 1 for count in counts))
    for fault, limit in LIMITS.items():
        if ours.get(fault) is not None:
            yield limit_bar(MEANING[fault], ours[fault], limit)


def limit_bar(what, outcomes, limit):
    return Bar(f"{what}: at most {limit:.2f} s (median)", f"{seconds(median(outcomes))} s", median(outcomes) <= limit)


def safety_bars(ours):
    trials = [(fault, outcome) for fault in MEANING for outcome in ours.get(fault) or []]
    if not trials:
        return
    lost = [outcome.lost for _, outcome in trials]
    unknown = lost.count(None)
    measured = f"{sum(filter(None, lost))} lost in {len(trials)} runs" + (f", {unknown} not judged" if unknown else "")
    yield Bar("no acknowledged write lost, in every run", measured, not any(lost) and not unknown)
    late = [fault for fault, outcome in trials if outcome.back_s is None]
    measured = f"{len(trials) - len(late)} of {len(trials)} runs" + (f", not after {', '.join(sorted(set(late)))}" if late else "")
    yield Bar("the old primary is back in sync by itself, in every run", measured, not late)


def bar_lines(found):
    width = max((len(bar.promise) for bar in found), default=0)
    return [f"{'met   ' if bar.met else 'MISSED'}  {bar.promise.ljust(width)}  {bar.measured}" for bar in found]
