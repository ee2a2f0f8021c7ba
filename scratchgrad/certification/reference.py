"""The right values: the definition's own entries in ball arithmetic, and how far a right kernel may be off.

In   a Point
Out  Truth: for every output u and every gradient grad_W, the exact value and the bound of one unit of error

A batch is evaluated with the definition of one sample, and the gradients of shared inputs are summed over the samples.
The gradients are adjoints of the definition's entries: so the reference rests neither on the derivation of the element
form nor on that of the batched form.  Where the definition has no finite value (log 0), or its value exceeds the
dtype's range, nothing can be compared, and the entry is left out.

At a tie or a kink every legal gradient is right.  There the hull of the one-sided derivatives is an interval for every
entry, and gradients a hair's breadth away span what holds for all of them together: of two tied values, the maximum
gives its gradient to one, or a part to each, but not twice.  Where the definition jumps, it takes one branch, and
only that one's gradient is right.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from fractions import Fraction
from typing import Any
from weakref import WeakKeyDictionary

import numpy as np
import torch

from scratchgrad.certification.error_model import SIGNIFICAND, UNIT
from scratchgrad.certification.exact.balls import BITS, Near, Program, ball, balls, precisely
from scratchgrad.certification.exact.entries import Entries, entries_of_sample
from scratchgrad.certification.exact.floats import computed
from scratchgrad.certification.exact.rules import CannotExecute
from scratchgrad.certification.legal import Legal, legal
from scratchgrad.certification.noise import Noise
from scratchgrad.certification.point import Point
from scratchgrad.certification.specification import NothingToCertify, Role, Specification
from scratchgrad.certification.truth import JUMP, RADIUS, Truth, Undefined, floats, truths
from scratchgrad.notation.evaluation import EvaluationError

__all__ = ["BITS", "SEED", "Reference", "Truth", "Undefined"]

SEED = 20260101
"""Every draw starts from this number."""

_FINER = 60
"""Noise is 2**-60 ulp, and the effect is scaled up: where it does not shrink, it was a jump (a tie, a kink)."""

# TRUST: noise
_FEW = 3
_MORE = 12
"""How often the effect of noise is measured; more often before an error counts as a mistake."""

_TOGETHER = 16
"""How many points of the battery are evaluated in one pass."""

_ROWS = 256
# TRUST: ties
_NEAR = 64
"""How many units of roundoff a comparison may be from a tie, that rounding decides it."""

_BREADTH = ball(Fraction(1, 2**100))
_AROUND = 24
"""How many gradients around a tie are looked at."""

_AROUND_AGAIN = 384
"""And how many before anybody is refused for what they have in common."""

Array = Any


@dataclass
class _Known:
    """What is known about a point: the exact values, and what is legal where it is tied."""

    values: dict[str, Array]
    effect: dict[str, Array] = field(default_factory=dict)
    slack: dict[str, tuple[Array, Array]] = field(default_factory=dict)
    legal: Legal | None = None


class Reference:
    """The right values of a specification's outputs and gradients at any point; a point is evaluated once."""

    def __init__(self, specification: Specification) -> None:
        """The reference of the specification."""
        self.specification = specification
        self._roles = {r.name: r for r in specification.outputs}
        self._roles |= {r.tensor.gradient.name: r for r in specification.differentiable}
        kinds = specification.function.kinds() if specification.function is not None else []
        # TRUST: ties
        self._positions = [r for r, kind in zip(specification.outputs, kinds, strict=False) if kind == "position"]
        """Outputs that say where something is: of equal numbers any is the largest."""
        self._known: WeakKeyDictionary[Point, _Known] = WeakKeyDictionary()
        self._truths: WeakKeyDictionary[Point, dict[str, Truth]] = WeakKeyDictionary()
        self._closer: WeakKeyDictionary[Point, None] = WeakKeyDictionary()
        self._undefined: WeakKeyDictionary[Point, str] = WeakKeyDictionary()
        self._together: WeakKeyDictionary[Point, list[Point]] = WeakKeyDictionary()
        self._same: WeakKeyDictionary[Point, Point] = WeakKeyDictionary()
        self._programs: dict[Any, tuple[Entries, Program]] = {}

    def also_in(self, point: Point, dtype: str) -> Point:
        """The point's numbers in another dtype, which holds them exactly: what is right is evaluated once for both."""
        if point.dtype == dtype:
            return point
        found = point.in_dtype(dtype)
        self._same[found] = point
        return found

    def expect(self, points: Sequence[Point]) -> None:
        """These points will be asked about: those of equal sizes are evaluated together."""
        groups: dict[Any, list[Point]] = {}
        for point in dict.fromkeys(self._same.get(point, point) for point in points):
            groups.setdefault((point.batch if self.specification.function else None, *point.sizes.items()), []).append(
                point
            )
        for group in groups.values():
            for start in range(0, len(group), _TOGETHER):
                for point in group[start : start + _TOGETHER]:
                    self._together[point] = group[start : start + _TOGETHER]

    @precisely
    def at(self, point: Point) -> dict[str, Truth]:
        """The truth about u for every output, grad_x for every input.  Raises Undefined where there is none."""
        if point not in self._truths:
            known = self._evaluated(point)
            self._truths[point] = self._truth(point, known)
        return self._truths[point]

    @precisely
    def at_length(self, point: Point) -> dict[str, Truth]:
        """As `at`, with the effect of noise measured more often: asked before a kernel is refused."""
        if point not in self._closer:
            known = self._evaluated(point)
            self._measure([self._same.get(point, point)], _MORE)
            self._closer[point] = None
            self._truths[point] = self._truth(point, known)
        return self._truths[point]

    def _truth(self, point: Point, known: _Known) -> dict[str, Truth]:
        part = UNIT[point.dtype] / UNIT[self._same.get(point, point).dtype]  # the effect of noise is linear in its size
        effect = {name: part * array for name, array in known.effect.items()}
        return truths(self.specification, point, known.values, effect, known.slack)

    @precisely
    def values(self, point: Point) -> dict[str, Array]:
        """The exact values: object arrays of balls."""
        return self._evaluated(point).values

    @precisely
    def legal(self, point: Point) -> Legal | None:
        """What holds for all legal gradients together, where the point is tied."""
        return self._evaluated(point).legal

    @precisely
    def legal_among_more(self, point: Point) -> Legal | None:
        """The same, from so many gradients around the tie that each of several tied values wins in some."""
        [(_, values)] = self._run([point], _AROUND_AGAIN, breadth=True)
        return legal({n: floats(a) for n, a in values.items() if self._roles[n] in self.specification.inputs})

    def in_floats(self, point: Point) -> dict[str, Array]:
        """What the definition and its gradients are where they are computed plainly, in the point's dtype."""
        [(_, found)] = self._run([point], 1, floats=True)
        return {name: floats(_single(values)) for name, values in found.items()}

    @precisely
    def conditioning(self, point: Point) -> dict[str, Array]:
        """How far rounding of the inputs and upstream gradients alone carries every entry."""
        known = self._evaluated(point).values
        [(_, found)] = self._run([point], _MORE, noise=True, inner=False)
        scale = 2.0**_FINER
        return {n: np.abs(floats(a - known[n])).max(axis=0, initial=0.0) * scale for n, a in found.items()}

    def entries(self, point: Point, n: int = 0) -> tuple[Entries, Program]:
        """The entries of a sample of the point (of the whole point, for a torch function), and their program."""
        spec = self.specification
        integers = {
            role.name: self._sample(role, point, n, point.tensors[role.name]) for role in spec.inputs if role.integer
        }
        key: tuple[Any, ...] = tuple((name, a.shape, a.tobytes()) for name, a in integers.items())
        key = (None if spec.function is None else point.batch, *point.sizes.items(), *key)
        if key not in self._programs:
            entries = self._executed(point) if spec.function is not None else self._defined(point, integers)
            roots = [node for array in entries.results.values() for node in array.ravel()]
            self._programs[key] = (entries, Program(roots, entries.kept))
        return self._programs[key]

    def _defined(self, point: Point, integers: Mapping[str, Array]) -> Entries:
        definition = self.specification.definition
        assert definition is not None  # else there is a function
        try:
            return entries_of_sample(definition, point.sizes, integers)
        except NotImplementedError as error:  # not undefined: we cannot compute it
            raise NothingToCertify(f"{self.specification.title}: {error}") from error
        except (ArithmeticError, EvaluationError) as error:
            raise Undefined(f"the definition has no value: {error}") from error

    def _executed(self, point: Point) -> Entries:
        """Where the function raises itself, it is not defined; where only its exact execution fails, we cannot."""
        spec, function = self.specification, self.specification.function
        assert function is not None  # asked before
        try:
            return function.entries(point.tensors, [role.name for role in spec.outputs])
        except (Exception, CannotExecute) as error:
            if function.native([torch.tensor(point.tensors[role.name]) for role in spec.inputs]) is None:
                raise Undefined(f"the definition has no value: {error}") from error
            at = ", ".join(f"{role.name}{list(point.tensors[role.name].shape)}" for role in spec.inputs)
            raise NothingToCertify(
                f"{spec.title}: the specification cannot be executed exactly at {at}: {error}"
            ) from error

    def _evaluated(self, point: Point) -> _Known:
        point = self._same.get(point, point)
        if point in self._undefined:
            raise Undefined(self._undefined[point])
        if point not in self._known:
            wanted = [p for p in self._together.get(point, [point]) if p not in self._known]
            try:
                self._evaluate(wanted)
            except Undefined:
                if len(wanted) == 1:
                    raise
                for one in wanted:
                    try:
                        self._evaluate([one])
                    except Undefined as error:
                        self._undefined[one] = str(error)
                return self._evaluated(point)
        return self._known[point]

    def _evaluate(self, points: Sequence[Point]) -> None:
        """All that is to be known about the points, in one pass for each kind of evaluation."""
        ties: dict[Point, tuple[bool, bool]] = {}
        for point, values in self._run(points, 1, ties=ties):
            self._known[point] = _Known({name: _single(a) for name, a in values.items()})
        self._measure(points, _FEW)
        exact = [point for point in points if ties.get(point, (False, False)) == (True, False)]
        near = [point for point in points if ties.get(point, (False, False))[1]]
        jumped = []
        for point, values in self._run(exact + near, 1, hull=True, ties={}):
            if point in exact and any(_wide(values[r.name]) for r in self.specification.outputs if not r.integer):
                jumped.append(point)
            free = (*self.specification.inputs, *self._positions)
            names = [n for n in values if point in near or self._roles[n] in free]
            self._known[point].slack = {
                n: (floats(_MID(_single(values[n]))), floats(RADIUS(_single(values[n])))) for n in names
            }
        for point, values in self._run(jumped, 1, hull=True, settle=True):  # the branch that is taken, alone
            for n in self._known[point].slack:
                middle, radius = (floats(part(_single(values[n]))) for part in (_MID, RADIUS))
                self._known[point].slack[n] = (middle, radius)
        exact = [point for point in exact if point not in jumped]
        for point, values in self._run(exact, _AROUND, breadth=True):
            gradients = {n: floats(a) for n, a in values.items() if self._roles[n] in self.specification.inputs}
            self._known[point].legal = legal(gradients)

    def _measure(self, points: Sequence[Point], times: int) -> None:
        """The largest effect on every entry that noise of one ulp had."""
        for point, moved in self._run(points, times, noise=True):
            known, effect = self._known[point], {}
            turns = point.batch != 0 and any(self.entries(point, n)[1].turns for n in range(self._samples(point)))
            for name, values in moved.items():
                right = known.values[name]
                difference = np.abs(floats(values - right))
                limit = JUMP * max(_largest(point), _finite_maximum(floats(right)))
                jumped = ~(difference <= (limit if turns else np.inf))
                effect[name] = np.where(jumped, 0.0, difference * 2.0**_FINER).max(axis=0, initial=0.0)
            known.effect = effect

    def _run(
        self,
        points: Sequence[Point],
        times: int,
        *,
        noise: bool = False,
        hull: bool = False,
        breadth: bool = False,
        settle: bool = False,
        inner: bool = True,
        floats: bool = False,
        ties: dict[Point, tuple[bool, bool]] | None = None,
    ) -> Iterator[tuple[Point, dict[str, Array]]]:
        """Every point with its results, `times` copies in front; shared gradients are sums over the samples."""
        rows: list[tuple[Point, int]] = []
        for point in points:
            if point.batch == 0:
                yield point, {name: self._empty(role, point, times) for name, role in self._roles.items()}
            else:
                rows += [(point, n) for _ in range(times) for n in range(self._samples(point))]
        groups: dict[int, tuple[tuple[Entries, Program], list[int]]] = {}
        for place, (point, n) in enumerate(rows):
            pair = self.entries(point, n)
            groups.setdefault(id(pair), (pair, []))[1].append(place)
        found: dict[str, Array] = {}
        seen = np.zeros((2, len(rows)), dtype=bool)
        for (entries, program), places in groups.values():
            for start in range(0, len(places), _ROWS):
                some = places[start : start + _ROWS]
                self._pass(
                    entries,
                    program,
                    [rows[p] for p in some],
                    places=some,
                    count=len(rows),
                    found=found,
                    ties=seen if ties is not None else None,
                    how=(noise, hull, breadth, settle, inner, floats),
                )
        start = 0
        for point in points:
            if point.batch == 0:
                continue
            own = slice(start, start + times * self._samples(point))
            start = own.stop
            if ties is not None:
                ties[point] = bool(seen[0, own].any()), bool(seen[1, own].any())
            yield point, {name: self._collected(name, point, found, own, times) for name in self._roles}

    def _pass(
        self,
        entries: Entries,
        program: Program,
        rows: Sequence[tuple[Point, int]],
        *,
        places: Sequence[int],
        count: int,
        found: dict[str, Array],
        ties: Array | None,
        how: tuple[bool, bool, bool, bool, bool, bool],
    ) -> None:
        """One evaluation of some rows; the results go to their places."""
        noise, hull, breadth, settle, inner, floats = how
        rng = np.random.default_rng([SEED, len(rows), len(program.nodes)])
        steps = [Fraction(1, 2 ** (SIGNIFICAND[point.dtype] + _FINER)) for point, _ in rows]
        moved = Noise(steps, rng) if noise else None
        symbols: dict[str, Array] = {}
        for role, upstream in self._arguments():
            name = role.tensor.gradient.name if upstream else role.name
            array = entries.upstream[name] if upstream else entries.inputs[name]
            columns = np.stack([self._row(role, point, n, upstream, array.shape) for point, n in rows])
            values = columns if floats else balls(columns)
            for node, column in zip(array.ravel(), values.reshape(len(rows), -1).T, strict=True):
                if breadth and not upstream:
                    column = column + balls(rng.standard_normal(len(rows))) * _BREADTH  # noqa: PLW2901  # now a ball
                symbols[node.args[0]] = column if moved is None else moved(column)
        tied = np.zeros(len(rows), dtype=bool)
        near = None
        if ties is not None:
            within = np.array([_NEAR * UNIT[point.dtype] for point, _ in rows])
            near = Near(within, np.zeros(len(rows), dtype=bool))
        settled = None
        if settle:
            forward = Program([node for array in entries.outputs.values() for node in array.ravel()])
            settled = forward.jumps(symbols, len(rows))
        if floats:
            results = iter(computed(program, symbols, len(rows), rows[0][0].dtype))
        else:
            moved = moved if inner else None
            found_now = program.run(symbols, len(rows), moved=moved, hull=hull, tied=tied, near=near, settled=settled)
            results = iter(found_now)
        if ties is not None and near is not None:
            ties[0, places], ties[1, places] = tied, near.found
        for name, array in entries.results.items():
            if name not in found:
                found[name] = np.empty((count, *array.shape), dtype=object)
            for place in np.ndindex(array.shape):
                found[name][(places, *place)] = next(results)

    def _collected(self, name: str, point: Point, found: Mapping[str, Array], own: slice, times: int) -> Array:
        if self.specification.function is not None:
            return found[name][own]
        samples = self._samples(point)
        values = found[name][own].reshape(times, samples, *found[name].shape[1:])
        if _has_sample(self._roles[name], point):
            return values
        if samples == 1:
            return values[:, 0]
        return np.asarray(np.add.reduce(values, axis=1), dtype=object)

    def _arguments(self) -> list[tuple[Role, bool]]:
        spec = self.specification
        return [(role, False) for role in spec.differentiable] + [(role, True) for role in spec.outputs]

    def _samples(self, point: Point) -> int:
        """How many rows a point is: one for each sample, one for a torch function."""
        return 1 if self.specification.function is not None or point.batch is None else point.batch

    def _sample(self, role: Role, point: Point, n: int, values: Array) -> Array:
        """The values of one sample; all of them, for a torch function."""
        one = self.specification.function is None and _has_sample(role, point)
        return np.asarray(values[n] if one else values)

    def _row(self, role: Role, point: Point, n: int, upstream: bool, shape: tuple[int, ...]) -> Array:
        """The numbers of one sample; zeros for an absent upstream gradient."""
        values = point.upstream[role.name] if upstream else point.tensors[role.name]
        return np.zeros(shape) if values is None else self._sample(role, point, n, values).astype(np.float64)

    @staticmethod
    def _empty(role: Role, point: Point, times: int) -> Array:
        shape = role.shape(point.sizes, point.batch)
        return balls(np.zeros((times, *shape))).reshape(times, *shape)


def _has_sample(role: Role, point: Point) -> bool:
    return role.sample and point.batch is not None


def _largest(point: Point) -> float:
    """The largest number that the point consists of."""
    arrays = (*point.tensors.values(), *point.upstream.values())
    return max((float(np.abs(a).max()) for a in arrays if a is not None and a.size), default=0.0)


def _finite_maximum(values: Array) -> float:
    size = np.abs(values[np.isfinite(values)])
    return float(size.max()) if size.size else 0.0


def _single(values: Array) -> Array:
    """The first of several copies, as an array also where it is one number."""
    return np.asarray(values[0], dtype=object)


_MID = np.frompyfunc(lambda v: v.mid(), 1, 1)


def _wide(hulls: Array) -> bool:
    """Whether one of the hulls has more than one number: the definition jumps there."""
    middle, radius = floats(_MID(hulls)), floats(RADIUS(hulls))
    return bool(np.any(np.isfinite(middle) & (radius > JUMP * np.maximum(np.abs(middle), 1.0))))
