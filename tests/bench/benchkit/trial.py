"""One fault under load: how long the client could not write, what was lost, and when the old primary was a working replica again."""
import os
import re
import subprocess
import time
from dataclasses import dataclass, field

from labkit import LabError, Log
from labkit.paths import PYTHON
from labkit.shell import read_text

PROBE = os.path.join(os.path.dirname(os.path.realpath(__file__)), "vip_probe.py")
BOUND = 70.0                # seconds after the fault at which the measurement ends, whatever is missing
OUTAGE = 0.3                # a longer time without an acknowledgement counts as an outage; shorter ones are the machine's
AFTER = 4.0                 # seconds of writes after everything is well: a second outage comes when the old primary rejoins
FAULTS = {"kill-mysqld": "kill-mysqld-tree", "shutdown-mysqld": "shutdown-mysqld", "stop-mysqld": "stop-mysqld",
          "kill-node": "kill-node", "move": None}
MEANING = {"kill-mysqld": "mysqld killed, with its supervisor where there is one",
           "shutdown-mysqld": "mysqld shut down behind the cluster's back", "stop-mysqld": "SIGSTOP of mysqld",
           "kill-node": "node killed", "move": "planned move (crm_resource --move)"}


@dataclass
class Outcome:
    """What one trial found. None: not seen within the bound, or not to be judged."""
    outages: list = field(default_factory=list)     # seconds, in order of time
    over: bool = False                              # writes went on within the bound
    lost: int | None = None
    back_s: float | None = None                     # the old primary is in sync again, by itself
    roles: str = ""
    trouble: str = ""
    throttled: bool = False                         # Pacemaker held actions back because of the machine's load
    clean: bool = False                             # the next trial can go on with this cluster

    @property
    def outage_s(self):
        """The time that could not be written, all outages together."""
        return sum(self.outages) if self.over else float("inf")


class VipProbe:
    """Stands in for the application where only the virtual IP can be asked."""

    def __init__(self, lab):
        self.path = f"{lab.shared}/vip-{os.getpid()}-{time.monotonic_ns()}"
        self.process = lab.client_popen([PYTHON, "-B", PROBE, lab.vip, self.path], stdin=subprocess.DEVNULL,
                                        stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL)

    def log(self):
        lines = read_text(self.path, "").splitlines()[:-1]
        return Log(acked={number: (float(line), "vip") for number, line in enumerate(lines)})

    def stop(self):
        self.process.terminate()
        try:
            self.process.wait(5)
        except subprocess.TimeoutExpired:
            self.process.kill()
        return self.log()


def place(lab, on_dc):
    """Moves the role so that the primary's node is the DC, or is not; where that is not to be had, it stays."""
    primary, dc = lab.primary(), lab.state().dc
    if (primary == dc) == on_dc:
        return
    target = dc if on_dc else next(node.name for node in lab.nodes if node.name != dc)
    lab.move(target)
    try:
        lab.wait_until(lambda: lab.primary() == target, 20, f"{target} to be promoted")
    finally:
        lab.clear()
    lab.wait_settled(60, failures_ok=True)


def run(lab, contestant, fault, on_dc):
    """Injects the fault under load and returns the Outcome. The cluster must be settled.

    on_dc: whether the primary's node is to be the cluster's DC, which costs or saves a second and more. None: as it comes."""
    if on_dc is not None:
        place(lab, on_dc)
    primary = lab.wait_settled(60, failures_ok=True)
    dc = lab.state().dc
    client = lab.start_writers() if contestant.database else VipProbe(lab)
    outcome = Outcome(roles=primary)
    try:
        lab.wait_until(lambda: len(client.log().times(after=time.monotonic() - 1)) > 20, 30, "the client to work")
        time.sleep(0.5)
        at = time.monotonic()
        inject(lab, contestant, fault, primary)
        try:
            outcome.back_s = observe(lab, contestant, fault, primary, client, at)
        except LabError as trouble:
            outcome.trouble = str(trouble)
        end = time.monotonic()
    finally:
        log = client.stop()
    outcome.throttled = is_throttled(lab)
    judge(lab, contestant, primary, log, at, end, outcome)
    outcome.roles += " DC" if primary == dc else ""
    return outcome


def inject(lab, contestant, fault, primary):
    if fault == "move":
        target = next(node.name for node in lab.nodes if node.name != primary)
        lab.move(target)
    elif contestant.database or fault == "kill-node":
        lab.fault(FAULTS[fault], primary)
    else:                   # what the trivial agent has instead of a server
        lab.node(primary).run("rm -f /run/Stateful-*.state /var/run/Stateful-*.state", check=True)


def observe(lab, contestant, fault, primary, client, at):
    """Watches until all is well for a while, or the bound. Returns after how many seconds the old primary was back, or None."""
    moved, back, well = fault != "move", None, None
    while time.monotonic() < at + BOUND and (well is None or time.monotonic() < well + AFTER):
        time.sleep(0.3)
        if not moved and lab.primary() not in (None, primary):
            lab.clear()
            moved = True
        witness = resumed(client.log(), at, certain=fault == "move" and moved)
        if back is None and witness is not None and is_back(lab, contestant, primary, client, witness):
            back = time.monotonic() - at
        if well is None and back is not None and moved:
            well = time.monotonic()
    if not moved:
        lab.clear()
    return back


def resumed(log, at, certain):
    """A row acknowledged after the outage while the client works; None while it cannot, or the outage is still to come.

    An outage that is too short to be seen is over after six seconds, or when it is certain that it has been."""
    now = time.monotonic()
    recent = {row: moment for row, (moment, _) in log.acked.items() if moment > now - 0.5 and moment > at}
    if not recent or not (certain or now > at + 6 or log.outages(after=at, threshold=OUTAGE)):
        return None
    return max(recent, key=recent.get)


def is_back(lab, contestant, primary, client, witness):
    """True when the old primary has the row, and replicates or is the primary again."""
    node = lab.node(primary)
    if not node.alive():
        return False
    if not contestant.database:
        return not lab.unsettled(failures_ok=True)
    query = f"SELECT COUNT(*) FROM lab.writes WHERE id = {witness}; SHOW STATUS LIKE 'Slave_running'; SELECT @@read_only"
    result = lab.sql(primary, query, timeout=2, check=False)
    words = result.stdout.split()
    if not result.ok or len(words) != 4 or words[0] != "1":
        return False
    return words[2] == "ON" or words[3] == "0" and lab.primary() == primary


def is_throttled(lab):
    """True when a node has told the others of so high a load that one action at a time is run in the whole cluster."""
    for node in lab.nodes:
        modes = re.findall(r"New throttle mode: (\w+)", read_text(node.upper + "/var/log/pacemaker/pacemaker.log", ""))
        if modes and modes[-1] in ("high", "extreme"):
            return True
    return False


def judge(lab, contestant, primary, log, at, end, outcome):
    gaps = [length for length, _ in log.outages(after=at, until=end, threshold=OUTAGE)]
    outcome.over = bool(log.times(after=end - 1))
    outcome.outages = gaps or [log.longest_gap(after=at, until=end)]
    outcome.roles = f"{primary}->{lab.primary() or 'none'}"
    if not contestant.database:
        outcome.clean = outcome.over and outcome.back_s is not None
        return
    last = max(log.acked.values())[1] if log.acked else None
    differing = await_equal_rows(lab)
    if outcome.over and last:
        try:
            outcome.lost = len(log.lost(lab.rows(last)))
        except LabError as unreadable:
            outcome.trouble = outcome.trouble or f"rows on {last}: {unreadable}"
    if log.doubles():
        outcome.trouble = f"two servers acknowledged at the same time: {log.doubles()[:2]}"
    if differing:
        outcome.trouble = outcome.trouble or differing
        if primary in differing:
            outcome.back_s = None
    outcome.clean = outcome.over and outcome.back_s is not None and not differing


def await_equal_rows(lab, timeout=15):
    """'' once all nodes have the same rows, else who has what."""
    end = time.monotonic() + timeout
    while True:
        found = {}
        for node in lab.nodes:
            result = lab.sql(node, "SELECT COUNT(*), COALESCE(SUM(CRC32(CONCAT_WS(':', id, writer))), 0) FROM lab.writes",
                             timeout=5, check=False)
            found.setdefault(result.stdout.strip() if result.ok else "no answer", []).append(node.name)
        if len(found) == 1 and "no answer" not in found:
            return ""
        if time.monotonic() > end:
            most = max(found.values(), key=len)
            return "rows differ, or no answer: " + " ".join(name for names in found.values() if names is not most for name in names)
        time.sleep(0.5)
