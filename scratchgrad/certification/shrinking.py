"""The smallest failing input: fewer samples, smaller sizes, simpler numbers, as long as the same thing goes wrong.

In   a finding
Out  a finding of the same kind at a point whose sizes are as small, and whose numbers are as simple, as can be

Deterministic: sizes in the order of how many numbers they need, then one number after another, 0 and 1 first.  A layout
is kept, because it may be what goes wrong.
"""

from __future__ import annotations

import itertools
from collections.abc import Iterator
from dataclasses import replace
from typing import Any

import numpy as np

from scratchgrad.certification.battery import Battery, Sizes
from scratchgrad.certification.examination import Examination, Finding
from scratchgrad.certification.point import Point
from scratchgrad.certification.specification import Role
from scratchgrad.certification.subject import Subject
from scratchgrad.domain import REALS, Domain
from scratchgrad.membership import inside

__all__ = ["shrink"]

_SIMPLE = (0.0, 1.0, 2.0, -1.0, 3.0, -2.0, 10.0, 100.0, 1000.0, -1000.0, 0.1)
_NUMBERS = 8000
_PASSES = 3
_ONE_HOT, _SYMMETRIC = Domain.parse(":onehot"), Domain.parse(":symmetric")

Array = Any


def shrink(battery: Battery, subject: Subject, finding: Finding, *, sizes: bool = True) -> Finding:
    """The finding at the smallest point that was found; the finding itself where it does not come again.

    Without `sizes` only its numbers become simpler.
    """
    return _Shrinker(battery, subject, finding).smallest(sizes and not battery.examples)


class _Shrinker:
    def __init__(self, battery: Battery, subject: Subject, finding: Finding) -> None:
        self.battery = battery
        self.subject = subject
        self.wanted = finding
        self.best = finding
        self.spent = 0

    def smallest(self, sizes: bool) -> Finding:
        if not self.succeeds(self.wanted.probe.point):
            return self.wanted
        if sizes:
            self._sizes()
        for _ in range(_PASSES):
            if not self._values():
                break
        return self.best

    def succeeds(self, point: Point) -> bool:
        """Whether the same goes wrong at this point; if so, it is the best so far."""
        if self.spent >= _NUMBERS:
            return False
        self.spent += point.entries
        stored = self._stored(point)
        if not self.battery.contains(stored):
            return False
        probe = replace(self.wanted.probe, point=stored)
        for seen in Examination(self.battery.reference, self.subject).at(probe):
            if (seen.stage, seen.kind, seen.tensor) == (self.wanted.stage, self.wanted.kind, self.wanted.tensor):
                self.best = seen
                return True
        return False

    def _stored(self, point: Point) -> Point:
        """The point with values that the probe's layouts can hold."""
        spec = self.battery.specification
        for role in (*spec.inputs, *spec.outputs):
            upstream = role in spec.outputs
            layout = self.wanted.probe.layouts.get(role.tensor.gradient.name if upstream else role.name)
            values = point.upstream[role.name] if upstream else point.tensors[role.name]
            if layout is not None and values is not None:
                point = point.with_array(role.name, layout.prepare(values), upstream=upstream)
        return point

    def _sizes(self) -> None:
        """The first combination of sizes, in the order of how many numbers they need, at which it goes wrong."""
        spec, start = self.battery.specification, self.best.probe.point
        names = [size for size in spec.sizes if size not in spec.free or self.battery.shapes is None]
        ranges = [range(1, max(1, start.batch) + 1) if start.batch else [start.batch]]
        ranges += [range(1, start.sizes[name] + 1) for name in names]
        candidates = []
        for batch, *lengths in itertools.product(*ranges):
            chosen = {**start.sizes, **dict(zip(names, lengths, strict=True))}
            sizes = self.battery.completed(chosen)
            if sizes is None:
                continue
            needed = sum(int(np.prod(r.shape(sizes, batch), dtype=int)) for r in (*spec.inputs, *spec.outputs))
            candidates.append((needed, batch, sizes))
        candidates.sort(key=lambda c: (c[0], c[1] or 0, *c[2].values()))
        for needed, batch, sizes in candidates:
            if needed >= start.entries or self.spent > _NUMBERS // 2:
                return
            if any(self.succeeds(point) for point in self._at_sizes(start, batch, sizes)):
                return

    def _at_sizes(self, start: Point, batch: int | None, sizes: Sizes) -> Iterator[Point]:
        """Simple numbers, then a corner of the failing point, then its far corner."""

        def absent(point: Point) -> Point:
            return replace(
                point, upstream={n: None if start.upstream[n] is None else a for n, a in point.upstream.items()}
            )

        for salt in ("", "again"):
            yield absent(self.battery.point("ties", batch, sizes, start.dtype, upstream="ties", salt=salt))
        for far in (False, True):

            def cut(role: Role, values: Array, far: bool = far) -> Array:
                shape = role.shape(sizes, batch)
                places = (
                    slice(len_ - n, len_) if far else slice(n) for n, len_ in zip(shape, values.shape, strict=True)
                )
                return np.array(values[tuple(places)])

            spec = self.battery.specification
            corner = Point(
                start.dtype,
                batch,
                sizes,
                {role.name: cut(role, start.tensors[role.name]) for role in spec.inputs},
                {
                    role.name: None if (g := start.upstream[role.name]) is None else cut(role, g)
                    for role in spec.outputs
                },
            )
            yield self.battery.moved(corner)

    def _values(self) -> bool:
        """Whether any number became simpler in one walk over all of them."""
        spec, changed = self.battery.specification, False
        places = [(role, True) for role in spec.outputs]
        places += [
            (role, False)
            for role in spec.differentiable
            if self.battery.domains[role.name].structure not in ("simplex", "onehot")
        ]
        for role in spec.differentiable:
            values = self._array(role, False)
            if self.battery.domains[role.name].structure == "simplex" and values.size:
                changed |= self._accepts(role, False, inside(_ONE_HOT, values))
        for role, upstream in places:
            for number in (0.0, 1.0):
                values = self._array(role, upstream)
                if values is None or values.size <= 1 or (values == number).all():
                    break
                if self._accepts(role, upstream, np.full_like(values, number)):
                    changed = True
                    break
            values = self._array(role, upstream)
            for place in np.ndindex(values.shape) if values is not None else ():
                changed |= self._simpler(role, upstream, place)
        return changed

    def _simpler(self, role: Role, upstream: bool, place: tuple[int, ...]) -> bool:
        old = float(self._array(role, upstream)[place])
        rank = _SIMPLE.index(old) if old in _SIMPLE else len(_SIMPLE)
        for number in (*_SIMPLE[:rank], *([float(round(old))] if rank == len(_SIMPLE) and old != round(old) else [])):
            values = np.array(self._array(role, upstream))
            values[place] = number
            if self._accepts(role, upstream, values):
                return True
        return False

    def _array(self, role: Role, upstream: bool) -> Array:
        point = self.best.probe.point
        return point.upstream[role.name] if upstream else point.tensors[role.name]

    def _accepts(self, role: Role, upstream: bool, values: Array) -> bool:
        domain = self.battery.domains.get(role.name, REALS)
        if not upstream and domain.is_square:
            values = inside(_SYMMETRIC, values)  # an entry is simpler together with its mirror image
        if np.array_equal(values, self._array(role, upstream)):
            return False
        return self.succeeds(self.best.probe.point.with_array(role.name, values, upstream=upstream))
