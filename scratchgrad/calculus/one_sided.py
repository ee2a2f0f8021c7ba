"""Whether the outputs of a definition have a derivative where one of its nodes has a kink.

In   a definition, and a place: an expression that is 0 there (the u of |u|, the a - b of max(a, b))
Out  Whole: differentiable, with which derivative; a kink, a jump, infinite, undefined; or not decided

No rule of differentiation is trusted here.  Points on the place are found, exactly where an input enters linearly.
From each, two steps to either side along random directions give both one-sided slopes of every output, in
rational arithmetic or at 120 digits: slopes that are equal differ by the length of a step, 1e-20.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass, replace
from fractions import Fraction
from itertools import pairwise, product
from math import prod
from typing import Any

import mpmath
import numpy as np
import sympy as sp

from scratchgrad.calculus.chosen import small_sizes
from scratchgrad.calculus.derivation import Derivation
from scratchgrad.calculus.differentiate import DerivationStuck
from scratchgrad.notation.binding import bound, free_indices
from scratchgrad.notation.definition import Definition
from scratchgrad.notation.evaluation import EvaluationError, Exact, Float, Valuation
from scratchgrad.notation.indices import Index, Size
from scratchgrad.notation.nodes import MaxOver

__all__ = ["Surroundings", "Whole"]

_DIGITS = 120
_STEPS = (Fraction(1, 10**20), Fraction(1, 10**35))
"""Two lengths: a slope that the shorter one makes steeper is infinite."""

_EQUAL = mpmath.mpf(10) ** -9
"""Slopes that differ by less are equal; a power such as x**1.5 comes near its limit slowly."""

_ROOT = Fraction(1, 10**70)
_SECANTS = 40
_RANGES = ((0.3, 2.0), (-2.0, 2.0), (0.1, 0.45), (-2.0, 2.0), (1.0, 3.0), (-2.0, 2.0))
"""From where the inputs of each attempt are drawn."""

_OPERATIONS = 40_000
"""A definition that takes more is not looked at: at 120 digits this one takes half a minute."""

_COORDINATES = 6
_GRID = [Fraction(n, 2) for n in range(-8, 9)]
_FAILURES = (EvaluationError, ArithmeticError, ValueError, TypeError, IndexError, np.linalg.LinAlgError)
"""What an evaluation raises where there is no value: then a point says nothing."""

Point = dict[str, Any]


@dataclass(frozen=True)
class Whole:
    """What is true of the outputs at a place; `derivative` and `formula` where they are one number there."""

    verdict: str
    """differentiable, kink, jump, infinite, undefined, unreached, or undecided"""

    derivative: sp.Rational | None = None
    """The derivative of the outputs with respect to the input that is the place, where it is the same everywhere."""

    formula: bool | None = None
    """Whether the derived gradient, by its convention, gives the derivative; None where that was not decided."""

    alone: bool = True
    """Whether that holds at points where other kinks meet this one, too."""


@dataclass(frozen=True)
class _Met:
    """A point on the place, the input element that was moved to get there, and whether it lies there exactly."""

    point: Point
    moved: tuple[str, tuple[int, ...]]
    exact: bool


class Surroundings:
    """Points around the kinks of one definition."""

    def __init__(self, definition: Definition, derivation: Derivation | None = None) -> None:
        """Those of the definition; `derivation` saves deriving its gradients again."""
        self.definition = definition
        self.derivation = derivation or Derivation(definition)
        sizes = {size: int(n) for size, n in small_sizes(definition).items()}
        if all(isinstance(size, Size) for size in sizes):  # else they depend on one another
            sizes = dict.fromkeys(sizes, 2)
        for e in (a.right for a in definition.assignments):
            sizes |= {s: 2 for s in sorted(_sizes(e), key=str) if s not in sizes}
        self.sizes: Mapping[sp.Expr, int] = sizes
        self.small = sum(map(self._operations, (a.right for a in definition.assignments))) <= _OPERATIONS

    def whole(self, place: sp.Expr) -> Whole:
        """What is true where `place` is 0; for a maximum over indices, where its two largest values tie."""
        if not self.small:
            return Whole("undecided")
        random = np.random.default_rng(11)
        seen: list[Whole] = []
        for least, most in _RANGES:
            try:
                met = self._meet(place, self._draw(random, least, most), random)
                if met is not None:
                    seen.append(self._around(met, random))
            except _FAILURES:
                continue
        special: list[Whole] = []
        for point in self._special(place):
            try:
                special.append(self._around(_Met(point, ("", ()), True), random))
            except _FAILURES:
                continue
        whole = _joined(seen or special)
        smooth = all(w.verdict in ("differentiable", "undefined") for w in special)
        return whole if smooth else replace(whole, alone=False)

    def _draw(self, random: Any, least: float, most: float) -> Point:
        point: Point = {}
        for tensor in self.definition.inputs:
            shape = [self._size(s) for s in tensor.sizes]
            if tensor.integer:
                point[tensor.name] = random.integers(0, 2, shape)
            else:
                drawn = random.integers(int(least * 97), int(most * 97) + 1, shape)
                point[tensor.name] = _fractions(np.asarray(drawn, dtype=object), 97)
        return point

    def _size(self, size: sp.Expr) -> int:
        return int(size.subs(self.sizes))

    def _operations(self, e: sp.Expr) -> int:
        """How many operations an evaluation takes, at most: every node at all values of all indices."""
        elements = prod(self._size(i.size) for i in e.atoms(Index))
        return elements * sum(1 for _ in sp.preorder_traversal(e))

    def _special(self, place: sp.Expr) -> Iterator[Point]:
        """Points at which all inputs are 0, or all equal, where `place` is 0: a norm has no other zero."""
        for value in (Fraction(0), Fraction(1)):
            point = self._draw(np.random.default_rng(13), 1.0, 1.0)
            for tensor in self.definition.inputs:
                if not tensor.integer and tensor.indices:
                    point[tensor.name] = _fractions(np.full(np.shape(point[tensor.name]), value, dtype=object), 1)
            try:
                indices = free_indices(place)
                values = self._forward(point).value(place, indices)
            except _FAILURES:
                continue
            if all(v == 0 for v in np.ravel(values)):
                yield point

    def _forward(self, point: Point, arithmetic: type[Float] | None = None) -> Valuation:
        at = Valuation(point, self.sizes, Float() if arithmetic else Exact(_DIGITS))
        for assignment in self.definition.assignments:
            at.assign(assignment.target.name, at.value(assignment.right, assignment.target.indices))
        return at

    def _outputs(self, point: Point) -> list[Any]:
        at = self._forward(point)
        return [np.asarray(at.tensors[o.name], dtype=object) for o in self.definition.outputs]

    def _meet(self, place: sp.Expr, point: Point, random: Any) -> _Met | None:
        """A point on the place, near the given one; None where moving one input does not lead there."""
        with np.errstate(all="ignore"):
            rough = self._forward(_floats(point), Float)
            if not all(np.isfinite(rough.tensors[o.name]).any() for o in self.definition.outputs):
                return None
        height = self._height(place, point, random)
        places = [
            (tensor.name, where)
            for tensor in self.definition.inputs
            if not tensor.integer
            for where in np.ndindex(*(self._size(s) for s in tensor.sizes))
        ]
        tried = 0
        for number in random.permutation(len(places)):
            name, where = places[number]

            def moved(by: Any, name: str = name, where: tuple[int, ...] = where) -> Point:
                values = np.array(point[name], dtype=object)
                values[where] = values[where] + by
                return {**point, name: values}

            def at(by: Any, moved: Callable[[Any], Point] = moved) -> Any:
                return height(self._forward(moved(by)))

            start, ahead = at(Fraction(0)), at(Fraction(1))
            if start == ahead or (tried := tried + 1) > _COORDINATES:
                continue
            root = _root(at, start, ahead)
            if root is not None and height(self._forward(moved(root)), still=True) is not None:
                return _Met(moved(root), (name, where), bool(at(root) == 0))
        return None

    def _height(self, place: sp.Expr, point: Point, random: Any) -> Callable[..., Any]:
        """A function of valuations that is 0 on the place: one entry of it, or the difference of two that may tie."""
        if not isinstance(place, MaxOver):
            indices = free_indices(place)
            entry = tuple(int(random.integers(0, self._size(i.size))) for i in indices)
            return lambda at, still=False: at.value(place, indices)[entry]
        body, inner = place.args[0], bound(place)
        outer = free_indices(place)
        row = tuple(int(random.integers(0, self._size(i.size))) for i in outer)
        order = self._sorted(self._forward(point).value(body, (*outer, *inner))[row])

        def difference(at: Valuation, still: bool = False) -> Any:
            values = at.value(body, (*outer, *inner))[row]
            top = self._sorted(values)[:2]
            if still and {*top} != {*order[:2]}:
                return None  # on the way another value became the largest
            return values[order[0]] - values[order[1]]

        return difference

    @staticmethod
    def _sorted(values: Any) -> list[tuple[int, ...]]:
        """The places of an array, those of the largest values first."""
        with mpmath.workdps(_DIGITS):
            return sorted(np.ndindex(values.shape), key=lambda place: _real(values[place]), reverse=True)

    def _around(self, met: _Met, random: Any) -> Whole:
        """What is true at one point: slopes to both sides along random directions."""
        middle: list[Any] | None = self._outputs(met.point) if met.exact else None
        if middle is not None and not all(_finite(v) for a in middle for v in np.ravel(a)):
            return Whole("undefined")
        worst = "differentiable"
        along: list[tuple[Point, list[Any]]] = []
        for only in (True, False, False):
            direction = self._direction(met, random, only and bool(met.moved[0]))
            verdict, slopes = self._sides(met.point, direction, middle)
            if _RANK[verdict] > _RANK[worst]:
                worst = verdict
            along.append((direction, slopes))
        if worst != "differentiable":
            return Whole(worst)
        alone = {v for a in along[0][1] for v in map(_rational, np.ravel(a)) if v != 0} if met.moved[0] else {None}
        derivative = sp.Integer(0) if not alone else alone.pop() if len(alone) == 1 else None
        return Whole(worst, derivative, self._formula(met.point, *along[-1]) if met.exact else None)

    def _direction(self, met: _Met, random: Any, only: bool) -> Point:
        direction: Point = {}
        for tensor in self.definition.inputs:
            if tensor.integer:
                continue
            drawn = np.asarray(random.integers(-97, 98, np.shape(met.point[tensor.name])), dtype=object)
            if only:
                drawn = np.zeros(drawn.shape, dtype=object)
                if tensor.name == met.moved[0]:
                    drawn[met.moved[1]] = 97
            direction[tensor.name] = _fractions(drawn, 97)
        return direction

    def _sides(self, point: Point, direction: Point, middle: list[Any] | None) -> tuple[str, list[Any]]:
        """The verdict along one direction, and the slopes ahead."""

        def outputs(by: Fraction) -> list[Any]:
            return self._outputs({**point, **{n: point[n] + d * by for n, d in direction.items()}})

        with mpmath.workdps(_DIGITS):
            slopes: list[list[list[Any]]] = []
            ends: list[list[Any]] = []
            for step in _STEPS:
                sides = []
                for side in (step, -step):
                    near, far = outputs(side), outputs(2 * side)
                    sides.append([_slope(f, n, side) for f, n in zip(far, near, strict=True)])
                    ends.append(near)
                slopes.append(sides)
            if _jumps(ends, middle):
                return "jump", []
            longer, shorter = slopes
            for before, after in zip((*longer[0], *longer[1]), (*shorter[0], *shorter[1]), strict=True):
                if _apart(before, after):
                    steeper = any(abs(a) > abs(b) + 1 for a, b in zip(np.ravel(after), np.ravel(before), strict=True))
                    return ("infinite" if steeper else "undecided"), []
            if any(_apart(a, b) for a, b in zip(*shorter, strict=True)):
                return "kink", []
            return "differentiable", shorter[0]

    def _formula(self, point: Point, direction: Point, slopes: list[Any]) -> bool | None:
        """Whether the derived gradients give the slope at the point itself, by their conventions."""
        at = self._forward(point)
        total: Any = mpmath.mpf(0)
        with mpmath.workdps(_DIGITS):
            wanted: Any = mpmath.mpf(0)
            for output, slope in zip(self.definition.outputs, slopes, strict=True):
                weights = np.asarray([Fraction(2 * n + 3, 7) for n in range(slope.size)], dtype=object)
                at.assign(output.gradient.name, weights.reshape(slope.shape))
                wanted += _dot(weights, slope)
            try:
                for name, along in direction.items():
                    form = self.derivation[name]
                    values = at.value(form.element, form.indices)
                    total += _dot(values, along)
            except (*_FAILURES, DerivationStuck):
                return None
            return bool(mpmath.isfinite(total) and abs(total - wanted) <= _EQUAL * (1 + abs(wanted)))


_RANK = {v: n for n, v in enumerate(("differentiable", "undefined", "undecided", "kink", "infinite", "jump"))}


def _joined(seen: list[Whole]) -> Whole:
    """What holds at all points: the worst that was seen; undecided where too few agree."""
    if not seen:
        return Whole("unreached")
    worst = max(seen, key=lambda w: _RANK[w.verdict]).verdict
    if worst != "differentiable":
        return Whole(worst)
    derivatives = {w.derivative for w in seen}
    formulas = {w.formula for w in seen}
    return Whole(
        worst,
        derivatives.pop() if len(derivatives) == 1 else None,
        False if False in formulas else True if formulas == {True} else None,
    )


def _root(at: Callable[[Any], Any], start: Any, ahead: Any) -> Fraction | None:
    """Where the function is 0: exactly where it is linear, else as near as the digits allow; None where it is not."""
    behind = at(Fraction(-1))
    if all(isinstance(v, Fraction) for v in (start, ahead, behind)) and ahead - start == start - behind:
        return Fraction(-start / (ahead - start))
    heights = [(by, at(by)) for by in _GRID]
    for (low, left), (high, right) in pairwise(heights):
        if not (_finite(left) and _finite(right)):
            continue
        if left == 0:
            return low
        if (left < 0) != (right < 0):
            return _narrowed(at, low, high, left)
    return None


def _narrowed(at: Callable[[Any], Any], low: Fraction, high: Fraction, left: Any) -> Fraction:
    """The zero between two numbers, by halving, then by secants; a simple fraction where that is the zero."""
    for _ in range(12):
        middle = (low + high) / 2
        value = at(middle)
        if (value < 0) == (left < 0):
            low = middle
        else:
            high = middle
    with mpmath.workdps(_DIGITS):
        a, b = low, high
        f, g = _real(at(a)), _real(at(b))
        for _ in range(_SECANTS):
            if f == g or abs(b - a) < _ROOT:
                break
            c = _fraction(_real(b) - g * (_real(b) - _real(a)) / (g - f))
            a, f, b, g = b, g, c, _real(at(c))
    simple = b.limit_denominator(10**6)
    return simple if at(simple) == 0 else b


def _sizes(e: sp.Expr) -> set[sp.Expr]:
    return {i.size for i in e.atoms(Index) if isinstance(i.size, Size)} | set(e.atoms(Size))


def _fractions(values: Any, under: int) -> Any:
    found = np.empty(np.shape(values), dtype=object)
    for where in product(*map(range, found.shape)):
        found[where] = Fraction(values[where]) / under
    return found


def _floats(point: Point) -> Point:
    return {n: a if np.asarray(a).dtype.kind in "iu" else np.asarray(a, dtype=float) for n, a in point.items()}


def _fraction(value: Any) -> Fraction:
    sign, mantissa, exponent, _ = value._mpf_
    return Fraction(int(mantissa) * (-1) ** sign) * Fraction(2) ** int(exponent)


def _real(value: Any) -> Any:
    return mpmath.mpf(value.numerator) / value.denominator if isinstance(value, Fraction) else mpmath.mpf(value)


def _finite(value: Any) -> bool:
    return isinstance(value, Fraction) or bool(mpmath.isfinite(value))


def _slope(far: Any, near: Any, step: Fraction) -> Any:
    """The difference quotient of two arrays."""
    quotient = np.frompyfunc(lambda a, b: (_real(a) - _real(b)) / _real(step), 2, 1)
    return np.asarray(quotient(far, near), dtype=object)


def _dot(a: Any, b: Any) -> Any:
    return sum((_real(p) * _real(q) for p, q in zip(np.ravel(a), np.ravel(b), strict=True)), mpmath.mpf(0))


def _gap(one: list[Any], other: list[Any]) -> Any:
    """The largest difference between two lists of arrays."""
    pairs = [(p, q) for a, b in zip(one, other, strict=True) for p, q in zip(np.ravel(a), np.ravel(b), strict=True)]
    return max((abs(_real(p) - _real(q)) for p, q in pairs), default=mpmath.mpf(0))


def _jumps(ends: list[list[Any]], middle: list[Any] | None) -> bool:
    """Whether the outputs differ on the two sides, or from the value between, however short the step is."""
    longer, shorter = ends[:2], ends[2:]
    pairs = [(longer, shorter)] + ([([longer[0], middle], [shorter[0], middle])] if middle is not None else [])
    return any(_EQUAL < _gap(*near) and _gap(*far) * 9 < _gap(*near) * 10 for far, near in pairs)


def _apart(a: Any, b: Any) -> bool:
    """Whether two arrays differ anywhere by more than steps do."""
    return any(
        not abs(_real(p) - _real(q)) <= _EQUAL * (1 + abs(_real(p)))
        for p, q in zip(np.ravel(a), np.ravel(b), strict=True)
    )


def _rational(value: Any) -> sp.Rational | None:
    """The simple fraction that a slope is; None where it is none."""
    simple = _fraction(mpmath.mpf(value)).limit_denominator(1000)
    near = abs(_real(simple) - value) <= _EQUAL
    return sp.Rational(simple.numerator, simple.denominator) if near else None
