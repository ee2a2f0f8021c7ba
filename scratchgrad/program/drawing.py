"""Random numbers on which a program and its tape are compared: of moderate size, and in the domains of the layers.

In   a Tape, a Plan, a seed
Out  Draw: inputs and targets, parameters, the gradients and velocities before the step, all in float64

Parameters are scaled by what they are summed over, so that signals neither explode nor vanish; targets are positive;
rows that are known to sum to 1 do so; whole numbers point at places that exist.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import TYPE_CHECKING

import torch
from torch import Tensor

from scratchgrad.domain import Domain
from scratchgrad.membership import inside
from scratchgrad.program.planning import Plan

if TYPE_CHECKING:
    from scratchgrad.tape.tape import Tape

__all__ = ["PLACES", "Draw", "drawn"]

PLACES = (5, 3, 2, 1)
"""Whole numbers lie below one of these: the first that no layer refuses."""


@dataclass(frozen=True)
class Draw:
    """Numbers for one step; `states` are what gradients and velocities hold before it, by kind and parameter."""

    given: Mapping[str, Tensor]
    parameters: Mapping[str, Tensor]
    states: Mapping[str, Mapping[str, Tensor]]


def drawn(tape: Tape, plan: Plan, seed: int, *, below: int, positive: bool = False) -> Draw:
    """The numbers of this seed; whole numbers lie below `below`, and with `positive` all others above 0."""
    generator = torch.Generator().manual_seed(seed)
    domains = _domains(tape)
    targets, unit = set(tape.network.names("target")), set(plan.request.unit_rows)

    def normal(shape: tuple[int, ...]) -> Tensor:
        found = torch.randn(shape, generator=generator, dtype=torch.float64)
        return found.abs() + 0.1 if positive else found

    def fitted(name: str, values: Tensor) -> Tensor:
        for domain in domains.get(name, ()):
            values = torch.from_numpy(inside(domain, values.numpy())).to(values.dtype)
        return values

    given: dict[str, Tensor] = {}
    for name, view in plan.given.items():
        if not view.storage.dtype.is_floating_point:
            given[name] = torch.randint(below, view.shape, generator=generator, dtype=view.storage.dtype)
            continue
        values = normal(view.shape)
        if name in unit:
            values = values.softmax(-1)
        elif name in targets:
            values = values.abs() / 2 + 0.1
        given[name] = fitted(name, values)
    parameters = {}
    for name, view in plan.parameters.items():
        fan = view.numel // view.shape[0] if len(view.shape) > 1 and view.shape[0] else 1
        parameters[name] = fitted(name, normal(view.shape) / max(1, fan) ** 0.5)
    states = {
        kind: {n: torch.randn(v.shape, generator=generator, dtype=torch.float64) for n, v in plan.parameters.items()}
        for kind in ("grad", "velocity")
    }
    return Draw(given, parameters, states)


def _domains(tape: Tape) -> dict[str, list[Domain]]:
    """The domains that layers declare of the signals that they take, by signal."""
    found: dict[str, list[Domain]] = {}
    for entry in tape.entries:
        for slot, tensor in zip(entry.inputs, entry.layer.signature.inputs, strict=True):
            if not (tensor.domain.is_reals or tensor.domain.integer):
                found.setdefault(tape.names[slot], []).append(tensor.domain)
    return found
