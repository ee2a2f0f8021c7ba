"""What the plain tape makes of one step: the witness that a program is compared with.

In   a Tape, a Draw
Out  the values and gradients of all signals, the parameters and states after the step, by name, in float64

The tape is the one that trains with backend="tape": certified kernels one after the other, nothing planned.  With
`noise` every signal is moved a little: what jumps then hangs on a tie or a kink.
"""

from __future__ import annotations

import copy
import dataclasses
from collections.abc import Mapping
from typing import TYPE_CHECKING, Any

import torch
from torch import Tensor

from scratchgrad.program.drawing import Draw
from scratchgrad.program.planning import Request
from scratchgrad.tape.entry import Entry

if TYPE_CHECKING:
    from scratchgrad.tape.tape import Tape

__all__ = ["OBJECTIVE", "RATE", "witnessed"]

OBJECTIVE = "the objective"
RATE = 0.375
"""The learning rate of the step that is compared."""

_NOISE = 1e-9


def witnessed(tape: Tape, request: Request, draw: Draw, optimizer: Any, noise: int | None = None) -> dict[str, Tensor]:
    """What a program with this request can be asked for, by words such as "the gradient of W"."""
    found, gradients = _swept(tape, request, draw, noise)
    for kind, name, values in _stepped(request, draw, gradients, optimizer):
        found[f"{kind} {name}"] = values
    return found


@dataclasses.dataclass(frozen=True)
class _Network:
    """What a tape asks of its network, in float64."""

    leaves: Mapping[str, Tensor]
    reduction: str
    name: str
    version: int = 0


@dataclasses.dataclass(frozen=True)
class _Moved(Entry):
    """An entry whose outputs are moved by noise."""

    seed: int = 0

    def forward(self, arguments: list[Tensor], batch: int | None) -> tuple[tuple[Tensor, ...], Any]:
        outputs, saved = super().forward(arguments, batch)
        generator = torch.Generator().manual_seed(self.seed)
        return tuple(_moved(o, generator) for o in outputs), saved


def _swept(tape: Tape, request: Request, draw: Draw, noise: int | None) -> tuple[dict[str, Tensor], dict[str, Tensor]]:
    """Values and gradients by words, and the gradients of the parameters by name."""
    net, twin = tape.network, copy.copy(tape)
    constants = {name: _wide(net.leaves[name]) for name in net.names("constant")}
    given, parameters = dict(draw.given), dict(draw.parameters)
    if noise is not None:
        generator = torch.Generator().manual_seed(noise)
        given = {name: _moved(value, generator) for name, value in given.items()}
        parameters = {name: _moved(value, generator) for name, value in parameters.items()}
        twin.entries = tuple(
            _Moved(**{f.name: getattr(e, f.name) for f in dataclasses.fields(e)}, seed=noise * 1000 + k)
            for k, e in enumerate(tape.entries)
        )
    twin.network = _Network({**constants, **parameters}, net.reduction, net.name)  # type: ignore[assignment]
    twin.forward(given, request.batch)
    twin.backward()
    gradients = {name: twin.gradient(name) * request.weight for name in tape.names if not _whole(twin.value(name))}
    found = {f"the value of {name}": twin.value(name) for name in tape.names}
    found |= {f"the gradient of {name}": g for name, g in gradients.items()}
    found[OBJECTIVE] = twin.objective()
    return found, {name: gradients[name] for name in parameters}


def _stepped(
    request: Request, draw: Draw, gradients: Mapping[str, Tensor], optimizer: Any
) -> list[tuple[str, str, Tensor]]:
    """Kind, name and values of what the step has changed."""
    update, found = request.update, []
    for name, gradient in gradients.items():
        if update.accumulate:
            found.append(("the gradient of", name, draw.states["grad"][name] + gradient))
        if update.kind != "descent":
            found.append(("the parameter", name, draw.parameters[name]))
            continue
        parameter = draw.parameters[name].clone()
        state = {"velocity": draw.states["velocity"][name].clone()} if update.momentum else {}
        _rule(optimizer, update.momentum)(parameter, gradient.clone(), state, RATE)
        found.append(("the parameter", name, parameter))
        found += [("the velocity of", name, velocity) for velocity in state.values()]
    return found


def _rule(optimizer: Any, momentum: float) -> Any:
    """The optimiser's own rule; that of descent with momentum where it has none."""
    if hasattr(optimizer, "rule"):
        own = copy.copy(optimizer)
        own.reset()  # its memory is the copy's own
        return own.rule

    def descent(parameter: Tensor, gradient: Tensor, state: Mapping[str, Tensor], rate: float) -> None:
        direction = state["velocity"].mul_(momentum).add_(gradient) if momentum else gradient
        parameter.sub_(rate * direction)

    return descent


def _moved(values: Tensor, generator: torch.Generator) -> Tensor:
    if _whole(values):
        return values
    size = max(1.0, float(values.abs().nan_to_num(posinf=0.0).max())) if values.numel() else 1.0
    return values + _NOISE * size * torch.randn(values.shape, generator=generator, dtype=values.dtype)


def _wide(values: Tensor) -> Tensor:
    return values.double() if values.is_floating_point() else values


def _whole(values: Tensor) -> bool:
    return not values.is_floating_point()
