"""One line of the tape: a certified kernel with its slots, and the rule by which the batch meets it.

A kernel is always called batched.  Where the run carries a batch, an input that carries none (the s of J = L + s) is
expanded to it, and its gradient is summed over it.  Where no input carries one, a batch of one is put in front and
taken away again.  Leading axes beyond the layer's own are further samples: they are joined with the batch for the call.
Inputs that the layer shares between samples go in as they are.
"""

from __future__ import annotations

from dataclasses import dataclass
from functools import cached_property
from typing import Any

from torch import Tensor

from scratchgrad.layer import Kernel, Layer

__all__ = ["BatchOnShared", "Entry", "OutOfRange"]


class BatchOnShared(ValueError):
    """A signal that carries a batch where the layer wants one value for all samples."""


class OutOfRange(IndexError):
    """An integer-valued input that names a place which its axis does not have."""


@dataclass(frozen=True)
class Call:
    """The inputs that get a batch axis for a call; lifted, if it is a batch of one that no signal has."""

    expanded: tuple[int, ...]
    lifted: bool


@dataclass(frozen=True)
class Entry:
    """`outputs = layer(inputs)` over slots of the tape.

    `samples` says of each input whether the layer takes it per sample; `carries`, whether its signal depends on an
    input or a target of the network, and so has a batch axis when these have one.
    """

    name: str
    layer: Layer
    kernel: type[Kernel]
    inputs: tuple[int, ...]
    outputs: tuple[int, ...]
    samples: tuple[bool, ...]
    carries: tuple[bool, ...]
    mapped: tuple[int, ...] = ()

    @cached_property
    def single(self) -> Call:
        """How the kernel is called where the run is one sample."""
        return Call(tuple(k for k, sample in enumerate(self.samples) if sample), any(self.samples))

    @cached_property
    def batched(self) -> Call:
        """How the kernel is called where the run carries a batch."""
        if not any(self.carries):
            return self.single
        return Call(tuple(k for k, sample in enumerate(self.samples) if sample and not self.carries[k]), False)

    def check_shared(self, names: tuple[str, ...]) -> None:
        """Raises BatchOnShared where a run with a batch would bring it to a shared input."""
        for k, carries in enumerate(self.carries):
            if carries and not self.samples[k]:
                tensor = self.layer.signature.inputs[k]
                raise BatchOnShared(
                    f"{self.name}: signal {names[self.inputs[k]]!r} carries a batch, but {tensor} of layer "
                    f"{self.layer.name!r} is shared by all samples; give one sample, without a batch axis"
                )

    def forward(self, arguments: list[Tensor], batch: int | None) -> tuple[tuple[Tensor, ...], Any]:
        """The values of the outputs, and what backward needs."""
        call = self.single if batch is None else self.batched
        for k in call.expanded:
            arguments[k] = arguments[k].expand(1 if call.lifted or batch is None else batch, *arguments[k].shape)
        try:
            outputs, saved = self.kernel.forward(*self._joined(arguments))
        except IndexError as error:
            integers = ", ".join(str(t) for t in self.layer.signature.inputs if t.integer)
            raise OutOfRange(f"{self.name}: {integers} points beyond the axis that it picks from ({error})") from error
        outputs = outputs if isinstance(outputs, tuple) else (outputs,)
        if self.mapped:
            rows = 1 if call.lifted or batch is None else batch
            outputs = tuple(o.unflatten(0, (rows, *self.mapped)) for o in outputs)
        return (tuple(o.squeeze(0) for o in outputs) if call.lifted else outputs), saved

    def backward(self, saved: Any, grad_outputs: list[Tensor | None], batch: int | None) -> list[Tensor | None]:
        """The gradient of the objective with respect to each input's value; None for an integer-valued one."""
        call = self.single if batch is None else self.batched
        if call.lifted:
            grad_outputs = [None if g is None else g.unsqueeze(0) for g in grad_outputs]
        if self.mapped:
            grad_outputs = [None if g is None else g.flatten(0, len(self.mapped)) for g in grad_outputs]
        found = self.kernel.backward(saved, *grad_outputs)
        gradients = list(found) if isinstance(found, tuple) else [found]
        if self.mapped:
            rows = 1 if call.lifted or batch is None else batch
            for k, sample in enumerate(self.samples):
                if sample and gradients[k] is not None:
                    gradients[k] = gradients[k].unflatten(0, (rows, *self.mapped))
        for k in call.expanded:
            if gradients[k] is not None:
                gradients[k] = gradients[k].squeeze(0) if call.lifted else gradients[k].sum(0)
        return gradients

    def _joined(self, arguments: list[Tensor]) -> list[Tensor]:
        """The arguments with the batch and the mapped axes as one."""
        if not self.mapped:
            return arguments
        depth = len(self.mapped)
        return [a.flatten(0, depth) if sample else a for a, sample in zip(arguments, self.samples, strict=True)]
