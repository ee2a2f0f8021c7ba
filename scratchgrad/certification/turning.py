"""Points at which a comparison turns: whatever a kernel asks of its numbers, it is examined for both answers.

In   a Battery, Entries, pairs of nodes that are not proven equal everywhere, points that are known already
Out  points on both sides of where each comparison turns, close to it and further away, and at it where floats can be

Ordinary numbers answer most questions in one way.  A kernel that clamps at 1e-6, treats 7 apart or rounds halves up is
right at all of them.  Its own comparisons say where to look: along a line on which one number goes through all
magnitudes, or a whole tensor is scaled, a comparison changes its answer; the place is found by cutting the line.
"""

from __future__ import annotations

import itertools
import math
from collections import Counter
from collections.abc import Hashable, Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from fractions import Fraction
from typing import Any

import numpy as np

from scratchgrad.certification.battery import Battery
from scratchgrad.certification.exact.alike import question
from scratchgrad.certification.exact.balls import Program, ball, balls, precisely
from scratchgrad.certification.exact.entries import Entries
from scratchgrad.certification.exact.facts import Facts
from scratchgrad.certification.exact.scalar import COMPARISONS, Scalar, ordered
from scratchgrad.certification.point import Point
from scratchgrad.domain import REALS, Domain
from scratchgrad.membership import inside
from scratchgrad.notation.functions import TABLE

__all__ = ["LEAST", "MOST", "turning_points"]

# TRUST: turning-points
_COMPARISONS = 24
"""How many comparisons are looked at."""

# TRUST: turning-points
_ALIKE = 2
"""How many of them that differ in nothing but the entries of the same tensors: rows and samples ask the same."""

_NODES = 2000
"""A comparison of something that is made of more nodes is left out."""

# TRUST: turning-points
_SMALLEST, _GREATEST = 1e-14, 1e8
"""The magnitudes that a number goes through, in steps of ten."""

# TRUST: branches-followed
LEAST, MOST = 1e-30, 1e30
"""Those where a program branches, which nothing else will find."""

_TURNS = 2
"""How often a comparison turns on a line, at most, that is looked at."""

_PARTS, _CUTS = 16, 40
"""A line is cut into so many parts so many times: from 1e8 to neighbouring floats."""

_NEAR = (1e-5, 0.1)
"""How far beside a turn the kernel is looked at, in parts of the number that turns; and halfway to where it began."""

Array = Any


@dataclass(frozen=True)
class _Line:
    """Values of one tensor of a point, in order; the others stay."""

    anchor: Point
    name: str
    upstream: bool
    domain: Domain
    rows: Array

    def moved(self, rows: Array) -> Array:
        """The rows, moved into the domain of the tensor."""
        return _moved(self.domain, rows)

    def point(self, battery: Battery, row: Array) -> Point:
        """The anchor with these values."""
        return battery.moved(self.anchor.with_array(self.name, row, upstream=self.upstream))


_Place = tuple[str, bool, int]
"""A tensor, whether it is an upstream gradient, and the place of an entry in it."""


class _Value:
    """What is compared with 0, as a function of the entries of tensors."""

    def __init__(self, node: Scalar, places: Mapping[str, _Place]) -> None:
        self.program = Program([node])
        names = [n.args[0] for n in self.program.nodes if n.op == "symbol"]
        self.places = {name: places[name] for name in names if name in places}

    def on(self, line: _Line, rows: Array) -> Array:
        """Its balls at rows of the line."""
        flat = rows.reshape(len(rows), -1)
        given: dict[str, Array] = {}
        for symbol, (name, upstream, place) in self.places.items():
            if (name, upstream) == (line.name, line.upstream):
                given[symbol] = balls(flat[:, place])
            else:
                values = (line.anchor.upstream if upstream else line.anchor.tensors)[name]
                assert values is not None  # anchors have all their gradients
                given[symbol] = np.full(len(rows), ball(float(values.ravel()[place])), dtype=object)
        return self.program.run(given, len(rows))[0]

    def signs(self, line: _Line, rows: Array) -> Array:
        """1 or -1 at each row; 0 at a tie, and where it is no number."""
        return np.array([1 if v > 0 else -1 if v < 0 else 0 for v in self.on(line, rows)], dtype=np.int64)


@precisely
def turning_points(
    battery: Battery,
    entries: Entries,
    pairs: Sequence[tuple[Scalar, Scalar]],
    known: Sequence[Point],
    *,
    together: bool = False,
) -> list[Point]:
    """Points around every turn of the comparisons in the pairs, on lines through the known points.

    With `together`, also where all entries of a tensor are the same number: where all of them turn at once.
    """
    places = _places(battery, entries)
    values = (_Value(node, places) for node in _compared(pairs, known[0], places))
    found: list[Point] = []
    for value in itertools.islice(_unlike(values), _COMPARISONS):
        if len(value.program.nodes) > _NODES:
            continue
        for anchor in known:
            for line in _lines(battery, anchor, list(value.places.values()), together=together):
                found += (line.point(battery, row) for row in _around(line, value))
    return found


def _unlike(values: Iterable[_Value]) -> Iterator[_Value]:
    """The values without those that ask of other entries of the same tensors what two before them have asked."""
    seen: Counter[Hashable] = Counter()
    for value in values:
        (node,) = value.program.roots
        asked = question(node, node, Facts()), tuple(place[:2] for place in value.places.values())
        seen[asked] += 1
        if seen[asked] <= _ALIKE:
            yield value


def _places(battery: Battery, entries: Entries) -> dict[str, _Place]:
    """The tensor and the entry that each symbol is."""
    spec = battery.specification
    arrays = [(role.name, False, entries.inputs[role.name]) for role in spec.differentiable]
    arrays += [(role.name, True, entries.upstream[role.tensor.gradient.name]) for role in spec.outputs]
    return {
        node.args[0]: (name, upstream, place)
        for name, upstream, nodes in arrays
        for place, node in enumerate(nodes.ravel())
        if node.op == "symbol"  # else it follows from others
    }


def _compared(pairs: Sequence[tuple[Scalar, Scalar]], at: Point, places: Mapping[str, _Place]) -> list[Scalar]:
    """What is compared with 0, goes through a step, or leaves a domain, once each; what only the subject asks first."""
    known = {node.key for node in ordered([right for _, right in pairs])}
    nodes = sorted(ordered([node for pair in pairs for node in pair]), key=lambda node: node.key in known)
    found: dict[int, Scalar] = {}
    for node in nodes:
        for value in node.operands if node.op in COMPARISONS else (*_steps(node, at, places), *_ends(node)):
            if value.op != "number":
                found.setdefault(value.key, value)
    return list(found.values())


def _steps(node: Scalar, at: Point, places: Mapping[str, _Place]) -> Iterator[Scalar]:
    """How far the argument of a stepwise function is from the next steps."""
    row = TABLE.get(node.op)
    if row is None or row.kink is None:
        return
    (argument,) = node.operands
    value = float(_Value(argument, places).on(_Line(at, "", False, REALS, np.zeros(1)), np.zeros(1))[0])
    if math.isfinite(value):
        for step in (0, 1):
            yield node.graph.sub(argument, node.graph.number(math.floor(value) + step + Fraction(row.kink[1])))


def _ends(node: Scalar) -> Iterator[Scalar]:
    """How far the arguments of a function are from the ends of its domain: beyond them the definition has no value."""
    row = TABLE.get(node.op)
    if row is None or not row.domain:
        return
    interval = Domain.parse(row.domain).interval
    for argument in node.operands:
        for end in (interval.low, interval.high):
            if end is not None:
                yield node.graph.sub(argument, node.graph.number(end))


def _lines(battery: Battery, anchor: Point, places: Sequence[_Place], *, together: bool) -> Iterator[_Line]:
    """One entry of each tensor through all magnitudes and near the ends of its domain; each tensor, scaled.

    With `together`, all entries go through them as one, too.
    """
    by_tensor: dict[tuple[str, bool], list[int]] = {}
    for name, upstream, place in places:
        by_tensor.setdefault((name, upstream), []).append(place)
    low, high = (LEAST, MOST) if together else (_SMALLEST, _GREATEST)
    sizes = 10.0 ** np.arange(math.log10(low), math.log10(high) + 1)
    for (name, upstream), entries in by_tensor.items():
        values = (anchor.upstream if upstream else anchor.tensors)[name]
        domain = REALS if upstream else battery.domains.get(name, REALS)
        assert values is not None  # anchors have all their gradients
        numbers = np.concatenate([-sizes[::-1], [0.0], sizes, *_near_ends(domain)])
        rows = np.repeat(values[None], len(numbers), axis=0)
        rows.reshape(len(rows), -1)[:, entries[0]] = numbers
        yield _Line(anchor, name, upstream, domain, _moved(domain, rows))
        if together and values.size > 1:
            same = numbers.reshape(-1, *[1] * values.ndim) * np.ones(values.shape)
            yield _Line(anchor, name, upstream, domain, _moved(domain, same))
        if len(entries) > 1 or (together and values.size > 1):
            scaled = sizes.reshape(-1, *[1] * values.ndim) * values
            yield _Line(anchor, name, upstream, domain, _moved(domain, scaled))


def _moved(domain: Domain, rows: Array) -> Array:
    return rows if domain.is_reals else inside(domain, rows)


def _near_ends(domain: Domain) -> list[Array]:
    """Numbers that come nearer and nearer to the ends of the domain, each in order."""
    low, high = domain.interval.low, domain.interval.high
    width = float(high - low) if low is not None and high is not None else 1.0
    parts = width * 2.0 ** -np.arange(1.0, 50.0)
    return [*([] if low is None else [float(low) + parts]), *([] if high is None else [float(high) - parts])]


def _around(line: _Line, value: _Value) -> Iterator[Array]:
    """Rows at the turns of the value on the line, and beside them."""
    signs = value.signs(line, line.rows)
    for place in np.flatnonzero(signs[1:] * signs[:-1] < 0)[:_TURNS]:
        ends = line.rows[place], line.rows[place + 1]
        low, high = _cut(line, ends, int(signs[place]), value)
        for turn, near, beyond in ((low, place, place - 1), (high, place + 1, place + 2)):
            there = beyond if np.array_equal(turn, line.rows[near]) else near
            yield from _beside(line, turn, line.rows[min(max(there, 0), len(signs) - 1)])
    for place in np.flatnonzero(signs == 0)[:_TURNS]:
        for near in (place - 1, place + 1):
            if 0 <= near < len(signs) and signs[near]:
                yield from _beside(line, line.rows[place], line.rows[near])


def _beside(line: _Line, turn: Array, end: Array) -> list[Array]:
    """The row at the turn, and rows on the way to an end of the line."""
    way = end - turn
    size, length = np.abs(turn).max(initial=0.0), np.abs(way).max(initial=0.0)
    parts = [min(part * size / length, 1.0) for part in _NEAR] if length else []
    return list(line.moved(np.stack([turn, *(turn + part * way for part in parts), turn + way / 2, end])))


def _cut(line: _Line, ends: tuple[Array, Array], sign: int, value: _Value) -> tuple[Array, Array]:
    """The neighbouring rows between which the value loses this sign; twice the same where one of them is a tie."""
    low, high = ends
    parts = np.linspace(0, 1, _PARTS + 1)[1:-1].reshape(-1, *[1] * low.ndim)
    for _ in range(_CUTS):
        rows = np.concatenate([low[None], line.moved(low + parts * (high - low)), high[None]])
        signs = value.signs(line, rows)
        tie = np.flatnonzero(signs == 0)
        if tie.size:
            return rows[tie[0]], rows[tie[0]]
        turned = np.flatnonzero(signs * sign < 0)
        if not turned.size or turned[0] == 0:
            break
        closer = rows[turned[0] - 1], rows[turned[0]]
        if np.array_equal(closer[0], low) and np.array_equal(closer[1], high):
            break
        low, high = closer
    return low, high
