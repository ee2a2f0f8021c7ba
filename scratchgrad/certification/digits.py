"""What can be computed to some digits must be: in tails, at extreme magnitudes, in small gradients beside large ones.

In   a Battery, the Examination of a subject in which nothing wrong was found, but some numbers in doubt
Out  findings where a form of ours is better; and words about what was found

torch's own ndtr(-8) has two digits.  Beside an upstream gradient of 1 a gradient of 1e-13 may be off by 1e-16, and one
of 1e-20 may be 0: h (1 - h) for large u.  Whether that is a mistake depends on what can be reached.  Our forms are

    kernel       the room's own
    function     for a torch function that is the specification, what autograd makes of it, and no other
    plain        the definition's entries and their derivatives, computed node by node in the dtype

If one of them is right wherever half of the digits are asked, so must be everybody's.  If one of them keeps half of
the digits of every entry of a gradient at every probe, nobody's may be off by a tenth.  So tanh may be 1 - h² (torch
has it so, and so have we), and sigmoid may not be h (1 - h).
"""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import replace
from functools import partial
from typing import TYPE_CHECKING, Any

import numpy as np

from scratchgrad.certification.calling import Calling
from scratchgrad.certification.error_model import THRESHOLD
from scratchgrad.certification.examination import HALF, LEAST, Examination
from scratchgrad.certification.finding import Finding
from scratchgrad.certification.in_memory import tensor_of
from scratchgrad.certification.point import Point
from scratchgrad.certification.probes import Probe
from scratchgrad.certification.reference import Undefined
from scratchgrad.certification.subject import Misbehaviour, Subject
from scratchgrad.certification.through_autograd import Recorded, by_autograd

if TYPE_CHECKING:
    from scratchgrad.certification.battery import Battery

__all__ = ["lost_digits"]

Array = Any
_DOUBTED = "has fewer than half of its digits in some places, and so have all forms that we know"
_OFF = "has small numbers beside large upstream gradients that are off by more than a tenth"
_LOST = f"{_OFF}, where other forms keep half of their digits"
_BEYOND = f"{_OFF}; no form that we know keeps their digits everywhere"
_RECORDED = f"{_OFF}: so torch's autograd does it"

Form = Callable[[Point], Mapping[str, Array]]


def lost_digits(battery: Battery, examination: Examination) -> tuple[list[Finding], list[str]]:
    """The findings about numbers of which a form of ours has more digits; words about them and about all others."""
    found: list[Finding] = []
    words: list[str] = []
    for (name, dtype), probes in examination.in_doubt.items():
        asked = [p for p in battery.probes if p.half is not None and p.point.dtype == dtype]
        if any(_passes(battery, form, name, [*probes, *asked]) for form in _forms(battery)):
            found += _strictly(battery, examination, name, probes)
        else:
            words.append(f"{name} {_DOUBTED} ({', '.join(dict.fromkeys(p.name for p in probes))}; {dtype})")
    for (name, dtype), probes in examination.far_off.items():
        wrong = _strictly(battery, examination, name, probes)
        if not wrong:
            continue  # the inputs themselves are not known well enough
        if _is_torchs(battery, examination.subject):
            words.append(f"{name} {_RECORDED} ({dtype})")
        elif any(_keeps_digits(battery, form, name, _points(battery, probes, dtype)) for form in _forms(battery)):
            found += wrong
            words.append(f"{name} {_LOST} ({dtype})")
        else:
            words.append(f"{name} {_BEYOND} ({dtype})")
    return found, words


def _is_torchs(battery: Battery, subject: Subject) -> bool:
    """Whether the backward is all torch's own: a torch.autograd.Function is its author's, who could do better."""
    if not subject.recorded:
        return False
    point = battery.probes[0].point
    try:
        given = [tensor_of(point.tensors[role.name], point.dtype) for role in subject.specification.inputs]
        _, recorded = subject.forward(given)
    except Misbehaviour:
        return False
    return isinstance(recorded, Recorded) and recorded.is_torchs


def _strictly(battery: Battery, examination: Examination, name: str, probes: Sequence[Probe]) -> list[Finding]:
    """What is wrong about a tensor where no digits are excused."""
    judged = Examination(battery.reference, examination.subject)
    strict = [replace(probe, strict=frozenset({name})) for probe in probes]
    return [f for probe in strict for f in judged.at(probe) if f.tensor == name]


def _passes(battery: Battery, form: Form, name: str, probes: Sequence[Probe]) -> bool:
    """Whether the form is right where half of the digits are asked."""
    judge = Examination(battery.reference, Subject(battery.specification, None, None, False, Calling.TENSORS))
    for probe in dict.fromkeys(probes):
        try:
            truth, values = battery.reference.at(probe.point)[name], form(probe.point).get(name)
        except Undefined:
            continue
        except (NotImplementedError, RuntimeError):  # the form does not take this point, so it keeps nothing there
            return False
        if values is None or values.shape != truth.high.shape:
            return False
        if not (judge.units(probe, truth, name, values) <= THRESHOLD).all():
            return False
    return True


def _points(battery: Battery, probes: Sequence[Probe], dtype: str) -> list[Point]:
    """All points of the dtype, those of the probes first."""
    every = [*probes, *battery.probes]
    return list(dict.fromkeys(p.point for p in every if p.point.dtype == dtype and p.point.batch != 0))


def _forms(battery: Battery) -> Iterator[Form]:
    """What we have to compute the gradients by."""
    spec = battery.specification
    if spec.function is not None:
        forward, backward = by_autograd(spec.function.function, len(spec.outputs))
        calling = Calling.SAVED_FIRST
        yield partial(_by_subject, battery, Subject(spec, forward, backward, kernel=False, calling=calling))
        return
    kernel = battery.kernel() if battery.kernel is not None else None
    if kernel is not None:
        yield partial(_by_subject, battery, kernel)
    yield battery.reference.in_floats


def _by_subject(battery: Battery, subject: Subject, point: Point) -> Mapping[str, Array]:
    return Examination(battery.reference, subject).results(Probe("digits", "", point))


def _keeps_digits(battery: Battery, form: Form, name: str, points: Sequence[Point]) -> bool:
    """Whether the form keeps half of every entry's digits at every point, but for what rounding of inputs costs."""
    for point in points:
        try:
            truth, values = battery.reference.at(point)[name], form(point).get(name)
        except Undefined:
            continue
        except (NotImplementedError, RuntimeError):  # the same
            return False
        if values is None or values.shape != truth.high.shape or not np.isfinite(values[truth.judged]).all():
            return False
        off = truth.off_by(values, HALF[point.dtype], LEAST[point.dtype], HALF[point.dtype])
        if off.any() and (off & truth.beyond(values, THRESHOLD * battery.reference.conditioning(point)[name])).any():
            return False
    return True
