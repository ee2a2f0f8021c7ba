"""Whether the outputs of a definition have a derivative where one of its nodes has a kink.

In   a definition, and a place: an expression that is 0 there (the u of |u|, the a - b of max(a, b))
Out  Whole: differentiable, with which derivative; a kink, a jump, infinite, undefined; or not decided

No rule of differentiation is trusted here.  Points on the place are found, exactly where an input enters linearly.
From each, two steps to either side along random directions give both one-sided slopes of every output, in
rational arithmetic or at 120 digits: slopes that are equal differ by the length of a step, 1e-20.
"""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass, replace
from fractions import Fraction
from typing import Any

import mpmath
import numpy as np
import sympy as sp

from scratchgrad.calculus.derivation import Derivation
from scratchgrad.calculus.differentiate import DerivationStuck
from scratchgrad.calculus.places import DIGITS, FAILURES, Met, Places, Point, finite, fraction, real
from scratchgrad.notation.definition import Definition

__all__ = ["Surroundings", "Whole"]

_STEPS = (Fraction(3, 7 * 10**20), Fraction(3, 7 * 10**35))
"""Two lengths: a slope that the shorter one makes steeper is infinite.  Not 1/10**20: then 2**(1/x) would be exact."""

# TRUST: kinks-by-numbers
_EQUAL = mpmath.mpf(10) ** -9
"""Slopes that differ by less are equal; a power such as x**1.5 comes near its limit slowly."""

Array = Any


@dataclass(frozen=True)
class Whole:
    """What is true of the outputs at a place; `derivative` and `formula` where they are differentiable there."""

    verdict: str
    """differentiable, kink, jump, infinite, undefined, unreached, or undecided"""

    derivative: sp.Rational | None = None
    """The derivative of the outputs with respect to the input that is the place, where it is the same everywhere."""

    formula: bool | None = None
    """Whether the derived gradient, by its convention, gives the derivative; None where that was not decided."""

    alone: bool = False
    """Whether that holds only where no other kink meets this one."""


_RANK = {
    v: n for n, v in enumerate(("unreached", "differentiable", "undefined", "undecided", "kink", "infinite", "jump"))
}


class Surroundings:
    """What is true around the kinks of one definition."""

    def __init__(self, definition: Definition, derivation: Derivation | None = None) -> None:
        """Of the definition; `derivation` saves deriving its gradients again."""
        self.definition = definition
        self.derivation = derivation or Derivation(definition)
        self.places = Places(definition)

    def joined(self, places: Iterable[sp.Expr]) -> Whole:
        """What is true at all of the places."""
        return _joined([self.whole(place) for place in places])

    def whole(self, place: sp.Expr) -> Whole:
        """What is true where `place` is 0; for a maximum over indices, where its two largest values tie."""
        if not self.places.small:
            return Whole("undecided")
        random = np.random.default_rng(11)
        seen = [whole for met in self.places.met(place, random) if (whole := self._around(met, random)) is not None]
        special = [whole for met in self.places.special(place) if (whole := self._around(met, random)) is not None]
        smooth = all(w.verdict in ("differentiable", "undefined") for w in special)
        joined = _joined(seen or special)
        if not seen and joined.verdict == "differentiable":  # a point where everything is 0 stands for no other
            return Whole("undecided")
        return joined if smooth else replace(joined, alone=True)

    def _around(self, met: Met, random: Any) -> Whole | None:
        """What is true at one point: slopes to both sides along random directions; None where nothing can be said."""
        try:
            middle = self.outputs(met.point) if met.exact else None
            sides = [_Sides(self, met.point, self._direction(met, random, only=only)) for only in (True, False)]
        except FAILURES:
            return None
        if middle is not None and any(s.undefined(middle) for s in sides):
            return Whole("undefined")
        worst = max((s.verdict(middle) for s in sides), key=_RANK.__getitem__)
        if worst == "differentiable" and not all(s.counts.all() for s in sides):  # an output has no value around
            worst = "undecided"
        if worst != "differentiable":
            return Whole(worst)
        derivative = None
        if met.moved is not None:
            with mpmath.workdps(DIGITS):
                alone = {_rational(v) for v in sides[0].slopes} - {0}
            derivative = sp.Integer(0) if not alone else alone.pop() if len(alone) == 1 else None
        return Whole(worst, derivative, self._formula(met.point, sides[-1]) if met.exact else None)

    def outputs(self, point: Point) -> Array:
        """All entries of all outputs."""
        at = self.places.forward(point)
        return np.concatenate([np.ravel(np.asarray(at.tensors[o.name], dtype=object)) for o in self.definition.outputs])

    def _direction(self, met: Met, random: Any, *, only: bool) -> Point:
        """A random direction; along the element that was moved alone, where `only` asks for it."""
        direction: Point = {}
        for tensor in self.places.real:
            shape = np.shape(met.point[tensor.name])
            drawn = np.asarray(random.integers(-97, 98, shape), dtype=object)
            if only and met.moved is not None:
                drawn = np.zeros(shape, dtype=object)
                if tensor.name == met.moved[0]:
                    drawn[met.moved[1]] = 97
            direction[tensor.name] = drawn * Fraction(1, 97)
        return direction

    def _formula(self, point: Point, sides: _Sides) -> bool | None:
        """Whether the derived gradients give the slope at the point itself, by their conventions."""
        if not sides.counts.all():
            return None
        with mpmath.workdps(DIGITS):
            weights = np.asarray([Fraction(2 * n + 3, 7) for n in range(sides.slopes.size)], dtype=object)
            wanted = _dot(weights, sides.slopes)
            total: Any = mpmath.mpf(0)
            try:
                at = self.places.forward(point)
                start = 0
                for output in self.definition.outputs:
                    shape = np.shape(at.tensors[output.name])
                    size = int(np.prod(shape))
                    at.assign(output.gradient.name, weights[start : start + size].reshape(shape))
                    start += size
                for name, along in sides.direction.items():
                    form = self.derivation[name]
                    total += _dot(at.value(form.element, form.indices), along)
            except (*FAILURES, DerivationStuck):
                return None
            return bool(mpmath.isfinite(total) and abs(total - wanted) <= _EQUAL * (1 + abs(wanted)))


class _Sides:
    """The outputs at two short distances to either side of a point, and their slopes there."""

    def __init__(self, around: Surroundings, point: Point, direction: Point) -> None:
        self.direction = direction
        self.ends: list[Array] = []
        steep: list[Array] = []
        self.inside = True
        for step in (side * length for length in _STEPS for side in (1, -1)):
            near, far = ({n: point[n] + d * (k * step) for n, d in direction.items()} for k in (1, 2))
            self.inside &= around.places.inside(near)
            values, further = (around.outputs({**point, **p}) for p in (near, far))
            self.ends.append(values)
            with mpmath.workdps(DIGITS):
                steep.append(_slope(further, values, step))
        self.counts = np.asarray([any(map(finite, entry)) for entry in zip(*self.ends, strict=True)], dtype=bool)
        self.steep = [s[self.counts] for s in steep]
        self.ends = [e[self.counts] for e in self.ends]
        self.slopes = self.steep[2]

    def undefined(self, middle: Array) -> bool:
        """Whether an output has a value beside the point, but not at it."""
        return not all(map(finite, middle[self.counts]))

    def verdict(self, middle: Array | None) -> str:
        """What the outputs do along this direction."""
        with mpmath.workdps(DIGITS):
            if self._jump(None if middle is None else middle[self.counts]):
                return "jump"
            for long, short in zip(self.steep[:2], self.steep[2:], strict=True):
                if _apart(long, short):
                    return (
                        "infinite"
                        if any(abs(b) > abs(a) + 1 for a, b in zip(long, short, strict=True))
                        else "undecided"
                    )
            if not self.inside:  # the place is at an end of the domain: there is no other side
                return "undecided"
            return "kink" if _apart(*self.steep[2:]) else "differentiable"

    def _jump(self, middle: Array | None) -> bool:
        """Whether the outputs differ on the two sides, or from the value between, however short the step is."""
        ahead, behind, nearer, beyond = self.ends
        pairs = [((ahead, behind), (nearer, beyond))]
        if middle is not None:
            pairs.append(((ahead, middle), (nearer, middle)))
        return any(_EQUAL < _gap(*near) and _gap(*far) * 9 < _gap(*near) * 10 for far, near in pairs)


def _joined(seen: list[Whole]) -> Whole:
    """What holds at all points: the worst that was seen."""
    if not seen:
        return Whole("unreached")
    worst = max((w.verdict for w in seen), key=_RANK.__getitem__)
    if worst != "differentiable":
        return Whole(worst)
    derivatives = {w.derivative for w in seen}
    formulas = {w.formula for w in seen}
    return Whole(
        worst,
        derivatives.pop() if len(derivatives) == 1 else None,
        False if False in formulas else True if True in formulas else None,
        any(w.alone for w in seen),
    )


def _slope(far: Array, near: Array, step: Fraction) -> Array:
    """The difference quotient of two arrays."""
    return np.asarray([(real(a) - real(b)) / real(step) for a, b in zip(far, near, strict=True)], dtype=object)


def _dot(a: Array, b: Array) -> Any:
    return sum((real(p) * real(q) for p, q in zip(np.ravel(a), np.ravel(b), strict=True)), mpmath.mpf(0))


def _gap(one: Array, other: Array) -> Any:
    """The largest difference between two arrays."""
    return max((abs(real(p) - real(q)) for p, q in zip(one, other, strict=True)), default=mpmath.mpf(0))


def _apart(a: Array, b: Array) -> bool:
    """Whether two arrays differ anywhere by more than steps do."""
    return any(not abs(p - q) <= _EQUAL * (1 + abs(p)) for p, q in zip(a, b, strict=True))


def _rational(value: Any) -> sp.Rational | None:
    """The simple fraction that a slope is; None where it is none."""
    near = fraction(value)
    if near is None:
        return None
    simple = near.limit_denominator(1000)
    return sp.Rational(simple.numerator, simple.denominator) if abs(real(simple) - value) <= _EQUAL else None
