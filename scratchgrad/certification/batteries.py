"""The battery of a specification, made once; and its first probe, at which a subject is tried.

In   a Specification, examples, a Subject
Out  Battery
"""

from __future__ import annotations

from collections.abc import Sequence

import torch

from scratchgrad.certification.battery import Battery, Example
from scratchgrad.certification.specification import Specification
from scratchgrad.certification.subject import Subject

__all__ = ["battery_for", "battery_of", "first_arguments"]

_REMEMBERED = 16
_batteries: dict[Specification, Battery] = {}


def battery_of(specification: Specification) -> Battery:
    """The battery of a specification; that of an equal one is used again, with all exact values that it knows."""
    if specification not in _batteries:
        while len(_batteries) >= _REMEMBERED:
            del _batteries[next(iter(_batteries))]
        _batteries[specification] = Battery(specification)
    return _batteries[specification]


def battery_for(specification: Specification, examples: Sequence[Example], subject: Subject) -> Battery:
    """The battery; where an output has sizes that no input has, the subject's forward says how far it reaches."""
    shapes = subject.shapes if specification.free and subject.forward_function is not None else None
    if shapes is not None or subject.claimed:
        return Battery(specification, examples, shapes, subject.claimed)
    return Battery(specification, examples) if examples else battery_of(specification)


def first_arguments(battery: Battery) -> tuple[list[torch.Tensor], list[torch.Tensor]]:
    """The tensors of the first probe, and what arrives at the outputs there."""
    point, spec = battery.probes[0].point, battery.specification
    return (
        [torch.tensor(point.tensors[role.name]) for role in spec.inputs],
        [torch.tensor(point.upstream[role.name]) for role in spec.outputs],
    )
