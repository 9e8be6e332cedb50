"""The sequence of faults that a seed stands for. Pure: step I of seed X depends on nothing but X, I and the kinds left out.

A step is one fault, or two: `together` (at once) or `recovery` (the second while the cluster recovers from the first).
"""
import random
from dataclasses import dataclass, field

from .faults import KINDS

MODES = {"single": 70, "together": 15, "recovery": 15}
ROLES = {"primary": 55, "replica": 30, "other": 15}         # of the nodes as they are before the step; "other" is the second replica
LONE = ("cold-start", "cold-cut")                                     # kinds that are never one of two


@dataclass(frozen=True)
class Action:
    kind: str
    target: str                                     # a role
    hold: float                                     # how long the fault lasts, where the cluster does not end it
    extra: dict = field(default_factory=dict)       # what else the kind has drawn

    def __str__(self):
        words = [f"{name}={value}" for name, value in self.extra.items()]
        return " ".join([self.kind, self.target, *words, *([f"hold={self.hold}"] if self.hold else [])])


@dataclass(frozen=True)
class Step:
    number: int
    mode: str
    actions: tuple
    pause: float        # before the first fault, under load
    gap: float          # between the two of a pair

    @property
    def name(self):
        """What the table calls it."""
        return self.actions[0].kind if self.mode == "single" else self.mode

    def __str__(self):
        joint = f" | {self.gap:.2f} s later: " if self.mode == "recovery" else " + "
        return (f"{self.mode}: " if self.mode != "single" else "") + joint.join(map(str, self.actions))


def step(seed, number, without=()):
    """Leaving kinds out changes those steps only that would have had one."""
    attempt = 0
    while True:
        found = draw(random.Random(f"{seed}/{number}/{attempt}"), number)
        if not {found.mode, *(action.kind for action in found.actions)} & set(without):
            return found
        attempt += 1


def draw(dice, number):
    mode = weighted(dice, MODES)
    pause, gap = round(dice.uniform(0.3, 2.0), 2), round(dice.uniform(0.2, 6.0), 2)
    first = draw_action(dice, lone=mode == "single")
    if mode == "single":
        return Step(number, mode, (first,), pause, 0.0)
    return Step(number, mode, (first, draw_action(dice, lone=False)), pause, gap if mode == "recovery" else 0.0)


def draw_action(dice, lone):
    name = weighted(dice, {kind.name: kind.weight for kind in KINDS.values() if lone or kind.name not in LONE})
    kind = KINDS[name]
    target = weighted(dice, ROLES)
    hold = round(dice.uniform(*kind.hold), 2) if kind.hold else 0.0
    return Action(name, target, hold, kind.draw(dice) if kind.draw else {})


def weighted(dice, weights):
    return dice.choices(list(weights), list(weights.values()))[0]
