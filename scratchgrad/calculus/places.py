"""Points on the place of a kink: where the u of |u| is 0, where the a and b of max(a, b) are equal.

In   a definition, and an expression of it that is 0 at the place (a maximum over indices: its two largest values tie)
Out  points in the domains of the inputs, as fractions: exactly on the place where one input enters linearly, else
     within 1e-70 of it

One element of one input is moved until the expression is 0; a place such as the zero of a norm, where several
inputs must be 0 at once, is looked for where all are equal.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass
from fractions import Fraction
from itertools import pairwise, product
from math import prod
from typing import Any

import mpmath
import numpy as np
import sympy as sp
from numpy.typing import NDArray

from scratchgrad.calculus.chosen import small_sizes
from scratchgrad.domain import Domain
from scratchgrad.notation.arithmetic import Float
from scratchgrad.notation.binding import bound, free_indices, operands, tensor_name, tensors_in
from scratchgrad.notation.definition import Assignment, Definition
from scratchgrad.notation.evaluation import EvaluationError, Valuation
from scratchgrad.notation.exact_arithmetic import Exact
from scratchgrad.notation.functions import Function
from scratchgrad.notation.indices import Index, Size
from scratchgrad.notation.nodes import Determinant, InverseElement, LogDeterminant, MaxOver

__all__ = ["DIGITS", "FAILURES", "Met", "Places", "Point", "distinct", "finite", "fraction", "real"]

DIGITS = 120
FAILURES = (EvaluationError, ArithmeticError, ValueError, np.linalg.LinAlgError)
"""What an evaluation raises where there is no value: then a point says nothing."""

_RANGES = ((0.3, 2.0), (-2.0, 2.0), (0.1, 0.45), (-2.0, 2.0), (1.0, 3.0), (-2.0, 2.0))
"""From where the inputs of each attempt are drawn."""

# TRUST: kinks-by-numbers
_OPERATIONS = 40_000
"""A definition that takes more is not looked at: at 120 digits this one takes half a minute."""

_FEW = 2
_MATRIX = 300
"""For so many operations an inverse or a determinant counts."""

_ENOUGH = 8_000
"""A definition that takes more is looked at in fewer attempts."""

_GRAIN = 97
"""What is drawn is a multiple of 1/97: no accident makes two such numbers meet."""

_COORDINATES = 6
_GRID = [Fraction(n, 2) for n in range(-8, 9)]
_ROOT = Fraction(1, 10**70)
_SECANTS = 40
_MODERATE = 10**6
_HUGE = 10**40


class Moderate(Exact):
    """Exact arithmetic in which nobody works out what has no end of digits: functions of huge numbers are unknown."""

    def __init__(self) -> None:
        """At as many digits as slopes need."""
        super().__init__(DIGITS)

    def function(self, row: Function) -> Callable[..., Any]:
        """The function, NaN where an argument is huge."""
        plain = super().function(row)

        def moderate(*arguments: Any) -> Any:
            zero: Any = Fraction(0)
            huge: Any = np.zeros((), dtype=bool)
            for a in arguments:
                huge = huge | _huge(a)
            if not huge.any():
                return plain(*arguments)
            found = plain(*(np.where(huge, zero, a) for a in arguments))
            return np.where(huge, np.asarray(mpmath.nan, dtype=object), found)

        return moderate

    def power(self, base: Any, exponent: Any) -> Any:
        """The power; by a large whole number it is rounded."""
        exponent = np.asarray(exponent, dtype=object)
        large = _huge(exponent, _MODERATE)
        return super().power(
            base, np.where(large, np.asarray(_REAL(exponent), dtype=object), exponent) if large.any() else exponent
        )


def _huge(values: Any, least: Any = _HUGE) -> NDArray[np.bool_]:
    return np.asarray(np.frompyfunc(lambda v: not abs(v) <= least, 1, 1)(np.asarray(values, dtype=object)), dtype=bool)


Point = dict[str, Any]
Assigned = tuple[Assignment, ...]


@dataclass(frozen=True)
class Met:
    """A point on the place, the input element that was moved to get there (or none), whether it lies there exactly."""

    point: Point
    moved: tuple[str, tuple[int, ...]] | None
    exact: bool


class Places:
    """Points of one definition, and its values there."""

    def __init__(self, definition: Definition) -> None:
        """Those of the definition, at small sizes."""
        self.definition = definition
        sizes = {size: int(n) for size, n in small_sizes(definition).items()}
        if all(isinstance(size, Size) for size in sizes):  # else they depend on one another
            sizes = dict.fromkeys(sizes, 2)
        for e in (a.right for a in definition.assignments):
            sizes |= {s: 2 for s in sorted(_sizes(e), key=str) if s not in sizes}
        self.sizes: Mapping[sp.Expr, int] = sizes
        self.real = [tensor for tensor in definition.inputs if not tensor.integer]
        operations = sum(map(self._operations, (a.right for a in definition.assignments)))
        self.small = operations <= _OPERATIONS
        self.attempts = len(_RANGES) if operations <= _ENOUGH else _FEW

    def met(self, place: sp.Expr, random: Any) -> Iterator[Met]:
        """Points where `place` is 0 and nothing else is special."""
        for least, most in _RANGES[: self.attempts]:
            try:
                found = self._meet(place, self._draw(random, least, most), random)
            except FAILURES:
                continue
            if found is not None:
                yield found

    def special(self, place: sp.Expr) -> Iterator[Met]:
        """Points at which all inputs are 0, or all equal, where `place` is 0: a norm has no other zero."""
        for value in (Fraction(0), Fraction(1)):
            point = self._draw(np.random.default_rng(13), 1.0, 1.0)
            for tensor in self.real:
                if tensor.indices and _movable(tensor.domain) and value in tensor.domain.interval:
                    point[tensor.name] = _fractions(np.full(np.shape(point[tensor.name]), value, dtype=object), 1)
            try:
                values = np.ravel(self.forward(point).value(place, free_indices(place)))
            except FAILURES:
                continue
            if all(v == 0 for v in values) or isinstance(place, MaxOver):
                yield Met(point, None, True)

    def forward(
        self, point: Point, arithmetic: Exact | Float | None = None, wanted: Assigned | None = None
    ) -> Valuation:
        """The values that forward makes: all of them, or those of some assignments."""
        at = Valuation(point, self.sizes, arithmetic or Moderate())
        for assignment in self.definition.assignments if wanted is None else wanted:
            at.assign(assignment.target.name, at.value(assignment.right, assignment.target.indices))
        return at

    def inside(self, point: Point) -> bool:
        """Whether every element lies in the interval of its domain."""
        return all(
            v in tensor.domain.interval
            for tensor in self.real
            if not tensor.domain.is_reals
            for v in np.ravel(point[tensor.name])
        )

    def _size(self, size: sp.Expr) -> int:
        return int(size.subs(self.sizes))

    def _operations(self, e: sp.Expr) -> int:
        """How many operations an evaluation takes, at most: every node at all values of all indices."""
        nodes = list(distinct(e))
        matrices = sum(isinstance(n, (InverseElement, Determinant, LogDeterminant)) for n in nodes)
        return (len(nodes) + _MATRIX * matrices) * prod(self._size(i.size) for i in nodes if isinstance(i, Index))

    def _draw(self, random: Any, least: float, most: float) -> Point:
        return {
            tensor.name: _drawn(tensor.domain, tuple(map(self._size, tensor.sizes)), random, least, most)
            for tensor in self.definition.inputs
        }

    def _meet(self, place: sp.Expr, point: Point, random: Any) -> Met | None:
        """A point on the place, near the given one; None where moving one input does not lead there."""
        with np.errstate(all="ignore"):
            rough = self.forward(_floats(point), Float())
            if not all(np.isfinite(rough.tensors[o.name]).any() for o in self.definition.outputs):
                return None
        needed = self._leading_to(place)
        height = self._height(place, self.forward(point, wanted=needed), random)
        places = [
            (t.name, where) for t in self.real if _movable(t.domain) for where in np.ndindex(np.shape(point[t.name]))
        ]
        tried = 0
        for number in random.permutation(len(places)):
            name, where = places[number]

            def moved(by: Any, name: str = name, where: tuple[int, ...] = where) -> Point:
                values = np.array(point[name], dtype=object)
                values[where] = values[where] + by
                return {**point, name: values}

            def at(by: Any, moved: Callable[[Any], Point] = moved) -> Any:
                return height(self.forward(moved(by), wanted=needed))

            start, ahead = at(Fraction(0)), at(Fraction(1))
            if start == ahead:
                continue
            root = _root(at, start, ahead)
            there = None if root is None else moved(root)
            if there is not None and self.inside(there):
                left = height(self.forward(there, wanted=needed), still=True)
                if left is not None:
                    return Met(there, (name, where), bool(left == 0))
            if (tried := tried + 1) == _COORDINATES:
                break
        return None

    def _leading_to(self, place: sp.Expr) -> Assigned:
        """The assignments that an expression rests on."""
        names, needed = {tensor_name(t) for t in tensors_in(place)}, []
        for assignment in reversed(self.definition.assignments):
            if assignment.target.name in names:
                needed.append(assignment)
                names |= {tensor_name(t) for t in tensors_in(assignment.right)}
        return tuple(reversed(needed))

    def _height(self, place: sp.Expr, start: Valuation, random: Any) -> Callable[..., Any]:
        """A function of valuations that is 0 on the place: one entry of it, or the difference of two that may tie."""
        if not isinstance(place, MaxOver):
            indices = free_indices(place)
            entry = tuple(int(random.integers(0, self._size(i.size))) for i in indices)
            return lambda at, still=False: at.value(place, indices)[entry]
        body, inner = place.args[0], bound(place)
        outer = free_indices(place)
        row = tuple(int(random.integers(0, self._size(i.size))) for i in outer)
        order = _sorted(start.value(body, (*outer, *inner))[row])

        def difference(at: Valuation, still: bool = False) -> Any:
            values = at.value(body, (*outer, *inner))[row]
            if still and {*_sorted(values)[:2]} != {*order[:2]}:
                return None  # on the way another value became the largest
            return values[order[0]] - values[order[1]]

        return difference


def _sorted(values: Any) -> list[tuple[int, ...]]:
    """The places of an array, those of the largest values first."""
    with mpmath.workdps(DIGITS):
        return sorted(np.ndindex(values.shape), key=lambda place: real(values[place]), reverse=True)


def _movable(domain: Domain) -> bool:
    """Whether an entry may be any number of an interval."""
    return domain.structure not in ("int", "sign", "onehot")


def _drawn(domain: Domain, shape: tuple[int, ...], random: Any, least: float, most: float) -> Any:
    """Values of the domain, as far as its interval and its structure go."""
    low, high = domain.interval.low, domain.interval.high
    if domain.integer:
        return random.integers(0, 2, shape)
    if domain.structure == "sign":
        return _fractions(np.asarray(random.choice([-1, 1], shape), dtype=object), 1)
    if domain.structure == "onehot":
        return _fractions(np.asarray(np.eye(shape[-1], dtype=int)[random.integers(0, shape[-1], shape[:-1])]), 1)
    if low is not None and high is not None:
        drawn = random.integers(1, _GRAIN, shape)
        return _fractions(np.asarray(drawn, dtype=object), _GRAIN) * (high - low) + low
    drawn = _fractions(np.asarray(random.integers(int(least * _GRAIN), int(most * _GRAIN) + 1, shape)), _GRAIN)
    if low is not None:
        return abs(drawn) + low + Fraction(1, _GRAIN)
    if high is not None:
        return high - abs(drawn) - Fraction(1, _GRAIN)
    if domain.is_square:
        drawn = (drawn + np.swapaxes(drawn, -1, -2)) / 2
        drawn = drawn + _fractions(np.eye(shape[-1], dtype=int) * (4 * shape[-1]), 1)
    return drawn


def _root(at: Callable[[Any], Any], start: Any, ahead: Any) -> Fraction | None:
    """Where the function is 0: exactly where it is linear, else as near as the digits allow; None where it is not."""
    behind = at(Fraction(-1))
    if all(isinstance(v, Fraction) for v in (start, ahead, behind)) and ahead - start == start - behind:
        return Fraction(-start / (ahead - start))
    heights = [(by, at(by)) for by in _GRID]
    for (low, left), (high, right) in pairwise(heights):
        if not (finite(left) and finite(right)):
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
    with mpmath.workdps(DIGITS):
        a, b = low, high
        f, g = real(at(a)), real(at(b))
        for _ in range(_SECANTS):
            if f == g or abs(b - a) < _ROOT:
                break
            c = fraction(real(b) - g * (real(b) - real(a)) / (g - f))
            if c is None:
                break
            a, f, b, g = b, g, c, real(at(c))
    simple = b.limit_denominator(10**6)
    return simple if at(simple) == 0 else b


def _sizes(e: sp.Expr) -> set[sp.Expr]:
    nodes = list(distinct(e))
    return {n.size for n in nodes if isinstance(n, Index) and isinstance(n.size, Size)} | {
        n for n in nodes if isinstance(n, Size)
    }


def distinct(e: sp.Basic) -> Iterator[sp.Basic]:
    """Every different node of an expression once, from the outside; bound indices and conditions, too."""
    seen: set[sp.Basic] = set()
    pending = [e]
    while pending:
        node = pending.pop()
        if node not in seen:
            seen.add(node)
            yield node
            pending += reversed((*operands(node), *bound(node)))


def _fractions(values: Any, under: int) -> Any:
    found = np.empty(np.shape(values), dtype=object)
    for where in product(*map(range, found.shape)):
        value = values[where]
        found[where] = (value if isinstance(value, Fraction) else Fraction(int(value))) / under  # never a numpy integer
    return found


def _floats(point: Point) -> Point:
    return {n: a if np.asarray(a).dtype.kind in "iu" else np.asarray(a, dtype=float) for n, a in point.items()}


def fraction(value: Any) -> Fraction | None:
    """The fraction that a number of moderate size is, to a hundred digits; None for a larger one."""
    if not abs(value) < _MODERATE:
        return None
    return Fraction(int(mpmath.nint(value * mpmath.mpf(10) ** 100)), 10**100)


def real(value: Any) -> Any:
    """The value as an mpmath number."""
    return mpmath.mpf(value.numerator) / value.denominator if isinstance(value, Fraction) else mpmath.mpf(value)


_REAL = np.frompyfunc(real, 1, 1)


def finite(value: Any) -> bool:
    """Whether the value is a number."""
    return isinstance(value, Fraction) or bool(mpmath.isfinite(value))
