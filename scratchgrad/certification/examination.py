"""The examination of a subject at a probe: values, shapes, dtypes, and what it does to the memory that it was given.

In   a Subject, a Probe, the Reference
Out  findings, none where all is well

    forward twice, with another input in between          the same outputs: no hidden state
    backward twice from the same saved                    the same gradients: saved is not used up
    inputs, upstream gradients, outputs, saved            unchanged, bit for bit
    outputs and gradients of a kernel                     share no memory with what it was given
"""

from __future__ import annotations

import contextlib
import math
from collections import Counter
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from types import MappingProxyType
from typing import Any

import numpy as np
import torch

from scratchgrad.certification.error_model import DTYPES, THRESHOLD, TINY, UNIT
from scratchgrad.certification.finding import Finding
from scratchgrad.certification.in_memory import array_of, bytes_of, memory_of, tensor_of, tensors_in
from scratchgrad.certification.layouts import CONTIGUOUS
from scratchgrad.certification.legal import Legal
from scratchgrad.certification.own_choice import Own
from scratchgrad.certification.point import Point
from scratchgrad.certification.probes import Probe
from scratchgrad.certification.reference import Reference, Truth, Undefined
from scratchgrad.certification.repeating import again
from scratchgrad.certification.subject import Misbehaviour, Subject, is_plain

__all__ = ["HALF", "LEAST", "Examination", "Finding", "Measured"]

Array = Any

_SINGULAR: tuple[type[Exception], ...] = (vars(torch.linalg)["LinAlgError"], np.linalg.LinAlgError)
"""What is raised where a matrix has no inverse, or none in floating point."""

_LOOK = 8.0
"""From here on the effect of one ulp is measured more closely."""

_ORDINARY = ("example", "sizes")
"""Groups of probes at usual numbers."""

# TRUST: noise
_BEYOND_DOUBT = 1e4 * THRESHOLD
"""No closer look at the effect of one ulp makes an error of so many roundings a right value."""


# TRUST: small-gradients
_OFF = 0.1
"""A number that is off by more than this part of it has no digit that is right."""

HALF = MappingProxyType({name: math.sqrt(UNIT[name]) for name in UNIT})
"""The part that is off of a number of whose digits half are right."""

LEAST = MappingProxyType({name: TINY[name] / UNIT[name] for name in TINY})
"""Smaller numbers, or products on the way to them, are rounded as those are that underflow."""

# TRUST: ties-together
_TOGETHER = 100
"""How many times the threshold the common conditions at a tie may be missed: they are sums over many entries."""


@dataclass
class Measured:
    """What an examination has seen: probes and entries compared, and the largest error in units, by dtype."""

    probes: int = 0
    undefined: int = 0
    entries: int = 0
    left_out: int = 0
    worst: dict[str, float] = field(default_factory=lambda: dict.fromkeys(DTYPES, 0.0))
    not_given: set[str] = field(default_factory=set)
    compared: set[str] = field(default_factory=set)
    judged: Counter[str] = field(default_factory=Counter)
    """How many entries of each tensor had a right value to be compared with."""
    chosen: int = 0
    """How many tensors were right because a torch function that is the specification gives them itself."""
    another: int = 0
    """At how many ordinary probes such a function gives something else than its exact execution."""
    unsupported: list[Point] = field(default_factory=list)
    """Where such a function has numbers, and exact arithmetic none."""
    raised: str = ""
    """What such a function raises itself where the subject raises."""


class Examination:
    """A subject against a reference, probe by probe."""

    def __init__(self, reference: Reference, subject: Subject) -> None:
        """Nothing examined yet."""
        self.reference = reference
        self.subject = subject
        self.specification = reference.specification
        self.measured = Measured()
        self.far_off: dict[tuple[str, str], list[Probe]] = {}
        """Where a gradient has small entries that are far off beside their own size, by tensor and dtype."""
        self.in_doubt: dict[tuple[str, str], list[Probe]] = {}
        """Where half of the digits would be enough, and are not there; wrong if a form of ours has them."""
        self._dtype = torch.float64
        self.own: Own | None = None

    def at(self, probe: Probe) -> list[Finding]:
        """What is wrong at this probe; nothing where the definition has no value there."""
        try:
            truths = self.reference.at(probe.point)
        except Undefined:
            # TRUST: undefined-probes
            self.measured.undefined += 1
            return []
        self.own = own = self._own(probe)
        self._dtype = (own.dtype if own is not None else None) or getattr(torch, probe.point.dtype)
        if own is not None and own.outputs is None:
            self.measured.undefined += 1
            return []
        if own is not None and probe.point.dtype == "float64" and probe.group in _ORDINARY and own.is_another(truths):
            self.measured.another += 1
        if own is not None and own.outreaches(truths):
            self.measured.unsupported.append(probe.point)
        self.measured.probes += 1
        with self.subject.running():
            found = list(self._findings(probe, truths if own is None else own.excused(truths)))
        if found and own is not None and (not own.is_steady or (probe.layouts and own.is_wrong(truths))):
            # TRUST: undefined-probes
            self.measured.undefined += 1
            return []
        return found

    def _own(self, probe: Probe) -> Own | None:
        """A torch function that is the specification, at this probe."""
        if self.specification.function is None:
            return None
        return Own(self.specification, lambda: self.arguments(probe))

    def _undefined(self, seen: Misbehaviour, truths: Mapping[str, Truth]) -> bool:
        """Whether a torch function that is the specification raises there, too, or a matrix is singular."""
        # TRUST: undefined-probes
        if isinstance(seen.__cause__, _SINGULAR) and any(truth.is_rounding for truth in truths.values()):
            self.measured.undefined += 1
            return True
        if self.own is None or seen.kind != "exception" or not self.own.raises:
            return False
        self.measured.undefined += 1
        self.measured.raised = self.own.error or seen.words
        return True

    def results(self, probe: Probe) -> dict[str, Array]:
        """The tensors that the subject returns there, as float64 arrays of whatever shape they have."""
        found: list[tuple[str, Any]] = []
        saved: Any = None
        with self.subject.running():
            inputs, upstream = self.arguments(probe)
            with contextlib.suppress(Misbehaviour):
                outputs, saved = self.subject.forward(inputs)
                found += zip((r.name for r in self.specification.outputs), outputs, strict=False)
            with contextlib.suppress(Misbehaviour):
                gradients = self.subject.backward(saved, upstream, inputs)
                found += zip((r.tensor.gradient.name for r in self.specification.inputs), gradients, strict=False)
            return {name: array_of(value).copy() for name, value in found if is_plain(value) and not value.is_complex()}

    def _findings(self, probe: Probe, truths: Mapping[str, Truth]) -> Iterator[Finding]:
        spec, subject = self.specification, self.subject
        inputs, upstream = self.arguments(probe)
        given = [(role.name, t) for role, t in zip(spec.inputs, inputs, strict=True)]
        arriving = [
            (role.tensor.gradient.name, t) for role, t in zip(spec.outputs, upstream, strict=True) if t is not None
        ]
        before = bytes_of(given)
        outputs: dict[str, torch.Tensor] = {}
        saved: Any = None
        try:
            raw, saved = subject.forward(inputs)
            outputs = self.checked("forward", raw, probe)
            yield from self._changed("forward", probe, given, before)
            yield from self._values("forward", probe, outputs, truths)
            if subject.kernel:
                yield from _shared("forward", probe, outputs, given)
        except Misbehaviour as seen:
            if self._undefined(seen, truths):
                return
            yield Finding(seen.stage, seen.kind, seen.tensor, seen.words, probe)
            if subject.protocol or seen.kind == "hang":
                return
            inputs, upstream = self.arguments(probe)
            given = [(role.name, t) for role, t in zip(spec.inputs, inputs, strict=True)]
        try:
            kept = list(outputs.items()) + tensors_in(saved)
            before = bytes_of(given + arriving + kept)
            gradients = self.checked("backward", subject.backward(saved, upstream, inputs), probe)
            yield from self._changed("backward", probe, given + arriving, before)
            own = [(name, t) for name, t in kept if not any(t is x for _, x in given)]
            yield from self._changed("backward", probe, own, before, kind="saved")
            wrong = list(self._values("backward", probe, gradients, truths))
            yield from wrong or self._together(probe, gradients, truths)
            if subject.kernel:
                yield from _shared("backward", probe, gradients, given + arriving + kept)
            yield from again(self, probe, truths, saved, (outputs, gradients))
        except Misbehaviour as seen:
            if not self._undefined(seen, truths):
                yield Finding(seen.stage, seen.kind, seen.tensor, seen.words, probe)

    def arguments(self, probe: Probe) -> tuple[list[torch.Tensor], list[torch.Tensor | None]]:
        """Fresh tensors of the point's values, in the probe's layouts."""
        point = probe.point
        inputs = [
            probe.layouts.get(role.name, CONTIGUOUS).build(tensor_of(point.tensors[role.name], point.dtype))
            for role in self.specification.inputs
        ]
        upstream: list[torch.Tensor | None] = []
        for role in self.specification.outputs:
            values = point.upstream[role.name]
            layout = probe.layouts.get(role.tensor.gradient.name, CONTIGUOUS)
            if values is None and not self.subject.protocol:
                values = np.zeros(role.shape(point.sizes, point.batch))
            upstream.append(None if values is None else layout.build(tensor_of(values, point.dtype)))
        return inputs, upstream

    def checked(self, stage: str, found: Sequence[Any], probe: Probe) -> dict[str, torch.Tensor]:
        """The results by name, of the right shapes and dtypes.  Raises Misbehaviour where one is not."""
        if not found:
            return {}
        roles = self.specification.outputs if stage == "forward" else self.specification.inputs
        shapes = {role.name: role.shape(probe.point.sizes, probe.point.batch) for role in roles}
        dtype = self._dtype if stage == "forward" else getattr(torch, probe.point.dtype)
        results = self.subject.checked(stage, found, roles, shapes, dtype)
        if stage == "backward":
            names = {role.tensor.gradient.name for role in self.specification.differentiable}
            self.measured.not_given |= names - set(results)
        return results

    def _values(
        self, stage: str, probe: Probe, results: Mapping[str, torch.Tensor], truths: Mapping[str, Truth]
    ) -> Iterator[Finding]:
        for name, tensor in results.items():
            values = array_of(tensor)
            units = self.units(probe, truths[name], name, values)
            far = truths[name].off_by(values, _OFF, LEAST[probe.point.dtype], HALF[probe.point.dtype])
            if far.any() and name in probe.strict:
                excused = THRESHOLD * self.reference.conditioning(probe.point)[name]
                units = np.where(far & truths[name].beyond(values, excused), np.inf, units)
            worst = float(np.max(units, initial=0.0))
            self.measured.compared.add(name)
            self.measured.judged[name] += int(np.sum(truths[name].judged))
            self.measured.entries += values.size
            self.measured.left_out += int(np.sum(~truths[name].judged))
            if worst > THRESHOLD and self.own is not None:
                units = self.own.units(name, values, truths[name].unit, units)
                worst = float(np.max(units, initial=0.0))
                self.measured.chosen += worst <= THRESHOLD
            if worst <= THRESHOLD:
                worst = max(self.measured.worst.get(probe.point.dtype, 0.0), worst)
                self.measured.worst[probe.point.dtype] = worst
                if stage == "backward" and far.any() and probe.point.dtype in DTYPES:
                    self.far_off.setdefault((name, probe.point.dtype), []).append(probe)
                continue
            if probe.half is not None and name not in probe.strict:
                self.in_doubt.setdefault((name, probe.point.dtype), []).append(probe)
                continue
            entry = tuple(int(n) for n in np.argwhere(units > THRESHOLD)[0])
            yours = float(values[entry])
            kind = "value" if np.isfinite(yours) else "not finite"
            words = f"{stage} computes another {name}" if kind == "value" else f"{name} is not finite"
            yield Finding(stage, kind, name, words, probe, entry, yours, truths[name].right(entry))

    def units(self, probe: Probe, truth: Truth, name: str, values: Array) -> Array:
        """How many units of error away the values are; at most the threshold where they have enough digits."""
        units = truth.units(values)
        if np.max(units, initial=0.0) > _LOOK and self._doubtful(probe, truth, units):
            units = self.reference.at_length(probe.point)[name].units(values)
        if probe.half is not None:
            enough = truth.share(values, probe.half) <= HALF[probe.point.dtype]
            units = np.where(enough, np.minimum(units, THRESHOLD), units)
        return units

    @staticmethod
    def _doubtful(probe: Probe, truth: Truth, units: Array) -> bool:
        """Whether an error could be rounding after all: beside its unit, or beside the numbers that went in."""
        point = probe.point
        arrays = [a for a in (*point.tensors.values(), *point.upstream.values()) if a is not None and a.size]
        largest = max((float(np.abs(a).max()) for a in arrays if a.dtype.kind == "f"), default=0.0)
        allowed = _BEYOND_DOUBT * np.maximum(truth.unit, UNIT[point.dtype] * largest)
        return bool(np.all((units * truth.unit <= allowed) | (units <= THRESHOLD)))

    def _together(
        self, probe: Probe, results: Mapping[str, torch.Tensor], truths: Mapping[str, Truth]
    ) -> Iterator[Finding]:
        """Gradients that are legal one by one, but not all together, at a tie."""
        values = {name: array_of(tensor) for name, tensor in results.items()}
        legal = self.reference.legal(probe.point)
        if legal is None or (self.own is not None and self.own.gives(values, truths)):
            return
        if not _is_apart(legal, values, truths):
            return
        legal = self.reference.legal_among_more(probe.point)
        if legal is None or not _is_apart(legal, values, truths):
            return
        distance = legal.distance(values)
        assert distance is not None  # no gradient is missing where one is apart
        name, entry = legal.first(int(np.argmax(distance)), values)
        words = f"the entries of {name} at a tie are no gradient together, though each of them could be one"
        yours, right = float(values[name][entry]), legal.nearest(values, name, entry)
        yield Finding("backward", "together", name, words, probe, entry, yours, right)

    @staticmethod
    def _changed(
        stage: str,
        probe: Probe,
        tensors: Sequence[tuple[str, torch.Tensor]],
        before: Mapping[str, bytes],
        kind: str = "argument",
    ) -> Iterator[Finding]:
        for name, now in bytes_of(tensors).items():
            if now != before[name]:
                what = f"its argument {name}" if kind == "argument" else f"what forward kept: {name}"
                yield Finding(stage, kind, name, f"{stage} changes {what}", probe)


def _is_apart(legal: Legal, values: Mapping[str, Array], truths: Mapping[str, Truth]) -> bool:
    """Whether some entry is further from every legal combination than rounding carries it."""
    distance = legal.distance(values)
    if distance is None or not np.isfinite(distance).all():
        return False
    allowed = np.concatenate([truths[name].unit.ravel() for name in legal.names])
    return bool((distance > _TOGETHER * THRESHOLD * max(float(allowed.max(initial=0.0)), 1e-12)).any())


def _shared(
    stage: str, probe: Probe, results: Mapping[str, torch.Tensor], given: Sequence[tuple[str, torch.Tensor]]
) -> Iterator[Finding]:
    """Results that share memory with what was given, or with one another."""
    owner = {memory_of(t): name for name, t in given if t.numel()}
    for name, tensor in results.items():
        if not tensor.numel():
            continue
        place = memory_of(tensor)
        if place in owner:
            yield Finding(stage, "memory", name, f"{name} shares memory with {owner[place]}; return a copy", probe)
        owner[place] = name
