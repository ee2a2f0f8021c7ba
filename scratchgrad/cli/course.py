"""The course's worked numbers: what the tape computes, beside what the derived element forms say in exact arithmetic.

The tape runs the torch kernels in float64; the element forms are evaluated in fractions, or to 50 digits where an
exponential comes in.  The two share no code below the definitions.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

import numpy as np

from scratchgrad.lab import COURSE_NUMBERS, course_network
from scratchgrad.sheets.occurrences import leading_to_objective, occurrences
from scratchgrad.sheets.worked import work

__all__ = ["EXPECTED", "TARGET", "Agreement", "NumbersDisagree", "compare"]

EXPECTED = {"u": (23, -4, 26), "h": (23, 0, 26), "v": (-17, 138)}
"""What the course prints."""

TARGET = (1, 0)
"""The class that the sample has here: the one that the scores v = (-17, 138) miss, so that the gradients are large."""

_TOLERANCE = 1e-12


class NumbersDisagree(ArithmeticError):
    """A value or a gradient of the tape that is not the one that the derivation says."""


@dataclass(frozen=True)
class Agreement:
    """How many signals agree, and by how much the worst of them differs, relative to its size."""

    values: int
    gradients: int
    difference: float


def compare() -> Agreement:
    """The agreement of the tape with the derivation, on the course's network.

    Raises NumbersDisagree, which names the signal and shows both numbers.
    """
    net = course_network()
    given = {"x": COURSE_NUMBERS["x"], "y": list(TARGET)}
    net.forward(**given)
    net.backward()
    graph = net.graph(values=True)
    active = leading_to_objective(graph)
    wanted = tuple(s.name for s in net.signals if any(e.target in active for e in graph.consumers(s.name)))
    own = {node.name: graph.values[node.name] for node in graph.nodes if node.kind in ("parameter", "constant")}
    exact = work(graph, list(occurrences(graph)), {**own, **given}, wanted)
    for name, numbers in EXPECTED.items():
        if not np.array_equal(net.value(name).numpy(), numbers):
            raise NumbersDisagree(f"{name}: the course's numbers are {numbers}, the tape computes {net.value(name)}")
    worst = max(
        _difference("the value of", exact.values, {name: net.value(name).numpy() for name in exact.values}),
        _difference("the gradient of", exact.gradients, {n: net.gradient(n).numpy() for n in exact.gradients}),
    )
    return Agreement(len(exact.values), len(exact.gradients), worst)


def _difference(what: str, exact: Mapping[str, Any], found: Mapping[str, Any]) -> float:
    """The largest difference, relative to the signal's largest entry."""
    worst = 0.0
    for name, value in exact.items():
        wanted = np.asarray(value, dtype=object).astype(float)
        difference = float(np.max(np.abs(wanted - found[name]))) / max(1.0, float(np.max(np.abs(wanted))))
        if not difference <= _TOLERANCE:
            raise NumbersDisagree(f"{what} {name}: the derivation says {wanted}, the tape computes {found[name]}")
        worst = max(worst, difference)
    return worst
