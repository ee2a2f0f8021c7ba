"""How samples meet a network: rows become the input's shape, class numbers one-hot rows of the target.

In   a batch (X [n, features], y [n] class numbers or floating targets)
Out  the two tensors that the tape is given, and the signal whose largest entry is the predicted class
"""

from __future__ import annotations

import math
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from typing import TYPE_CHECKING

import torch
from torch import Tensor

from scratchgrad.train.data import DataMismatch
from scratchgrad.train.labels import LabelMismatch, one_hot

if TYPE_CHECKING:
    from scratchgrad.tape.network import Network
    from scratchgrad.tape.signal import Signal

__all__ = ["Feed", "NotTrainable", "scores_beside_target"]


class NotTrainable(ValueError):
    """A network that the loop cannot train: not exactly one input and one target."""


@dataclass(frozen=True)
class Feed:
    """The one input and the one target of a network."""

    input: Signal
    target: Signal
    dtype: torch.dtype
    check_domains: Callable[[Mapping[str, Tensor]], None]

    @classmethod
    def of(cls, net: Network) -> Feed:
        """The network's input and target; NotTrainable where it has none or several."""
        inputs, targets = net.names("input"), net.names("target")
        if len(inputs) != 1 or len(targets) != 1:
            raise NotTrainable(
                f"network {net.name!r}: fit trains networks of one input and one target, this one has inputs "
                f"{', '.join(inputs) or 'none'} and targets {', '.join(targets) or 'none'}; "
                "write the loop with net.forward, net.backward and net.tape.step"
            )
        return cls(net.signal(inputs[0]), net.signal(targets[0]), net.dtype, net.check_domains)

    def __call__(self, X: Tensor, y: Tensor) -> dict[str, Tensor]:
        """The tensors by signal; DataMismatch, LabelMismatch or DomainViolated where they do not fit."""
        given = {self.input.name: self._inputs(X), self.target.name: self._targets(y)}
        self.check_domains(given)
        return given

    def classifies(self, y: Tensor) -> bool:
        """Whether y are class numbers, which become one-hot rows of the target."""
        return not y.is_floating_point() and y.ndim == 1 and len(self.target.shape) == 1 and not self.target.integer

    def classes(self, target: Tensor) -> Tensor:
        """The class of each row of the target: where its largest entry is, or the entry itself where it is integer."""
        return target if self.target.integer else target.argmax(-1)

    @property
    def bytes(self) -> int:
        """The size of one sample's input and target."""
        return sum(
            math.prod(signal.shape) * (8 if signal.integer else self.dtype.itemsize)
            for signal in (self.input, self.target)
        )

    def _inputs(self, X: Tensor) -> Tensor:
        features = math.prod(self.input.shape)
        if math.prod(X.shape[1:]) != features:
            raise DataMismatch(
                f"input {self.input.name!r} takes {features} features a sample, the data have {math.prod(X.shape[1:])}"
            )
        return X.to(torch.int64 if self.input.integer else self.dtype).reshape(len(X), *self.input.shape)

    def _targets(self, y: Tensor) -> Tensor:
        shape = self.target.shape
        if self.classifies(y):
            try:
                return one_hot(y, shape[0], self.dtype)
            except LabelMismatch as mismatch:
                raise LabelMismatch(
                    f"target {self.target.name!r} has {shape[0]} classes; {str(mismatch).removeprefix('one_hot: ')}"
                ) from None
        if math.prod(y.shape[1:]) != math.prod(shape):
            raise LabelMismatch(
                f"target {self.target.name!r} is {list(shape)} a sample, the data's are {list(y.shape[1:])}"
            )
        return y.to(torch.int64 if self.target.integer else self.dtype).reshape(len(y), *shape)


def scores_beside_target(net: Network) -> str | None:
    """The signal that a loss layer compares with the target: of its shape, and a result; None where none is."""
    target = net.signal(net.names("target")[0])
    for operation in net.operations:
        if target.name in operation.inputs and len(target.shape) == 1:
            for name in operation.inputs:
                if name != target.name and net.signal(name).shape == target.shape:
                    return name
    return None
