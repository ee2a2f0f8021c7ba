"""What a subject gave for one tensor at every probe, beside what is right: the material of facts and hypotheses.

In   a Battery, a Subject, the findings about one tensor
Out  Observed: at every probe yours, right, and which entries are wrong; and the same at fresh points

A hypothesis explains a probe where it predicts what the subject gave there, to the digits that the dtype has.  It is
stated only where it explains every probe.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass
from functools import cached_property
from typing import Any

import numpy as np

from scratchgrad.certification.battery import Battery
from scratchgrad.certification.error_model import THRESHOLD
from scratchgrad.certification.examination import Examination, Finding
from scratchgrad.certification.float_reference import FloatReference
from scratchgrad.certification.point import Point
from scratchgrad.certification.probes import Probe
from scratchgrad.certification.reference import Truth, Undefined
from scratchgrad.certification.specification import Role, Specification
from scratchgrad.certification.subject import Subject

__all__ = ["Observed", "Seen", "arriving", "close"]

_DIGITS = {"float64": 1e-9, "float32": 2e-4}
_FEW_DIGITS = 0.05
"""Dtypes of 16 bits."""

_FRESH = ("normal", "zeros", "ties", "near ±1000", "mixed magnitudes", "spread")
"""The kinds of fresh points."""

_MOVED = 3
"""So many points that fail are moved."""

Array = Any
Predict = Callable[["Seen"], "Array | None"]


def close(a: Array, b: Array, digits: float = 1e-9, room: Array | float = 0.0) -> bool:
    """Whether two arrays are the same, up to that part of their largest number, or up to `room` at an entry."""
    if a.shape != b.shape or not np.isfinite(a).all() or not np.isfinite(b).all():
        return False
    largest = max(np.abs(a).max(initial=0.0), np.abs(b).max(initial=0.0))
    return bool((np.abs(a - b) <= np.maximum(digits * largest, room)).all())


def arriving(specification: Specification, point: Point) -> dict[str, Array]:
    """The gradient that arrives at every output, by the output's name; zeros where it is None."""
    return {
        role.name: np.zeros(role.shape(point.sizes, point.batch)) if (g := point.upstream[role.name]) is None else g
        for role in specification.outputs
    }


@dataclass(frozen=True, eq=False)
class Seen:
    """At one probe: what the subject returned, by name, and the truth; `failed` where something was found there."""

    probe: Probe
    yours: dict[str, Array]
    truths: dict[str, Truth]
    name: str
    failed: bool

    @property
    def point(self) -> Point:
        """The probe's point."""
        return self.probe.point

    @property
    def mine(self) -> Array:
        """What the subject gave for the tensor."""
        return self.yours[self.name]

    @property
    def right(self) -> Array:
        """What is right for it, in the middle where several numbers are."""
        return self.truths[self.name].high

    @cached_property
    def fits(self) -> bool:
        """Whether the tensor is there, with the right shape."""
        return self.name in self.yours and self.mine.shape == self.right.shape

    @cached_property
    def wrong(self) -> Array:
        """Which entries are wrong."""
        if not self.failed:
            return np.zeros(self.right.shape, bool)
        return self.truths[self.name].units(self.mine) > THRESHOLD

    @cached_property
    def tells(self) -> bool:
        """Whether a finite number is wrong here, or the shape."""
        return (
            self.failed
            and self.name in self.yours
            and (not self.fits or bool((self.wrong & np.isfinite(self.mine)).any()))
        )

    @property
    def digits(self) -> float:
        """To which part numbers of this dtype can agree."""
        return _DIGITS.get(self.point.dtype, _FEW_DIGITS)

    def agrees(self, predicted: Array) -> bool:
        """Whether the subject gave these numbers, wherever both are numbers, and one number alone is right."""
        if predicted.shape != self.mine.shape:
            return False
        if (np.isfinite(self.mine) & np.isinf(predicted)).any():  # 1/0 is no finite number; 0/0 may be any
            return False
        known = np.isfinite(self.mine) & np.isfinite(predicted)
        unit, slack = self.truths[self.name].unit, self.truths[self.name].slack
        if slack.shape == known.shape:
            known &= slack == 0
        room = np.broadcast_to(THRESHOLD * unit, known.shape)[known] if unit.shape == known.shape else 0.0
        return close(self.mine[known], predicted[known], self.digits, room)

    def agrees_with_sum(self, axes: tuple[int, ...]) -> bool:
        """Whether yours, summed over some of its axes, is right, wherever it is finite."""
        total = self.mine.sum(axis=axes)
        return not np.isfinite(total).all() or close(total, self.right, self.digits)


class Observed:
    """The subject at all probes of the battery, and wherever else something was found."""

    def __init__(
        self, battery: Battery, subject: Subject, same: Sequence[Finding], main: Finding, *, large: bool = False
    ) -> None:
        """`same` are the findings like `main`, which says the tensor; `large` points are compared in float64."""
        self.battery, self.subject = battery, subject
        self.specification = battery.specification
        self.floats = FloatReference(battery.specification)
        self.examination = Examination(self.floats if large else battery.reference, subject)
        self.name, self.stage = main.tensor, main.stage
        self.failing = list(dict.fromkeys(f.probe for f in same))
        """The probes that go wrong, in the order in which they were tried."""

    @property
    def role(self) -> Role:
        """The output, or the input whose gradient it is."""
        named = {r.name: r for r in self.specification.outputs}
        return (named | {r.tensor.gradient.name: r for r in self.specification.inputs})[self.name]

    def tensors(self, s: Seen) -> dict[str, Array]:
        """The inputs at a probe; for a gradient also those that arrive, zeros where one is None."""
        if self.stage != "backward":
            return dict(s.point.tensors)
        gradients = arriving(self.specification, s.point)
        named = {role.tensor.gradient.name: gradients[role.name] for role in self.specification.outputs}
        return {**s.point.tensors, **named}

    @cached_property
    def seen(self) -> list[Seen]:
        """Every probe at which there is something to compare."""
        # where half of the digits are enough, being right says little
        probes = [p for p in self.battery.probes if p not in self.failing and p.half is None]
        return [*self.failed, *(s for p in probes if (s := self.at(p, False)) is not None)]

    @cached_property
    def failed(self) -> list[Seen]:
        """The probes that go wrong."""
        return [s for p in self.failing if (s := self.at(p, True)) is not None]

    @cached_property
    def usual(self) -> list[Seen]:
        """Ordinary points of different batches and sizes, one with all sizes equal."""
        found = [s for p in self._usual() if (s := self.fresh(p)) is not None]
        return [s for s in found if s.name in s.yours] or found

    @cached_property
    def others(self) -> list[Seen]:
        """Fresh points of many kinds, on which whatever is claimed must hold, too."""
        sizes = self.battery.sizes()
        points = [self.battery.point(kind, self.battery.batch, sizes, salt="others") for kind in _FRESH]
        points += [moved for s in self.failed[:_MOVED] for moved in self._moved(s.point)]
        return [s for p in points if (s := self.fresh(p)) is not None]

    def _moved(self, point: Point) -> Iterator[Point]:
        """A point that fails with its inputs scaled, shifted, and turned round, where the domains allow."""
        for factor, shift in ((3.0, 0.0), (1.0, 1.0), (-1.0, 0.0)):
            for role in self.specification.differentiable:
                moved = point.with_array(role.name, factor * point.tensors[role.name] + shift, upstream=False)
                if point.dtype == "float64" and self.battery.contains(moved):
                    yield moved

    def at(self, probe: Probe, failed: bool) -> Seen | None:
        """What the subject gives at a probe; None where the definition has no value."""
        try:
            truths = self.examination.reference.at(probe.point)
        except Undefined:
            return None
        return Seen(probe, self.examination.results(probe), truths, self.name, failed)

    def fresh(self, point: Point) -> Seen | None:
        """What it gives at a point that is no probe; whether it fails there is found out."""
        probe = Probe("fresh", "", point, calls=1)
        found = self.examination.at(probe)
        failed = any(f.tensor == self.name and f.stage == self.stage for f in found)
        return self.at(probe, failed)

    def predicted(self, point: Point) -> dict[str, Array] | None:
        """What is right at another point, in float64; None where there is no value."""
        try:
            return {name: truth.high for name, truth in self.floats.at(point).items()}
        except Undefined:
            return None

    def explains(self, predict: Predict) -> bool:
        """Whether a prediction is what the subject gives: at ordinary points first, then at every probe."""
        return (
            self._holds(predict, self.usual) and self._holds(predict, self.others) and self._holds(predict, self.seen)
        )

    @staticmethod
    def _holds(predict: Predict, places: Sequence[Seen]) -> bool:
        tried = 0
        for seen in places:
            if seen.name not in seen.yours:  # what it raises is said in a sentence of its own
                continue
            predicted = predict(seen)
            if predicted is None:
                continue
            if not seen.agrees(predicted):
                return False
            tried += 1
        return bool(tried)

    def _usual(self) -> Iterator[Point]:
        battery = self.battery
        if self.specification.function is None:
            shapes: Sequence[tuple[int | None, tuple[int, ...]]] = (2, (3, 2, 4, 5)), (3, (2, 4, 3)), (3, (3,))
        else:  # a torch function keeps its sizes
            usual = battery.batch
            shapes = (usual, ()), (usual if usual is None else usual + 1, ()), (usual, ())
        for number, (batch, numbers) in enumerate(shapes):
            sizes = battery.sizes(numbers) if numbers else battery.sizes()
            yield battery.point("normal", batch, sizes, salt=f"hypotheses {number}")
