"""An operation: one box of the figure, a layer with the signals that it takes and gives.

In   a layer, and the signals that someone wants to feed it
Out  the shapes of its outputs, once every letter of its signature has one size
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass

from torch import Tensor

from scratchgrad.layer import Layer
from scratchgrad.membership import check
from scratchgrad.signature import ShapeMismatch
from scratchgrad.tape.signal import Signal

__all__ = ["Operation", "WrongInputs", "mapped_axes", "output_shapes"]


class WrongInputs(TypeError):
    """Too few or too many signals for a layer, or real numbers where it wants integers."""


@dataclass(frozen=True)
class Operation:
    """`outputs = layer(inputs)`, signals by name; `name` is the layer's, numbered from the second use on.

    `mapped` are the sizes of the leading axes over which the layer is applied, place by place.
    """

    name: str
    layer: Layer
    inputs: tuple[str, ...]
    outputs: tuple[str, ...]
    mapped: tuple[int, ...] = ()

    def check_domains(self, values: Mapping[str, tuple[Signal, Tensor]]) -> None:
        """Nothing where every signal whose value is given has one in the domain that the layer declares.

        Raises DomainViolated, which names the layer, its input and the signal.
        """
        for tensor, name in zip(self.layer.signature.inputs, self.inputs, strict=True):
            if name in values and not tensor.domain.is_reals:
                signal, value = values[name]
                check(tensor.domain, value.numpy(), f"{self.name}: {signal.role} {name!r}", tensor.element)


def mapped_axes(layer: Layer, inputs: Sequence[Signal]) -> tuple[int, ...]:
    """The leading axes that every per-sample input has beyond the layer's own: the layer is applied at each place.

    So relu, which is defined over one axis, takes images, and linear takes sequences.  Where the inputs disagree
    there are none, and the shapes do not fit.
    """
    wanted = layer.signature.inputs
    samples = [(t, s) for t, s in zip(wanted, inputs, strict=True) if t.name not in layer.shared]
    leading = {s.shape[: max(0, len(s.shape) - len(t.axes))] for t, s in samples}
    return leading.pop() if len(leading) == 1 else ()


def output_shapes(layer: Layer, inputs: Sequence[Signal]) -> tuple[tuple[int, ...], ...]:
    """One sample's shape of every output; ShapeMismatch or WrongInputs, naming the signals, where they do not fit."""
    wanted = layer.signature.inputs
    if len(inputs) != len(wanted):
        raise WrongInputs(
            f"{layer.name}: expected {len(wanted)} signals for {' '.join(map(str, wanted))}, "
            f"got {len(inputs)}{': ' if inputs else ''}{', '.join(repr(s.name) for s in inputs)}"
        )
    for tensor, signal in zip(wanted, inputs, strict=True):
        if tensor.integer != signal.integer:
            kinds = ("integers", "real numbers") if tensor.integer else ("real numbers", "integers")
            raise WrongInputs(f"{layer.name}: {tensor} takes {kinds[0]}, signal {signal.name!r} has {kinds[1]}")
    mapped = mapped_axes(layer, inputs)
    own = [s.shape if t.name in layer.shared else s.shape[len(mapped) :] for t, s in zip(wanted, inputs, strict=True)]
    try:
        sizes = layer.signature.sizes(layer.name, own, layer.options)
    except ShapeMismatch as mismatch:
        given = ", ".join(f"{t} is {s.name!r} {list(s.shape)}" for t, s in zip(wanted, inputs, strict=True))
        raise ShapeMismatch(f"{mismatch} (here {given})") from None
    for tensor in layer.signature.outputs:
        for letter in tensor.axes:
            if letter not in sizes:
                raise ShapeMismatch(f"{layer.name}: no input has the axis {letter!r} of {tensor}: its size is unknown")
    return tuple((*mapped, *(sizes[letter] for letter in tensor.axes)) for tensor in layer.signature.outputs)
