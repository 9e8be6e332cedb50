"""In every phase of a re-provision something dies. It ends in sync or with a clear stop, and every acknowledged row is there."""
import random
import re
import time

from suite import LabError, Trial, check, wait_in_sync
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


# Whose, what, and how; the last word: for which servers.
TARGETS = [
    ("recipient", "worker", kill_marked("worker"), ("mariadb", "mysql")),
    ("recipient", "server", kill_server, ("mariadb", "mysql")),
    ("recipient", "node", kill_node, ("mariadb", "mysql")),
    ("donor", "server", kill_server, ("mariadb", "mysql")),
    ("donor", "node", kill_node, ("mariadb", "mysql")),
    ("donor", "worker", kill_marked("donor"), ("mariadb",)),        # MySQL's server hands out its copies itself
    ("primary", "server", kill_server, ("mariadb", "mysql")),
]


def draw(dice, lab, number):
    """The kinds take turns, so that a short run has all of them."""
    possible = [target for target in TARGETS if lab.flavour.name in target[3]]
    return possible[number % len(possible)], dice.random()


def mend_stop(lab, name):
    """When it has stopped and says so, what it tells the operator to do helps."""
    text = shown(lab)
    stopped = re.search(CLEAR_STOP + r".*?To try again: ([^'\n]+)", text)
    check(stopped, f"{name} is neither in sync nor has it stopped with a clear sentence: progress {progress(lab, name)!r}, crm_mon: "
                   f"{text[text.find('Failed Resource Actions'):][-600:]}")
    lab.on_live_node(stopped[1].strip())
    return stopped[0]


def moment(lab, target, after):
    """One kill at one moment. Returns what was seen, or None when there was nothing to kill any more."""
    (whose, what, kill, _) = target
    recipient, donor = recipient_and_donor(lab)
    roles = {"recipient": recipient, "donor": donor, "primary": lab.primary()}
    with Trial(lab, settle=COPY_S, writers=3) as trial:
        schema = diverge(lab, recipient)
        wait_for_worker(lab, recipient)
        time.sleep(after)                               # the random moment
        phase = progress(lab, recipient)
        done = kill(lab, lab.node(roles[whose]))
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
    told = f"{whose}'s {what} on {roles[whose]} {after:.1f} s into it ({phase or 'no progress yet'}): in sync {took:.1f} s later{stop}"
    print(f"     {told if done else 'nothing to kill: ' + told}; acknowledged {len(trial.log.acked)}, lost 0", flush=True)
    return took if done else None


def kills(moments, seed):
    def test(lab):
        dice = random.Random(seed)
        wait_whole(lab)
        fill(lab, DATA_MB)
        length, whole = refill(lab, recipient_and_donor(lab)[0])
        print(f"     undisturbed, the worker takes {length:.1f} s for {DATA_MB} MB, of {whole:.1f} s from the divergence; seed {seed}", flush=True)
        took, missed, number = [], 0, 0
        while len(took) < moments:
            target, share = draw(dice, lab, number)
            number += 1
            seconds = moment(lab, target, share * length)
            if seconds is not None:
                took.append(seconds)
            else:
                missed += 1
                check(missed <= moments + 5, f"{missed} times there was nothing to kill, and only {len(took)} times something")
        wait_in_sync(lab)
        return f"{len(took)} kills ({missed} times there was nothing to kill), seed {seed}: all in sync, after {sum(took) / len(took):.1f} s on average, " \
               f"{max(took):.1f} s at most; nothing acknowledged was lost"
    return test


def tests(options):
    return [(f"a kill in every phase of a re-provision, {options.moments} moments", kills(options.moments, options.seed))]
