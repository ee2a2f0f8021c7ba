"""What a kernel gives a second time, and a fiftieth: the same, whatever it was asked in between.

In   an Examination, a Probe, what the first calls gave
Out  findings of the kind "repeat"

    backward after a forward on something else         no hidden state, and nothing returned is overwritten
    backward three times from the same saved           saved is not used up
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

Array = Any
Tensors = Mapping[str, torch.Tensor]


def again(
    examination: Examination, probe: Probe, truths: Mapping[str, Truth], saved: Any, found: tuple[Tensors, Tensors]
) -> Iterator[Finding]:
    """Everything once more, as often as the probe says; `found` the first time.

    Then forward runs on something else, before a further backward from what was saved.
    """
    if probe.calls < 2:
        return
    outputs, gradients = found
    first = {name: array_of(t).copy() for name, t in (*outputs.items(), *gradients.items())}
    subject = examination.subject
    inputs, upstream = examination.arguments(probe)
    start, nth = time.perf_counter(), "second"
    try:
        for nth in ("second", "third"):
            later = examination.checked("backward", subject.backward(saved, upstream, inputs), probe)
            yield from _repeats("backward", probe, first, later, truths, what=f"a {nth} backward from the same saved")
        if not outputs and subject.forward_function is not None:
            return
        for call in range(2, probe.calls + 1):
            nth = {2: "second", 3: "third"}.get(call, f"{call}th")
            inputs, upstream = examination.arguments(probe)
            raw, saved = subject.forward(inputs)
            later = examination.checked("forward", raw, probe)
            wrong = list(_repeats("forward", probe, first, later, truths, what=f"a {nth} forward of the same inputs"))
            later = examination.checked("backward", subject.backward(saved, upstream, inputs), probe)
            wrong += _repeats("backward", probe, first, later, truths, what=f"backward after a {nth} forward")
            yield from wrong
            if wrong or time.perf_counter() - start > _SECONDS:
                break
        _on_something_else(examination, probe)
        yield from _overwritten(probe, first, found)
        later = examination.checked("backward", subject.backward(saved, upstream, inputs), probe)
        what = "a backward after a forward of something else"
        yield from _repeats("backward", probe, first, later, truths, what=what)
    except Misbehaviour as seen:
        yield Finding(seen.stage, "repeat", seen.tensor, f"the {nth} time, {seen.words}", probe)


def _on_something_else(examination: Examination, probe: Probe) -> None:
    """Forward and backward on another input: what they do there is judged elsewhere."""
    inputs, upstream = examination.arguments(probe)
    other = [_other(role, values) for role, values in zip(examination.specification.inputs, inputs, strict=True)]
    with contextlib.suppress(Misbehaviour):
        _, saved = examination.subject.forward(other)
        examination.subject.backward(saved, upstream, other)


def _overwritten(probe: Probe, first: Mapping[str, Array], found: tuple[Tensors, Tensors]) -> Iterator[Finding]:
    """A result of the first call that a later one has changed."""
    for stage, results in zip(("forward", "backward"), found, strict=True):
        for name, tensor in results.items():
            if array_of(tensor).tobytes() != first[name].tobytes():
                words = f"the next call overwrites the {name} that {stage} has returned; return a new tensor"
                yield Finding(stage, "repeat", name, words, probe)


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
