"""Branches of a program are followed: what it asks of values, `if (u > 4200).any():`, is answered either way.

In   a Battery, the Entries of one shape; how the subject is executed there; points that are known
Out  what was asked, and probes on both sides of every question, and at ties, to be run for real

A program that takes another path asks other questions there, so it is executed again at some of these points.
"""

from __future__ import annotations

import contextlib
from collections import deque
from collections.abc import Callable, Sequence
from dataclasses import dataclass, field
from typing import Any

from scratchgrad.certification.battery import Battery
from scratchgrad.certification.exact.entries import Entries
from scratchgrad.certification.exact.questions import Asked
from scratchgrad.certification.exact.rules import CannotExecute
from scratchgrad.certification.exact.scalar import Scalar
from scratchgrad.certification.point import Point
from scratchgrad.certification.probes import Probe
from scratchgrad.certification.subject import Misbehaviour
from scratchgrad.certification.turning import LEAST, MOST, turning_points

__all__ = ["BRANCH", "Followed", "following"]

BRANCH = "a point where a branch turns"

# TRUST: branches-followed
_PATHS = 24
"""How often the subject is executed to learn what it asks."""

_FURTHER = 6
"""At how many of the points around its questions a path is looked at further."""

# TRUST: branches-followed
_POINTS = 240
"""When so many points are to be run for real, no more are looked for."""

Execute = Callable[[Point, Asked], Any]


@dataclass
class Followed:
    """What a subject asks on the paths that were met, and points around the turns of all that.

    `turned` says of each condition whether both its sides were met; `left` are those for which no time was left.
    """

    turned: dict[Scalar, bool] = field(default_factory=dict)
    left: set[Scalar] = field(default_factory=set)
    points: list[Point] = field(default_factory=list)

    @property
    def probes(self) -> list[Probe]:
        """The points, to be run for real."""
        return [Probe("exact", BRANCH, point, calls=1) for point in self.points]

    def sentences(self) -> list[str]:
        """What was met, for people."""
        both, one = sum(self.turned.values()), len(self.turned) - sum(self.turned.values())
        lines = []
        if both:
            lines.append(f"it branches on {_counted(both)}; both sides were run, close to the turn and further away")
        if one:
            lines.append(
                f"it branches on {_counted(one)} of which only one side was met, with numbers from {LEAST} to "
                f"{MOST:.0e}: the other side is not compared".replace("e+", "e")
            )
        if self.left:
            lines.append(f"it branches on {_counted(len(self.left))} more, which were not followed: too many points")
        return lines


def _counted(conditions: int) -> str:
    return f"{conditions} condition{'s' * (conditions > 1)} on values"


def following(battery: Battery, entries: Entries, execute: Execute, known: Sequence[Point]) -> Followed:
    """What the subject asks is followed to both answers.

    Each question is turned where it was met: what is asked behind it is met on its other side.
    """
    followed = Followed()
    pending = deque(known)
    for _ in range(_PATHS):
        if not pending:
            break
        here, asked = pending.popleft(), Asked(entries.graph)
        with contextlib.suppress(CannotExecute, Misbehaviour):
            execute(here, asked)
        for question in asked.conditions:
            if followed.turned.get(question):
                continue
            if len(followed.points) > _POINTS:
                followed.left |= {question} - followed.turned.keys()
                continue
            turns = turning_points(battery, entries, [(question, question)], [here], together=True)
            followed.turned[question] = bool(turns)
            pending.extend(turns[:: max(1, len(turns) // _FURTHER)])
            followed.points += turns
    return followed
