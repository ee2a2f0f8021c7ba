"""What a wrong result looks like: hypotheses that are tested against what the subject returns.

In   the name of a wrong output or gradient
Out  sentences, each of which holds at several random points, to nine digits

    a constant factor, a sign, a transposition, gradients in the wrong order, a batch that is not summed, or averaged;
    then the formulas that are one mistake away from the right one
"""

from __future__ import annotations

import contextlib
from collections.abc import Callable
from dataclasses import dataclass, replace
from fractions import Fraction
from functools import cached_property
from typing import Any

import numpy as np
import sympy as sp

from scratchgrad.certification.battery import Battery
from scratchgrad.certification.examination import Examination
from scratchgrad.certification.point import Point
from scratchgrad.certification.probes import Probe
from scratchgrad.certification.reference import Undefined
from scratchgrad.certification.specification import Role
from scratchgrad.certification.subject import Subject
from scratchgrad.certification.variants import softmaxes, variants
from scratchgrad.notation.arithmetic import Float
from scratchgrad.notation.evaluation import Valuation
from scratchgrad.notation.text import to_text

__all__ = ["Hypotheses"]

_DIGITS = 1e-9
_TRIED = 400

Array = Any


@dataclass(frozen=True)
class _Seen:
    """At one point: what the subject returned under a name, and what is right, for all names."""

    probe: Probe
    yours: dict[str, Array]
    right: dict[str, Array]


class Hypotheses:
    """The hypotheses about one wrong output or gradient of a subject."""

    def __init__(self, battery: Battery, subject: Subject, name: str, found_at: Probe) -> None:
        """`name` is that of an output, or grad_W; at the probe it was found wrong."""
        self.found_at = found_at
        self.battery = battery
        self.specification = battery.specification
        self.examination = Examination(battery.reference, subject)
        self.name = name
        self._known: dict[Point, list[Valuation]] = {}

    @property
    def role(self) -> Role:
        """The output, or the input whose gradient it is."""
        spec = self.specification
        named = {r.name: r for r in spec.outputs} | {r.tensor.gradient.name: r for r in spec.inputs}
        return named[self.name]

    @cached_property
    def seen(self) -> list[_Seen]:
        """Ordinary points, two of different batch and sizes, one with all sizes equal; and where it was found wrong."""
        battery = self.battery
        probes = [
            Probe("hypotheses", "", battery.point("normal", batch, battery.sizes(numbers), salt=f"hypotheses {n}"))
            for n, (batch, numbers) in enumerate(self._shapes)
        ]
        if self.found_at.point.dtype == "float64":
            probes.append(self.found_at)
        found = []
        for probe in probes:
            with contextlib.suppress(Undefined):  # another batch may have no value
                right = {name: truth.high for name, truth in battery.reference.at(probe.point).items()}
                found.append(_Seen(probe, self.examination.results(probe), right))
        return found

    @property
    def _shapes(self) -> tuple[tuple[int | None, tuple[int, ...]], ...]:
        """Batches and sizes of the ordinary points; a torch function keeps its sizes."""
        if self.specification.function is None:
            return (2, (3, 2, 4, 5)), (3, (2, 4, 3)), (3, (3,))
        usual = self.battery.batch
        return (usual, ()), (usual if usual is None else usual + 1, ()), (usual, ())

    def sentences(self) -> list[str]:
        """What the mistake looks like; empty where nothing fits."""
        if not self.seen or not all(self.name in s.yours for s in self.seen):
            return []
        if self._all(_close):  # right at ordinary points, up to digits: they do not tell one mistake from another
            return []
        for look in (self._ratio, self._arrangement, self._batch, self._formula, self._signs):
            found = look()
            if found is not None:
                return [found]
        return []

    def _all(self, holds: Callable[[Array, Array], bool]) -> bool:
        """Whether holds(yours, right) at all points."""
        return all(holds(s.yours[self.name], s.right[self.name]) for s in self.seen)

    def _ratio(self) -> str | None:
        """Yours = k x right, everywhere."""
        factors = []
        for s in self.seen:
            yours, right = s.yours[self.name], s.right[self.name]
            if yours.shape != right.shape or not right.size or not np.isfinite(yours).all():
                return None
            scale = np.abs(right).max()
            k = float((yours * right).sum() / (right * right).sum()) if scale else 0.0
            if not _close(yours, k * right):
                return None
            factors.append(k)
        if all(abs(k) < _DIGITS for k in factors):
            return f"{self.name} is 0 everywhere"
        if _equal(factors):
            k = factors[0]
            if abs(k + 1) < _DIGITS:
                return "the sign is wrong everywhere: yours = -right"
            return None if abs(k - 1) < _DIGITS else f"yours = {_factor(k)} x right everywhere"
        points = [s.probe.point for s in self.seen]
        if self.specification.batched:
            if _equal([k * (p.batch or 1) for k, p in zip(factors, points, strict=True)]):
                return "yours = right / batch: a mean over the batch stands where the sum belongs"
            if _equal([k / (p.batch or 1) for k, p in zip(factors, points, strict=True)]):
                return "yours = right x batch"
        for size in self.specification.sizes:
            if _equal([k * p.sizes[size] for k, p in zip(factors, points, strict=True)]):
                return f"yours = right / {size}: a mean stands where a sum belongs"
        return None

    def _arrangement(self) -> str | None:
        """The right numbers in a wrong place."""
        if self._all(lambda y, r: y.ndim > 1 and _close(np.swapaxes(y, -1, -2), r)):
            return "transposed: yours, transposed, is right"
        for other in self.seen[0].right:
            if other != self.name and all(_close(s.yours[self.name], s.right[other]) for s in self.seen):
                return f"what stands in the place of {self.name} is {other}: the order is wrong"
        if self._all(lambda y, r: y.shape != r.shape and y.size == r.size and _close(y.reshape(r.shape), r)):
            return "the numbers are right, the shape is not"
        return None

    def _batch(self) -> str | None:
        """Mistakes about the samples of a shared input."""
        if not self.specification.batched or self.role.sample:
            return None
        if self._all(lambda y, r: y.ndim == r.ndim + 1 and _close(y.sum(axis=0), r)):
            return "not summed over the batch: yours has one gradient for each sample"
        if not all(role.sample for role in self.specification.outputs):
            return None
        parts = {s.probe.point: self._parts(s.probe.point) for s in self.seen}
        for place, words in ((0, "first"), (-1, "last")):
            if all(_close(s.yours[self.name], parts[s.probe.point][place]) for s in self.seen):
                return f"not summed over the batch: only the {words} sample counts"
        return None

    def _parts(self, point: Point) -> list[Array]:
        """What every sample contributes to a shared gradient."""
        if self.specification.definition is not None:
            return self._samples(point, *self._form)
        found = []
        for n in range(point.batch or 0):
            alone = {
                name: None if g is None else np.where(np.arange(len(g)).reshape(-1, *[1] * (g.ndim - 1)) == n, g, 0)
                for name, g in point.upstream.items()
            }
            found.append(self.battery.reference.at(replace(point, upstream=alone))[self.name].high)
        return found

    def _signs(self) -> str | None:
        right = self._all(lambda y, r: y.shape == r.shape and _close(np.abs(y), np.abs(r)))
        return "the sign is wrong in some entries" if right else None

    @property
    def _form(self) -> tuple[sp.Expr, tuple[Any, ...]]:
        """The right formula, and its free indices."""
        if self.role in self.specification.outputs:
            assert self.specification.definition is not None  # formulae are compared for definitions only
            assignment = self.specification.definition.assignment(self.name)
            assert assignment is not None  # every output is assigned
            return assignment.right, assignment.target.indices
        assert self.specification.gradients is not None
        form = self.specification.gradients[self.role.name]
        return form.element, form.indices

    def _formula(self) -> str | None:
        """The first formula one mistake away that gives what the subject gives."""
        if self.specification.definition is None:
            return None
        e, indices = self._form
        assert self.specification.definition is not None
        tensors = dict(self.specification.definition.tensors)
        if self.role not in self.specification.outputs:
            tensors |= {r.tensor.gradient.name: r.tensor.gradient for r in self.specification.outputs}
        seen: set[sp.Expr] = {e}
        for words, variant in variants(e, tensors, softmaxes(self.specification.definition)):
            if variant in seen:
                continue
            seen.add(variant)
            if self._gives(variant, indices):
                return f"{words}: yours = {to_text(variant)}"
            if len(seen) > _TRIED:
                break
        return None

    def _gives(self, e: sp.Expr, indices: tuple[Any, ...]) -> bool:
        for s in self.seen:
            try:
                parts = self._samples(s.probe.point, e, indices)
            except (ArithmeticError, ValueError):
                return False
            value = np.stack(parts) if self.role.sample else sum(parts[1:], parts[0])
            if not _close(s.yours[self.name], value):
                return False
        return True

    def _samples(self, point: Point, e: sp.Expr, indices: tuple[Any, ...]) -> list[Array]:
        return [at.value(e, indices) for at in self._valuations(point)]

    def _valuations(self, point: Point) -> list[Valuation]:
        if point not in self._known:
            self._known[point] = self._valued(point)
        return self._known[point]

    def _valued(self, point: Point) -> list[Valuation]:
        """Every sample's tensors, with all that forward computes from them."""
        spec, found = self.specification, []
        for n in range(1 if point.batch is None else point.batch):

            def row(role: Role, values: Any, n: int = n) -> Any:
                return values[n] if role.sample else values

            tensors = {r.name: row(r, point.tensors[r.name]) for r in spec.inputs}
            upstream = {r.name: row(r, point.upstream[r.name]) for r in spec.outputs}
            assert spec.gradients is not None
            found.append(spec.gradients.valuation(tensors, upstream, Float()))
        return found


def _close(a: Array, b: Array) -> bool:
    if a.shape != b.shape or not np.isfinite(a).all() or not np.isfinite(b).all():
        return False
    return bool((np.abs(a - b) <= _DIGITS * max(np.abs(a).max(initial=0.0), np.abs(b).max(initial=0.0))).all())


def _equal(numbers: list[float]) -> bool:
    return max(numbers) - min(numbers) <= _DIGITS * max(map(abs, numbers))


def _factor(k: float) -> str:
    near = Fraction(k).limit_denominator(100)
    return str(near) if abs(float(near) - k) <= _DIGITS * abs(k) else f"{k:.10g}"
