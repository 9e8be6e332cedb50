"""In every phase of a re-provision something dies. It ends in sync or with a clear stop, and every acknowledged row is there."""
import dataclasses
import random
import re
import time

from suite import Broken, LabError, Trial, check
from durabilitykit.look import wait_whole

from .data import (COPY_S, MARKED, diverge, expect_everything, fill, progress, recipient_and_donor, refill, schema_is_there, shown,
                   wait_for_worker, wait_refilled)

DATA_MB = 100
CLEAR_STOP = r"not filled: \d+ copies have failed"


def kill_server(lab, node):
    if not node.mysqld():
        return False
    lab.fault("kill-mysqld", node)
    return True


def kill_node(lab, node):
    if not node.alive():
        return False
    lab.fault("kill-node", node)
    return True


def kill_marked(marker):
    """The detached process of the agent: its marker says which."""
    def kill(_lab, node):
        return node.run(MARKED.format(marker) + " && kill -9 $pid").ok
    return kill


@dataclasses.dataclass(frozen=True)
class Target:
    whose: str
    what: str
    kill: object
    servers: tuple = ("mariadb", "mysql")
    begin: tuple = ("recipient", "worker")      # whose detached process begins what is disturbed: its marker
    share: float = 1.0                          # of the whole length, from there


TARGETS = [
    Target("recipient", "worker", kill_marked("worker")),
    Target("recipient", "server", kill_server),
    Target("recipient", "node", kill_node),
    Target("donor", "server", kill_server),
    Target("donor", "node", kill_node),
    Target("donor", "worker", kill_marked("donor"), ("mariadb",), ("donor", "donor"), 0.5),     # MySQL's server hands out copies itself
    Target("primary", "server", kill_server),
]


def mend_stop(lab, name):
    """When it has stopped and says so, what it tells the operator to do helps."""
    text = shown(lab)
    stopped = re.search(CLEAR_STOP + r".*?To try again: (crm_attribute [^)'\n]+)", text)
    check(stopped, f"{name} is neither in sync nor has it stopped with a clear sentence: progress {progress(lab, name)!r}, crm_mon: "
                   f"{text[text.find('Failed Resource Actions'):][-600:]}")
    lab.on_live_node(stopped[1].strip())
    return stopped[0]


def moment(lab, target, after):
    """One kill at one moment. Returns what was seen, or None when there was nothing to kill any more."""
    recipient, donor = recipient_and_donor(lab)
    roles = {"recipient": recipient, "donor": donor, "primary": lab.primary()}
    with Trial(lab, settle=COPY_S, writers=3) as trial:
        schema = diverge(lab, recipient)
        wait_for_worker(lab, roles[target.begin[0]], target.begin[1])
        time.sleep(after)                               # the random moment
        phase = progress(lab, recipient)
        done = target.kill(lab, lab.node(roles[target.whose]))
        killed = time.monotonic()
        stop = ""
        try:
            wait_refilled(lab, recipient, schema)
        except LabError:
            stop = f", after the clear stop {mend_stop(lab, recipient)!r}"
            wait_refilled(lab, recipient, schema)
        took = time.monotonic() - killed
    wait_whole(lab)
    expect_everything(lab)
    there = [node.name for node in lab.nodes if schema_is_there(lab, node.name, schema) is not False]
    check(not there, f"the transaction that only {recipient} had is on {there}")
    told = f"{target.whose}'s {target.what} on {roles[target.whose]} {after:.1f} s into it ({phase or 'no progress yet'}): in sync {took:.1f} s later{stop}"
    print(f"     {told if done else 'nothing to kill: ' + told}; acknowledged {len(trial.log.acked)}, lost 0", flush=True)
    return took if done else None


class Kills:
    """The moments of all tests: drawn from one seed, within the length of a re-provision that nobody disturbs."""

    def __init__(self, seed):
        self.seed, self.dice, self.length = seed, random.Random(seed), None

    def measure(self, lab):
        wait_whole(lab, COPY_S)
        fill(lab, DATA_MB)
        if self.length is None:
            self.length, whole = refill(lab, recipient_and_donor(lab)[0])
            print(f"     undisturbed, the worker takes {self.length:.1f} s for {DATA_MB} MB, of {whole:.1f} s from the divergence; seed {self.seed}",
                  flush=True)

    def test(self, target, moments):
        def run(lab):
            self.measure(lab)
            took, idle = [], 0
            try:
                while len(took) < moments:
                    seconds = moment(lab, target, self.dice.random() * target.share * self.length)
                    took += [seconds] if seconds is not None else []
                    idle += seconds is None
                    check(idle <= 3 * moments, f"{idle} times there was nothing to kill, and only {len(took)} times something")
            except (Broken, LabError):
                rescue(lab)
                raise
            return f"{len(took)} kills ({idle} times there was nothing to kill), seed {self.seed}: in sync after " \
                   f"{' '.join(f'{seconds:.1f}' for seconds in took)} s; nothing acknowledged was lost"
        return run


def rescue(lab):
    """So that the next test has a cluster, as far as possible."""
    for name in recipient_and_donor(lab):
        kill_server(lab, lab.node(name))
    try:
        wait_whole(lab, COPY_S)
    except LabError as stuck:
        print(f"     beyond rescue: {stuck}", flush=True)


def tests(options):
    """The kinds of MySQL are fewer; all moments together are at least as many as were asked for."""
    possible = [target for target in TARGETS if options.server in target.servers]
    each = -(-options.moments // len(possible))
    kills = Kills(options.seed)
    return [(f"a re-provision in which the {target.whose}'s {target.what} is killed, {each} moments", kills.test(target, each)) for target in possible]
