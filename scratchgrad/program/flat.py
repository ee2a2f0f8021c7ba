"""The parameters in one flat, padded piece of memory: matrices first, then vectors and scalars.

In   a Network
Out  its parameters as views of one tensor; an optimiser's update is one call, a sum over all weights one dot product

Each parameter begins at a multiple of 64 bytes.  What lies between them is 0 and stays 0: a gradient is 0 there, so
norms over the whole are those over the parameters.
"""

from __future__ import annotations

import copy
from collections.abc import Mapping
from typing import TYPE_CHECKING

import torch
from torch import Tensor

if TYPE_CHECKING:
    from scratchgrad.tape.network import Network

__all__ = ["Flat"]

_ALIGNED = 64


class Flat:
    """The layout of a network's parameters, and the flat tensor that holds them."""

    def __init__(self, net: Network, device: str = "cpu") -> None:
        """The network's parameters move here: its live tensors are views of `values` from now on."""
        leaves = net.live_parameters
        self.dtype, self.device = net.dtype, device
        self.shapes = {n: tuple(leaves[n].shape) for n in sorted(leaves, key=lambda n: leaves[n].ndim < 2)}
        self.offsets: dict[str, int] = {}
        step, position = _ALIGNED // net.dtype.itemsize, 0
        for name in self.shapes:
            self.offsets[name] = position
            position += -(-leaves[name].numel() // step) * step
        self.size = position
        with torch.inference_mode():
            self.values = self.zeros()
        self.adopt(net)

    def zeros(self) -> Tensor:
        """A tensor of this layout, for gradients or an optimiser's state."""
        return torch.zeros(self.size, dtype=self.dtype, device=self.device)

    def views(self, flat: Tensor) -> dict[str, Tensor]:
        """The part of each parameter in a tensor of this layout."""
        return {n: flat[o : o + _count(self.shapes[n])].view(self.shapes[n]) for n, o in self.offsets.items()}

    def twin(self, dtype: torch.dtype) -> Flat:
        """A flat piece of the same layout and of this type, on the processor, of which no network knows."""
        found = copy.copy(self)
        found.dtype, found.device = dtype, "cpu"
        found.values = found.zeros()
        found.parameters = found.views(found.values)
        return found

    def adopt(self, net: Network) -> None:
        """Copy in what the network's parameters are now, and let the network have them here.

        On another device than the processor they are a copy, which `give_back` returns.
        """
        self.parameters: Mapping[str, Tensor] = self.views(self.values)
        with torch.inference_mode():
            for name, value in net.live_parameters.items():
                self.parameters[name].copy_(value)
        if self.device == "cpu":
            net.rebind(self.parameters)
        self._revision = net.revision

    def give_back(self, net: Network) -> None:
        """Let the network's own tensors be equal to what is on the device."""
        if self.device != "cpu":
            with torch.inference_mode():
                net.rebind({name: value.cpu() for name, value in self.parameters.items()})
            self._revision = net.revision

    def holds(self, net: Network) -> bool:
        """Whether the network's live parameters are still the ones here."""
        live = net.live_parameters
        if self.device != "cpu":
            return self._revision == net.revision and live.keys() == self.parameters.keys()
        return live.keys() == self.parameters.keys() and all(live[n] is p for n, p in self.parameters.items())


def _count(shape: tuple[int, ...]) -> int:
    n = 1
    for size in shape:
        n *= size
    return n
