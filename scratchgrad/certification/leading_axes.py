"""What functions do with two leading axes in the place of the batch, as torch.nn.functional takes them.

In   an accepted Subject
Out  a sentence: compared and right, or what happens; nothing where a batch is not what its tensors have

A room speaks of one batch axis, so a function that takes one only is right.  One whose forward takes two, and whose
backward then computes something else, would be wrong without a word: the verdict says so.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import fields
from typing import Any

import torch

from scratchgrad.certification.battery import Battery
from scratchgrad.certification.examination import Examination
from scratchgrad.certification.probes import Probe
from scratchgrad.certification.specification import Role
from scratchgrad.certification.subject import Misbehaviour, Subject

__all__ = ["said_of_leading_axes"]

_AXES = (2, 7)
"""Unlike each other, and unlike the first sizes of a battery."""


class _Leading(Subject):
    """A subject that is given two axes for the one of the batch."""

    def forward(self, tensors: Sequence[torch.Tensor]) -> tuple[tuple[Any, ...], Any]:
        """The outputs with one batch axis again."""
        spec = self.specification
        outputs, saved = super().forward([_split(r, t) for r, t in zip(spec.inputs, tensors, strict=True)])
        return tuple(_joined("forward", r, u) for r, u in zip(spec.outputs, outputs, strict=False)), saved

    def backward(
        self, saved: Any, upstream: Sequence[torch.Tensor | None], tensors: Sequence[torch.Tensor]
    ) -> tuple[Any, ...]:
        """The gradients with one batch axis again."""
        spec = self.specification
        arriving = [None if g is None else _split(r, g) for r, g in zip(spec.outputs, upstream, strict=True)]
        found = super().backward(saved, arriving, [_split(r, t) for r, t in zip(spec.inputs, tensors, strict=True)])
        return tuple(_joined("backward", r, g) for r, g in zip(spec.inputs, found, strict=True)) if found else ()


def said_of_leading_axes(battery: Battery, subject: Subject) -> list[str]:
    """A sentence about two leading axes; none for a kernel of the registry, which is called with one."""
    spec = battery.specification
    if subject.kernel or not spec.batched or spec.function is not None or battery.examples:
        return []
    leading = _Leading(**{f.name: getattr(subject, f.name) for f in fields(subject)})
    point = battery.point("normal", _AXES[0] * _AXES[1], battery.sizes(), salt="leading axes")
    examination = Examination(battery.reference, leading)
    found = examination.at(Probe("leading", "two leading axes", point, calls=1))
    shapes = (f"{role.name}{[*_AXES, *point.tensors[role.name].shape[1:]]}" for role in spec.inputs if role.sample)
    where = f"with two leading axes in the place of the batch ({', '.join(shapes)})"
    if not examination.measured.probes:
        return []
    if not found:
        return [f"right {where}, too"]
    if any(f.stage == "forward" for f in found):
        return [f"examined with one batch axis; {where} {found[0].words}"]
    return [f"examined with one batch axis; {where} forward is right, but {found[0].words}"]


def _split(role: Role, tensor: torch.Tensor) -> torch.Tensor:
    return tensor.reshape(*_AXES, *tensor.shape[1:]) if role.sample else tensor


def _joined(stage: str, role: Role, found: Any) -> Any:
    """The result with one batch axis.  Raises Misbehaviour where it has not the two."""
    if not role.sample or not isinstance(found, torch.Tensor):
        return found
    if tuple(found.shape[:2]) != _AXES or found.ndim != len(role.tensor.sizes) + 2:
        name = role.name if stage == "forward" else role.tensor.gradient.name
        raise Misbehaviour(stage, "shape", f"{name} has shape {tuple(found.shape)}", name)
    return found.reshape(-1, *found.shape[2:])
