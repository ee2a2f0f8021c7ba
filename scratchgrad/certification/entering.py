"""A case of a proof is entered: a formula that differs in a region is run there before anything is said of it.

In   a Battery, the Entries of one shape; for a case the signs of its polynomials, and the two nodes that differ in it
Out  probes in the case, to be run for real; and why it does not matter, where it does not

Points are drawn at all magnitudes, and moved until they satisfy the signs: a condition that is linear in one number is
solved for it, and the number is put beside the solution, or on it for a tie.  No region is too narrow or too far away.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from functools import cached_property
from typing import Any

import numpy as np

from scratchgrad.certification.battery import Battery
from scratchgrad.certification.exact.balls import Program, balls, precisely
from scratchgrad.certification.exact.entries import Entries
from scratchgrad.certification.exact.proving import Condition, Enter
from scratchgrad.certification.exact.scalar import COMPARISONS, Scalar, ordered
from scratchgrad.certification.point import Point
from scratchgrad.certification.probes import Probe
from scratchgrad.certification.reference import SEED

__all__ = ["OTHER", "Entering"]

OTHER = "a point where its formula is another one"

_POINTS, _USUAL, _ROUNDS = 96, 48, 6
"""How many points are drawn, how many of them of size 1, and how often they are moved."""

_LOOKED = 4
"""How many points of a case are run for real."""

# TRUST: cases-entered
_TIMES = 200
# TRUST: cases-entered
_TIED = 12
"""How many cases are entered, and how many of those at a tie, where any gradient between two may be right."""

# TRUST: magnitudes
_SMALLEST = 1e-100
# TRUST: magnitudes
_LARGEST = 1e100
"""A case in which some number is smaller or larger is left to rounding: a guard of 1e-300 is no mistake."""

# TRUST: suspects
_ROUNDED_CONSTANTS = 1e-9
"""Formulas that differ by so little at usual numbers differ by their constants; what that does is run for real."""

_TIE = 1e-12
"""A sum so small beside its terms counts as 0: the number that makes it 0 may be no float, and rounding decides."""

_NOTHING = "its formula is another one only where the definition has no value, or beyond 1e-100 and 1e100"
_CONSTANTS = "its formula is another one by no more than constants are rounded"

Array = Any


@dataclass
class Entering:
    """The cases of one shape; `probes` are to be run for real."""

    battery: Battery
    entries: Entries
    base: Point
    probes: list[Probe] = field(default_factory=list)
    _spent: list[int] = field(default_factory=lambda: [0, 0])

    def about(self, mine: Scalar, right: Scalar) -> Enter:
        """The question about the cases of a pair; at ties only the subject's own comparisons are looked at."""
        known = {node.key for node in ordered([right])}
        own = any(node.key not in known for node in ordered([mine]) if node.op in COMPARISONS)

        def ask(conditions: Sequence[Condition], tied: bool) -> str:
            return self.excuse(mine, right, conditions, tied=tied) if own or not tied else ""

        return ask

    @precisely
    def excuse(self, mine: Scalar, right: Scalar, conditions: Sequence[Condition], *, tied: bool) -> str:
        """Why the difference does not matter, in words; "" where it may, or where no point of the case is found.

        Where there is something to compare, probes are added.
        """
        ties = (c for c in conditions if c.sign == 0)
        if tied and any(len({name for factors, _ in c.terms for name, _ in factors}) > 1 for c in ties):
            return ""  # rounding decides whether sums of several numbers are equal
        self._spent[tied] += 1
        if self._spent[tied] > (_TIED if tied else _TIMES):
            return ""
        values = self._drawn(conditions)
        inside = np.flatnonzero(_satisfied(values, conditions))
        if any(not domain.is_reals for domain in self.battery.domains.values()):
            inside = inside[[self.battery.contains(self._point(values, int(n))) for n in inside]]
        if not len(inside):
            return ""
        symbols = {name: balls(column[inside]) for name, column in values.items()}
        a, b = Program([mine, right]).run(symbols, len(inside))
        look = np.array([bool(v.is_finite()) for v in b]) & _ordinary(values)[inside]
        if not look.any():
            return _NOTHING
        apart = np.array([_apart(x, y) for x, y in zip(a, b, strict=True)])
        order = np.argsort(np.where(look, -apart, np.inf), kind="stable")
        points = [self._point(values, int(inside[n])) for n in order[:_LOOKED] if look[n]]
        self.probes += [Probe("exact", OTHER, point, calls=1) for point in points]
        usual = look & (inside < _USUAL)
        return _CONSTANTS if usual.any() and np.max(apart[usual]) <= _ROUNDED_CONSTANTS else ""

    @cached_property
    def _places(self) -> dict[str, tuple[str, bool, tuple[int, ...]]]:
        """Where each symbol stands: the tensor, whether it is an upstream gradient, the entry."""
        spec = self.battery.specification
        arrays = [(role.name, False, self.entries.inputs[role.name]) for role in spec.differentiable]
        arrays += [(role.name, True, self.entries.upstream[role.tensor.gradient.name]) for role in spec.outputs]
        return {
            nodes[place].args[0]: (name, upstream, place)
            for name, upstream, nodes in arrays
            for place in np.ndindex(nodes.shape)
            if nodes[place].op == "symbol"  # else it follows from others
        }

    def _drawn(self, conditions: Sequence[Condition]) -> dict[str, Array]:
        """Values of the symbols at many points, most of which satisfy the conditions."""
        rng = np.random.default_rng([SEED, len(conditions)])
        places = self._places
        values: dict[str, Array] = {}
        scale = 10.0 ** np.concatenate([np.zeros(_USUAL), rng.uniform(-30, 30, _POINTS - _USUAL)])
        for name in places:
            values[name] = rng.standard_normal(_POINTS) * scale
        linear = _linear(conditions)
        for _ in range(_ROUNDS):
            for name in rng.permutation(list(linear)):
                _moved(values, str(name), linear[str(name)], rng)
        return values

    def _point(self, values: Mapping[str, Array], n: int) -> Point:
        """The point at which the symbols have these values."""
        tensors = {name: np.array(a) for name, a in self.base.tensors.items()}
        upstream = {name: np.array(a) for name, a in self.base.upstream.items()}
        for symbol, (name, is_upstream, place) in self._places.items():
            (upstream if is_upstream else tensors)[name][place] = values[symbol][n]
        return Point("float64", self.base.batch, self.base.sizes, tensors, upstream)


def _apart(mine: Any, right: Any) -> float:
    """How far the values are apart, beside the right one."""
    if mine.overlaps(right):
        return 0.0
    return float(abs(mine - right) / abs(right)) if mine.is_finite() and not right.overlaps(0) else float("inf")


def _ordinary(values: Mapping[str, Array]) -> Array:
    """Where every number is 0 or of a size at which floats are even."""
    sizes = np.abs(np.stack(list(values.values())))
    found: Array = np.all((sizes == 0) | ((sizes >= _SMALLEST) & (sizes <= _LARGEST)), axis=0)
    return found


def _value(condition: Condition, values: Mapping[str, Array], without: str = "") -> tuple[Array, Array]:
    """The polynomial's values, and the sums of the sizes of its terms; `without` a factor, of what it multiplies."""
    total, size = np.zeros(_POINTS), np.zeros(_POINTS)
    with np.errstate(all="ignore"):
        for factors, coefficient in condition.terms:
            if without and without not in dict(factors):
                continue
            term = np.full(_POINTS, coefficient)
            for name, power in factors:
                term = term * values[name] ** (power - (name == without))
            total, size = total + term, size + np.abs(term)
    return total, size


def _holds(condition: Condition, values: Mapping[str, Array]) -> Array:
    total, size = _value(condition, values)
    if condition.sign == 0:
        return np.abs(total) <= _TIE * size
    return condition.sign * total > _TIE * size


def _satisfied(values: Mapping[str, Array], conditions: Sequence[Condition]) -> Array:
    found = np.ones(_POINTS, dtype=bool)
    for condition in conditions:
        found &= _holds(condition, values)
    return found


def _linear(conditions: Sequence[Condition]) -> dict[str, list[Condition]]:
    """The conditions that are linear in a number, by its name; a tie is solved for the one that is asked least of."""
    found: dict[str, list[Condition]] = {}
    asked = Counter(name for c in conditions for name in {name for factors, _ in c.terms for name, _ in factors})
    for condition in sorted(conditions, key=lambda c: c.sign == 0):
        degrees: dict[str, int] = {}
        for factors, _ in condition.terms:
            for name, power in factors:
                degrees[name] = max(degrees.get(name, 0), power)
        names = [name for name, degree in degrees.items() if degree == 1]
        if condition.sign == 0:
            names = sorted(names, key=lambda name: (asked[name], name))[:1]
        for name in names:
            found.setdefault(name, []).append(condition)
    return found


def _moved(values: dict[str, Array], name: str, conditions: Sequence[Condition], rng: np.random.Generator) -> None:
    """The values, with this number changed in place where a condition does not hold: it goes between the solutions."""
    low, high = np.full(_POINTS, -np.inf), np.full(_POINTS, np.inf)
    wrong = np.zeros(_POINTS, dtype=bool)
    without = {**values, name: np.zeros(_POINTS)}
    with np.errstate(all="ignore"):
        for condition in conditions:
            wrong |= ~_holds(condition, values)
            factor = _value(condition, values, without=name)[0]
            solution = -_value(condition, without)[0] / factor
            way = condition.sign * np.sign(factor)
            low = np.where((way >= 0) & np.isfinite(solution), np.maximum(low, solution), low)
            high = np.where((way <= 0) & np.isfinite(solution), np.minimum(high, solution), high)
        between = low + (high - low) * rng.random(_POINTS)
        end = np.where(np.isfinite(low), low, high)
        size = np.abs(end) * 10.0 ** rng.uniform(-9, 2, _POINTS)
        size = np.where(end == 0, 10.0 ** rng.uniform(-30, 3, _POINTS), size)
        beside = end + np.where(np.isfinite(low), size, -size)
        target = np.where(np.isfinite(low) & np.isfinite(high), between, beside)
    values[name] = np.where(wrong & np.isfinite(target), target, values[name])
