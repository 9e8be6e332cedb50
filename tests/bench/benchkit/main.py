"""compare: measures Systole, the shell agents and Pacemaker's floor one after the other, each on a fresh lab of the same kind."""
import argparse
import os
import re
import sys
import time

HERE = os.path.dirname(os.path.realpath(__file__))
BENCH = os.path.dirname(HERE)
sys.path[0] = BENCH
sys.path.insert(1, os.path.join(os.path.dirname(BENCH), "lab"))

from benchkit import contestants, monitor, report, trial        # noqa: E402
from labkit import FLAVOURS, Lab, LabError                      # noqa: E402
from labkit.install import install                              # noqa: E402
from labkit.lab import require_root                             # noqa: E402
from labkit.shell import run                                    # noqa: E402

SERVER, NODES, TOKEN = "mariadb", 3, 1000
NEEDED = ("bc",)            # ocf:heartbeat:mariadb calls it, and the resource-agents package does not depend on it
STARTS = 2                  # first starts in a row that may fail before the contestant is given up
QUICK_FAULTS = ["kill-mysqld", "kill-node", "move"]
SHELL_AGENTS = ("mysql", "mariadb")


class Run:
    """One contestant on its lab; the lab is made anew when a trial has left a cluster that does not heal."""

    def __init__(self, options, contestant):
        self.options, self.contestant = options, contestant
        self.lab = Lab(options.name)
        self.ready = False
        self.failed_starts = 0

    def __enter__(self):
        return self

    def __exit__(self, *_):
        if not self.options.keep:
            self.lab.down()

    def say(self, text):
        print(f"{time.strftime('%H:%M:%S')} {self.contestant.name}: {text}", flush=True)

    def require(self):
        """A settled cluster: the one that is there, cleaned up, or a new one."""
        if self.ready:
            try:
                self.lab.cleanup()
                self.lab.wait_settled(60, failures_ok=True)
                return
            except LabError as trouble:
                self.say(f"does not settle again ({trouble}): a new lab")
        self.ready = False
        if self.failed_starts >= STARTS:
            raise LabError("it has not started before")
        self.failed_starts += 1
        self.lab.down()
        self.lab.up(server=SERVER, nodes=NODES, token=TOKEN)
        started = time.monotonic()
        contestants.start(self.lab, self.contestant, self.options.property)
        self.failed_starts = 0
        self.say(f"serves {time.monotonic() - started:.1f} s after its configuration")
        self.ready = True

    def monitors(self):
        """Costs by role; None where the measurement failed."""
        found = {}
        try:
            self.require()
            time.sleep(3)
            primary = self.lab.wait_settled(60, failures_ok=True)
            replica = next(node.name for node in self.lab.nodes if node.name != primary)
            for role, node in (("promoted", primary), ("unpromoted", replica)):
                found[role] = cost = monitor.measure(self.lab, self.contestant, node, self.options.calls)
                self.say(f"monitor, {role}: {cost.wall_ms:.1f} ms wall, {cost.cpu_ms:.1f} ms CPU, {cost.forks:g} forked, "
                         f"exit codes {cost.codes}")
        except LabError as trouble:
            self.say(f"monitor not measured: {trouble}")
            self.ready = False
        return found

    def trials(self, fault):
        outcomes = []
        for number in range(self.options.shell_runs if self.contestant.is_shell else self.options.runs):
            try:
                self.require()
                # Every second primary is the DC, for Systole and the floor alike; the shell agents are left where they are.
                on_dc = None if self.contestant.is_shell else number % 2 == 1
                outcome = trial.run(self.lab, self.contestant, fault, on_dc)
            except LabError as trouble:
                outcome = trial.Outcome(trouble=str(trouble))
            self.ready = outcome.clean
            outcomes.append(outcome)
            lengths, lost, back, roles = report.each_run([outcome], self.contestant.database)
            self.say(f"{fault}, run {number + 1}: outage {lengths} s, lost {lost}, old primary in sync after {back} s, {roles}"
                     + (f" ({outcome.trouble})" if outcome.trouble else "") + (" (throttled)" if outcome.throttled else ""))
            if self.options.logs:
                self.collect(f"{self.contestant.name}-{fault}-{number + 1}")
        return outcomes

    def collect(self, name):
        try:
            self.lab.collect_logs(os.path.join(self.options.logs, name))
        except (LabError, OSError) as trouble:
            self.say(f"no logs: {trouble}")


def measure(options):
    """Everything that was asked for: {contestant: {'monitor': {role: Cost}, fault: [Outcome]}}."""
    results = {}
    names = [f"node{number}" for number in range(1, NODES + 1)]
    every = contestants.contestants(FLAVOURS[SERVER], names)
    for name in options.agents:
        one, results[name] = every[name], {}
        with Run(options, one) as contest:
            if "monitor" in options.only and one.database:
                results[name]["monitor"] = contest.monitors()
            if "outages" in options.only and not (options.quick and name in SHELL_AGENTS):
                for fault in options.faults:
                    if one.database or fault in ("kill-mysqld", "kill-node", "move"):
                        results[name][fault] = contest.trials(fault)
    return results


def head():
    def version(command, pattern):
        found = re.search(pattern, run(command, check=False).stdout)
        return found[1] if found else "?"
    agents = run(["dpkg-query", "-W", "-f", "${Version}", "resource-agents"], check=False).stdout
    return (f"{time.strftime('%Y-%m-%d %H:%M UTC', time.gmtime())}, {os.cpu_count()} CPUs, load {os.getloadavg()[0]:.1f}, "
            f"Pacemaker {version(['pacemakerd', '--version'], r'Pacemaker ([0-9.]+)')}, "
            f"Corosync {version(['corosync', '-v'], r'([0-9]+[.][0-9.]+[0-9])')}, "
            f"MariaDB {version(['mariadbd', '--version'], r'Ver ([0-9.]+)')}, resource-agents {agents}, "
            f"{NODES} nodes, token {TOKEN} ms, monitors every 1 s (promoted) and 2 s (unpromoted)")


def print_report(options, results):
    print(f"\n{head()}{''.join(f', {name}={value}' for name, value in options.property.items())}\n")
    if any(found.get("monitor") for found in results.values()):
        print(f"One monitor: medians of {options.calls} calls; forked, execs, threads and memory from as many traced calls "
              f"(ptrace); x: times Systole's\n\n{report.monitor_table(results)}\n")
        print_environment(options, results)
    if any(fault in found for found in results.values() for fault in trial.FAULTS):
        print(f"The client's outage: a write every 10 ms (floor: a TCP probe of the virtual IP), runs: {options.runs}; "
              f"a+b: two outages (over {trial.OUTAGE} s each), their sum counts; x: times Systole's; NO: not within "
              f"{trial.BOUND:.0f} s, or its rows differ; DC: the old primary's node was the DC\n"
              f"Floor: ocf:pacemaker:Stateful, for 'mysqld killed' its state file removed\n\n{report.outage_table(results)}\n")
    trials = [outcome for found in results.values() for fault in trial.FAULTS for outcome in found.get(fault, [])]
    throttled = sum(outcome.throttled for outcome in trials)
    if throttled:
        print(f"In {throttled} of {len(trials)} trials Pacemaker ran one action at a time because of the machine's load\n")
    bars = report.bars(results)
    print("\n".join(report.bar_lines(bars)))
    missed = sum(not bar.met for bar in bars)
    print(f"bench: {len(bars) - missed} bars met, {missed} missed", flush=True)
    return 1 if missed or not bars else 0


def print_environment(options, results):
    for name, found in results.items():
        for role, cost in found.get("monitor", {}).items():
            if options.environment:
                print(f"Environment of {name}'s monitor, {role}:\n  " + "\n  ".join(hidden(line) for line in cost.environment) + "\n")


def hidden(line):
    return re.sub(r"(passw\w*=).*", r"\1...", line)


def choice(every):
    def parse(text):
        chosen = text.split(",")
        unknown = sorted(set(chosen) - set(every))
        if unknown:
            raise argparse.ArgumentTypeError(f"unknown: {', '.join(unknown)}; there are {', '.join(every)}")
        return [name for name in every if name in chosen]
    return parse


def pair(text):
    name, equals, value = text.partition("=")
    if not (name and equals):
        raise argparse.ArgumentTypeError(f"NAME=VALUE, not {text!r}")
    return name, value


def parse_options():
    every = ["systole", *SHELL_AGENTS, "floor"]
    parser = argparse.ArgumentParser(prog="compare", description=__doc__)
    parser.add_argument("--only", type=choice(["monitor", "outages"]), default=["monitor", "outages"], help="monitor or outages")
    parser.add_argument("--agents", type=choice(every), default=every, help=f"of {','.join(every)}")
    parser.add_argument("--faults", type=choice(list(trial.FAULTS)), help=f"of {','.join(trial.FAULTS)}")
    parser.add_argument("--runs", type=int, help="of each fault with each agent (3)")
    parser.add_argument("--shell-runs", type=int, help="the same for the shell agents, which take minutes (as --runs)")
    parser.add_argument("--calls", type=int, default=30, help="of each monitor, after a warm-up (30)")
    parser.add_argument("--quick", action="store_true", help="1 run of a few faults, none of them with the shell agents")
    parser.add_argument("--environment", action="store_true", help="print the environment in which the monitors were called")
    parser.add_argument("--name", default="bench", help="of the lab (bench)")
    parser.add_argument("--property", type=pair, action="append", default=[], metavar="NAME=VALUE",
                        help="of the cluster, for all agents: load-threshold=0%% lets a busy machine measure as an idle one does")
    parser.add_argument("--keep", action="store_true", help="leave the last lab up")
    parser.add_argument("--logs", help="a directory for all nodes' logs after each trial")
    options = parser.parse_args()
    options.runs = options.runs or (1 if options.quick else 3)
    options.property = dict(options.property)
    options.shell_runs = options.shell_runs or options.runs
    options.faults = options.faults or (QUICK_FAULTS if options.quick else list(trial.FAULTS))
    return options


def main():
    options = parse_options()
    try:
        require_root()
        install([*FLAVOURS[SERVER].outside, *NEEDED])
        return print_report(options, measure(options))
    except LabError as trouble:
        print(f"compare: {trouble}\nbench: 0 bars met, 1 missed")
        return 1


if __name__ == "__main__":
    sys.exit(main())
