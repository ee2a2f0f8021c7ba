"""What a kernel gives a second time, and a fiftieth: the same, whatever it was asked in between.

In   an Examination, a Probe, what the first calls gave
Out  findings of the kind "repeat"

    forward and backward on something else             what was returned before stays as it is
    the same again                                     no hidden state
    backward twice from the same saved                 saved is not used up
    forward and backward, as often as the probe says   no call is counted, nothing piles up
"""

from __future__ import annotations

import contextlib
import time
from collections.abc import Iterator, Mapping
from typing import TYPE_CHECKING, Any

import numpy as np
import torch

from scratchgrad.certification.error_model import THRESHOLD
from scratchgrad.certification.finding import Finding
from scratchgrad.certification.in_memory import array_of
from scratchgrad.certification.probes import Probe
from scratchgrad.certification.reference import Truth
from scratchgrad.certification.specification import Role
from scratchgrad.certification.subject import Misbehaviour
from scratchgrad.membership import inside

if TYPE_CHECKING:
    from scratchgrad.certification.examination import Examination

__all__ = ["again"]

# TRUST: second-run
_SECONDS = 0.5
"""A kernel that has run so long at one probe is not called more often."""

_USUAL = 3
"""Where a probe asks for more calls, nothing comes in between."""

Array = Any
Tensors = Mapping[str, torch.Tensor]


def again(
    examination: Examination, probe: Probe, truths: Mapping[str, Truth], saved: Any, found: tuple[Tensors, Tensors]
) -> Iterator[Finding]:
    """Something else, then everything once more, as often as the probe says; `found` the first time."""
    if probe.calls < 2:
        return
    outputs, gradients = found
    first = {name: array_of(t).copy() for name, t in (*outputs.items(), *gradients.items())}
    subject, roles = examination.subject, examination.specification.inputs
    if probe.calls > _USUAL:  # at once, so that each of them is compared
        yield from _called(examination, probe, truths, first, range(1, probe.calls))
    inputs, upstream = examination.arguments(probe)
    other = [_other(role, values) for role, values in zip(roles, inputs, strict=True)]
    with contextlib.suppress(Misbehaviour):  # what it does elsewhere is judged elsewhere
        _, elsewhere = subject.forward(other)
        subject.backward(elsewhere, upstream, other)
    for stage, results in (("forward", outputs), ("backward", gradients)):
        for name, tensor in results.items():
            if array_of(tensor).tobytes() != first[name].tobytes():
                words = f"the next call overwrites the {name} that {stage} has returned; return a new tensor"
                yield Finding(stage, "repeat", name, words, probe)
    try:
        later = examination.checked("backward", subject.backward(saved, upstream, inputs), probe)
        yield from _repeats("backward", probe, first, later, truths, what="a second backward from the same saved")
    except Misbehaviour as seen:
        yield Finding(seen.stage, "repeat", seen.tensor, f"the second time, {seen.words}", probe)
        return
    if outputs or subject.forward_function is None:
        yield from _called(examination, probe, truths, first, range(2, min(probe.calls, _USUAL)))


def _called(
    examination: Examination, probe: Probe, truths: Mapping[str, Truth], first: Mapping[str, Array], calls: range
) -> Iterator[Finding]:
    """Forward and backward of the same once more for each number, until it differs or has taken long."""
    subject, start, nth = examination.subject, time.perf_counter(), "second"
    try:
        for call in calls:
            nth = {1: "second", 2: "third"}.get(call, f"{call + 1}th")
            inputs, upstream = examination.arguments(probe)
            raw, saved = subject.forward(inputs)
            later = examination.checked("forward", raw, probe)
            wrong = list(_repeats("forward", probe, first, later, truths, what=f"a {nth} forward of the same inputs"))
            later = examination.checked("backward", subject.backward(saved, upstream, inputs), probe)
            wrong += _repeats("backward", probe, first, later, truths, what=f"backward after a {nth} forward")
            yield from wrong
            if wrong or time.perf_counter() - start > _SECONDS:
                return
    except Misbehaviour as seen:
        yield Finding(seen.stage, "repeat", seen.tensor, f"the {nth} time, {seen.words}", probe)


def _repeats(
    stage: str, probe: Probe, first: Mapping[str, Array], again: Tensors, truths: Mapping[str, Truth], *, what: str
) -> Iterator[Finding]:
    for name, tensor in again.items():
        values = array_of(tensor)
        if values.tobytes() == first[name].tobytes():
            continue
        with np.errstate(all="ignore"):
            same = np.abs(values - first[name]) <= THRESHOLD * truths[name].unit  # sums may be ordered otherwise
        # TRUST: second-run
        wrong = truths[name].judged & ~same
        if wrong.any():
            entry = tuple(int(n) for n in np.argwhere(wrong)[0])
            words = f"{what} gives another {name}: first {float(first[name][entry])!r}, then {float(values[entry])!r}"
            yield Finding(stage, "repeat", name, words, probe, entry, float(values[entry]), truths[name].right(entry))


def _other(role: Role, values: torch.Tensor) -> torch.Tensor:
    """Other values of the input's domain."""
    if not values.is_floating_point():
        return values.flip(0) if values.ndim else values
    other, domain = 1 - values / 2, role.tensor.domain
    if domain.is_reals:
        return other
    return torch.from_numpy(np.asarray(inside(domain, other.double().numpy()))).to(values.dtype)
