"""The tape: the network's operations in the order of execution (a Wengert list), forward and in reverse.

In   a Network, lowered once: every signal gets a slot, every operation its certified kernel
Out  the values of all signals, then the gradient of the objective J with respect to each of them

The reverse sweep visits the entries from last to first; a signal with several consumers gets the sum of what they
send back.  Nothing here differentiates: each entry's backward is its layer's certified kernel.
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import TYPE_CHECKING, Any, Protocol

import torch
from torch import Tensor

from scratchgrad import registry
from scratchgrad.tape.entry import Entry
from scratchgrad.tape.prediction import independent_outputs

if TYPE_CHECKING:
    from scratchgrad.tape.network import Network

__all__ = ["NoObjective", "NotComputed", "Optimizer", "Tape", "UnreachableParameter"]


class NotComputed(RuntimeError):
    """A value or a gradient that is asked for before it was computed, or after it became stale."""


class NoObjective(RuntimeError):
    """A network asked for gradients before it was told what to minimize."""


class UnreachableParameter(ValueError):
    """A parameter on which the objective does not depend."""


class Optimizer(Protocol):
    """What `step` asks of an optimiser."""

    def update(self, parameters: Mapping[str, Tensor], gradients: Mapping[str, Tensor], epoch: float) -> None:
        """Change the parameters in place; `epoch` is the training's position, for a schedule."""


class Tape:
    """The Wengert list of a network as it is now; a graph that grows later gets another tape."""

    def __init__(self, network: Network) -> None:
        """Raises NotCertified for a layer whose kernel no valid certificate vouches for."""
        self.network = network
        self.names = tuple(signal.name for signal in network.signals)
        self.slots = {name: slot for slot, name in enumerate(self.names)}
        self._signals = network.signals
        carries = [signal.role in ("input", "target") for signal in network.signals]
        entries = []
        for operation in network.operations:
            layer = operation.layer
            inputs = tuple(self.slots[name] for name in operation.inputs)
            outputs = tuple(self.slots[name] for name in operation.outputs)
            samples = tuple(layer.carries_samples(tensor) for tensor in layer.signature.inputs)
            entry = Entry(
                operation.name,
                layer,
                registry.kernel(layer),
                inputs,
                outputs,
                samples,
                tuple(carries[slot] for slot in inputs),
                operation.mapped,
            )
            for slot in outputs:
                carries[slot] = any(c and s for c, s in zip(entry.carries, samples, strict=True))
            entries.append(entry)
        self.entries = tuple(entries)
        self.carries = tuple(carries)
        self._objective = None if network.objective_signal is None else self.slots[network.objective_signal.name]
        self._reached = self._reached_from_objective()
        self._values: list[Tensor | None] | None = None
        self._saved: list[Any] = []
        self._incomplete: set[str] = set()
        self._gradients: list[Tensor | None] | None = None
        self._batch: int | None = None
        self._version = -1

    def forward(self, given: Mapping[str, Tensor], batch: int | None) -> None:
        """Compute every signal that follows from the given inputs and targets, in order.

        The tensors have the network's dtype; they carry `batch` samples each, or are one sample where it is None.
        They are not copied: whoever changes them before backward changes the gradients.  Raises BatchOnShared.
        """
        if batch is not None:
            for entry in self.entries:
                entry.check_shared(self.names)
        leaves = self.network.leaves
        values: list[Tensor | None] = [given.get(name, leaves.get(name)) for name in self.names]
        saved: list[Any] = []
        incomplete: set[str] = set()
        with torch.inference_mode():
            for entry in self.entries:
                arguments = [values[slot] for slot in entry.inputs]
                if any(argument is None for argument in arguments):
                    shapes = [self._shape(slot, batch) for slot in entry.inputs]
                    outputs, kept = independent_outputs(entry, arguments, shapes, batch), None
                    incomplete.add(entry.name)
                else:
                    outputs, kept = entry.forward(arguments, batch)  # type: ignore[arg-type]  # none is None
                for slot, output in zip(entry.outputs, outputs, strict=True):
                    values[slot] = output
                saved.append(kept)
        self._values, self._saved, self._incomplete, self._gradients = values, saved, incomplete, None
        self._batch, self._version = batch, self.network.version

    def backward(self) -> None:
        """Compute the gradient of the objective with respect to every signal on a path to it, in reverse order.

        Raises NoObjective, UnreachableParameter; NotComputed before forward, or where parameters changed since.
        """
        values, objective = self._computed_values(), self._checked_objective()
        if self._version != self.network.version:
            raise NotComputed("backward: parameters have changed since forward; run forward again first")
        J = values[objective]
        left_out = [s.name for s in self._signals if s.role == "target" and values[self.slots[s.name]] is None]
        not_given = f"because forward was not given {' and '.join(map(repr, left_out))}"
        if J is None:
            raise NotComputed(f"backward: the objective {self.names[objective]!r} was not computed, {not_given}")
        gradients: list[Tensor | None] = [None] * len(values)
        with torch.inference_mode():
            share = 1 / max(1, J.numel()) if self.network.reduction == "mean" else 1.0
            gradients[objective] = torch.full_like(J, share)
            for entry, saved in zip(reversed(self.entries), reversed(self._saved), strict=True):
                grad_outputs = [gradients[slot] for slot in entry.outputs]
                if all(g is None for g in grad_outputs):
                    continue
                if entry.name in self._incomplete:
                    raise NotComputed(f"backward: {entry.name} was only computed in part, {not_given}; give it as well")
                for slot, gradient in zip(entry.inputs, entry.backward(saved, grad_outputs, self._batch), strict=True):
                    if gradient is not None:
                        before = gradients[slot]
                        gradients[slot] = gradient if before is None else before + gradient
        self._gradients = gradients

    def step(self, optimizer: Optimizer, epoch: float = 0.0) -> None:
        """Let the optimiser change the parameters by their gradients; forward comes next."""
        gradients = self._computed_gradients()
        if self._version != self.network.version:
            raise NotComputed("step: parameters have changed since backward; run forward and backward again first")
        parameters = self.network.live_parameters
        with torch.inference_mode():
            optimizer.update(parameters, {name: self._gradient(name, gradients) for name in parameters}, epoch)
        self.network.touch()

    def check(self) -> None:
        """Raises NoObjective or UnreachableParameter where backward would."""
        self._checked_objective()

    def value(self, name: str) -> Tensor:
        """The value that the signal had in the last forward run; NotComputed where it has none."""
        value = self._computed_values()[self.slots[name]]
        if value is None:
            raise NotComputed(f"signal {name!r} was not computed, because forward was given no target")
        return value

    def computed(self) -> tuple[str, ...]:
        """The names of the signals that the last forward run computed or was given."""
        return tuple(n for n, v in zip(self.names, self._computed_values(), strict=True) if v is not None)

    def gradient(self, name: str) -> Tensor:
        """The gradient of J with respect to the signal; zeros where no path leads to J."""
        return self._gradient(name, self._computed_gradients())

    def objective(self) -> Tensor:
        """The objective's value: J itself, or its mean (or sum) over the batch where it carries one."""
        J = self.value(self.names[self._checked_objective(parameters=False)])
        with torch.inference_mode():
            return J.sum() if self.network.reduction == "sum" else J.mean()

    @property
    def has_run(self) -> bool:
        """Whether forward has run."""
        return self._values is not None

    @property
    def has_gradients(self) -> bool:
        """Whether backward has run since the last forward."""
        return self._gradients is not None

    @property
    def batch(self) -> int | None:
        """The number of samples of the last forward run, None where it was one sample without batch axis."""
        return self._batch

    @property
    def unreachable(self) -> tuple[str, ...]:
        """The parameters on which the objective does not depend."""
        return tuple(s.name for s in self._signals if s.role == "parameter" and not self._reached[self.slots[s.name]])

    def __len__(self) -> int:
        """The number of entries."""
        return len(self.entries)

    def __str__(self) -> str:
        """The list, one line an entry."""
        rows = [
            (
                str(number),
                ", ".join(self.names[slot] for slot in entry.outputs),
                f"{entry.layer.name}({', '.join(self.names[slot] for slot in entry.inputs)})",
                " ".join(str(self._shape_text(slot)) for slot in entry.outputs),
            )
            for number, entry in enumerate(self.entries, 1)
        ]
        widths = [max((len(row[k]) for row in rows), default=0) for k in range(4)]
        lines = [
            f"{row[0]:>{widths[0]}}  {row[1]:<{widths[1]}} = {row[2]:<{widths[2]}}  {row[3]}".rstrip() for row in rows
        ]
        return "\n".join(lines)

    def _shape(self, slot: int, batch: int | None) -> tuple[int, ...]:
        shape = self._signals[slot].shape
        return (batch, *shape) if batch is not None and self.carries[slot] else shape

    def _shape_text(self, slot: int) -> str:
        shape = [*(["n"] if self.carries[slot] else []), *map(str, self._signals[slot].shape)]
        return f"[{', '.join(shape)}]"

    def _reached_from_objective(self) -> list[bool]:
        reached = [slot == self._objective for slot in range(len(self.names))]
        for entry in reversed(self.entries):
            if any(reached[slot] for slot in entry.outputs):
                for slot in entry.inputs:
                    reached[slot] = True
        return reached

    def _checked_objective(self, *, parameters: bool = True) -> int:
        if self._objective is None:
            raise NoObjective(f"network {self.network.name!r} has no objective; call net.minimize(J) with its signal J")
        if parameters and self.unreachable:
            raise UnreachableParameter(
                f"objective {self.names[self._objective]!r} does not depend on the parameters "
                f"{', '.join(map(repr, self.unreachable))}: no path leads from them to it; connect or remove them"
            )
        return self._objective

    def _computed_values(self) -> list[Tensor | None]:
        if self._values is None:
            raise NotComputed("no values yet; run net.forward(...) first")
        return self._values

    def _computed_gradients(self) -> list[Tensor | None]:
        if self._gradients is None:
            when = "since the last forward run" if self.has_run else "yet"
            first = "net.backward()" if self.has_run else "net.forward(...), then net.backward()"
            raise NotComputed(f"no gradients {when}; run {first} first")
        return self._gradients

    def _gradient(self, name: str, gradients: list[Tensor | None]) -> Tensor:
        slot = self.slots[name]
        gradient = gradients[slot]
        if gradient is not None:
            return gradient
        value = self.value(name)
        return torch.zeros_like(value)
