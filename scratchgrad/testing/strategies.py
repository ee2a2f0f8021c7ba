"""Hypothesis strategies: shapes, tensors, layers with their inputs, whole networks.

    shapes()               sizes for the letters of a signature: shapes("x[j] W[i,j]") gives {"j": 3, "i": 1}
    tensors(shape)         values that shrink to 0 and 1: ties, zeros, extremes; strides, expansions, slices
    layers()               a certified layer of the registry, with tensors that fit it
    networks()             a Network of layers picked at random, with values for its inputs, ready to run

They shrink: to fewer layers, smaller sizes, contiguous storage, and simple numbers.
"""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import dataclass, field
from typing import Any

import torch
from hypothesis import strategies as st

from scratchgrad import registry
from scratchgrad.layer import Layer
from scratchgrad.signature import Signature
from scratchgrad.tape import Network

__all__ = ["LayerCase", "NetworkCase", "layers", "networks", "shapes", "tensors"]

_SIMPLE = (0.0, 1.0, -1.0, 2.0, 0.5, -2.0, 3.0)
_EXTREME = (1e3, -1e3, 1e-3, -1e-3, 30.0, -30.0)
_STORAGES = ("contiguous", "transposed", "sliced", "expanded", "offset")

_POSITIVE = frozenset({"eps", "d", "scale", "alpha", "slope", "lambda", "c"})


@st.composite
def shapes(draw: st.DrawFn, signature: str = "x[i,j]", *, smallest: int = 1, largest: int = 5) -> dict[str, int]:
    """Sizes for all letters of a signature ("x[j] W[i,j]", with or without "-> u[i]")."""
    parsed = Signature.parse(signature if "->" in signature else f"{signature} -> result_")
    letters = dict.fromkeys(letter for t in (*parsed.inputs, *parsed.outputs) for letter in t.axes)
    return {letter: draw(st.integers(smallest, largest)) for letter in letters}


@st.composite
def tensors(
    draw: st.DrawFn,
    shape: Sequence[int] | st.SearchStrategy[Sequence[int]],
    *,
    dtype: torch.dtype = torch.float64,
    extremes: bool = True,
    strides: bool = True,
    positive: bool = False,
) -> torch.Tensor:
    """Tensors of a shape: few distinct numbers (so that ties and zeros are frequent), ordinary ones, and extremes.

    With `strides`, some are stored transposed, as a slice with steps, behind an offset, or with stride 0.
    """
    sizes = tuple(draw(shape) if isinstance(shape, st.SearchStrategy) else shape)
    simple = st.sampled_from([abs(n) for n in _SIMPLE if n] if positive else _SIMPLE)
    ordinary = st.floats(0.125 if positive else -8, 8, width=16)
    choices = [simple, ordinary]
    if extremes:
        choices.append(st.sampled_from([abs(n) for n in _EXTREME] if positive else _EXTREME))
    storage = draw(st.sampled_from(_STORAGES)) if strides and sizes else "contiguous"
    return _stored(_filled(draw, sizes, st.one_of(choices), dtype), storage)


def _filled(draw: st.DrawFn, sizes: tuple[int, ...], numbers: Any, dtype: torch.dtype) -> torch.Tensor:
    count = 1
    for size in sizes:
        count *= size
    return torch.tensor(draw(st.lists(numbers, min_size=count, max_size=count)), dtype=dtype).reshape(sizes)


def _stored(tensor: torch.Tensor, storage: str) -> torch.Tensor:
    """The same values, stored otherwise."""
    if storage == "transposed" and tensor.ndim > 1:
        return tensor.mT.contiguous().mT
    if storage == "sliced":
        wide = tensor.new_zeros((*tensor.shape[:-1], 2 * tensor.shape[-1]))
        wide[..., ::2] = tensor
        return wide[..., ::2]
    if storage == "expanded":  # as many numbers are drawn as for the others, or it would count as simpler than them
        return tensor[:1].expand(tensor.shape)
    if storage == "offset":
        return torch.cat([tensor.new_zeros(1), tensor.reshape(-1)])[1:].reshape(tensor.shape)
    return tensor


@dataclass(frozen=True)
class LayerCase:
    """A layer, tensors for its inputs (a batch), and upstream gradients for its outputs."""

    layer: Layer
    batch: int
    inputs: dict[str, torch.Tensor]
    grad_outputs: dict[str, torch.Tensor]

    def __repr__(self) -> str:
        """The layer and the shapes; hypothesis prints it for the smallest failing case."""
        given = ", ".join(f"{name}={tensor.tolist()}" for name, tensor in self.inputs.items())
        return f"LayerCase({self.layer.name}, batch {self.batch}, {given})"


@st.composite
def layers(
    draw: st.DrawFn,
    names: Sequence[str] | None = None,
    *,
    dtype: torch.dtype = torch.float64,
    extremes: bool = False,
    strides: bool = True,
) -> LayerCase:
    """A layer of the registry (or one of `names`), with a batch of tensors that fit its signature."""
    layer = registry.layer(draw(st.sampled_from(sorted(names or registry.names()))))
    signature = layer.signature
    sizes = draw(shapes(str(signature)))
    batch = draw(st.integers(1, 3))
    made: dict[str, torch.Tensor] = {}
    for tensor in signature.inputs:
        own = tuple(sizes[letter] for letter in tensor.axes)
        shape = (batch, *own) if layer.carries_samples(tensor) else own
        if tensor.integer:
            highest = min(sizes.values(), default=1) - 1
            made[tensor.name] = draw(tensors(shape, strides=False)).abs().to(torch.int64).clamp(max=highest)
        else:
            positive = tensor.name in _POSITIVE
            made[tensor.name] = draw(tensors(shape, dtype=dtype, extremes=extremes, strides=strides, positive=positive))
    upstream = {}
    for tensor in signature.outputs:
        own = tuple(sizes[letter] for letter in tensor.axes)
        shape = (batch, *own) if layer.carries_samples(tensor) else own
        upstream[tensor.name] = draw(tensors(shape, dtype=dtype, extremes=extremes, strides=strides))
    return LayerCase(layer, batch, made, upstream)


@dataclass
class NetworkCase:
    """A network, values for its inputs and targets, and what was added to it: (layer, inputs, outputs), in order."""

    network: Network
    batch: int | None
    given: dict[str, torch.Tensor] = field(default_factory=dict)
    leaves: dict[str, torch.Tensor] = field(default_factory=dict)
    operations: list[tuple[str, tuple[str, ...], tuple[str, ...]]] = field(default_factory=list)
    objective: str = ""

    def __repr__(self) -> str:
        """One line for each operation."""
        lines = [f"{', '.join(outputs)} = {layer}({', '.join(inputs)})" for layer, inputs, outputs in self.operations]
        return f"NetworkCase(batch {self.batch}, {'; '.join(lines)}; minimize {self.objective})"


@st.composite
def networks(
    draw: st.DrawFn, *, operations: int = 12, batches: Sequence[int | None] = (None, 1, 2, 3), seed: int = 7
) -> NetworkCase:
    """A network of up to so many layers on signals picked at random, with fan-out, parallel paths and shared weights.

    All scalars are added up to the objective.  The values are drawn from a fixed seed: what shrinks is the network.
    """
    return _Builder(NetworkCase(Network(dtype=torch.float64), draw(st.sampled_from(list(batches)))), seed).built(
        draw, operations
    )


class _Builder:
    """A network as it grows: which vectors, scalars and weights there are to be used."""

    def __init__(self, case: NetworkCase, seed: int) -> None:
        self.case = case
        self.random = torch.Generator().manual_seed(seed)
        self.vectors: list[tuple[str, int]] = []
        self.scalars: list[str] = []
        self.matrices: list[tuple[str, str, int]] = []

    def built(self, draw: st.DrawFn, operations: int) -> NetworkCase:
        """The whole network."""
        self.sample("input", "x", draw(st.integers(1, 4)))
        if draw(st.booleans()):
            self.sample("input", "z", draw(st.integers(1, 4)))
        self.sample("target", "y", draw(st.integers(1, 4)))
        for number in range(draw(st.integers(1, operations))):
            self.operation(draw, number)
        for W, _, _ in self.matrices:
            if draw(st.booleans()):
                self.add("squared_norm", W, self.leaf(f"lambda_{W}"))
        name, size = self.vectors[-1]
        self.add("l2_loss", name, name if draw(st.booleans()) else self.leaf("goal", size))
        for scalar in list(self.scalars):
            self.add("add", self.scalars[-1], scalar)
        self.case.objective = self.scalars[-1]
        self.case.network.minimize(self.case.objective)
        return self.case

    def operation(self, draw: st.DrawFn, number: int) -> None:
        """One more layer."""
        name, size = draw(st.sampled_from(self.vectors))
        kind = draw(st.sampled_from(["linear", "linear", "relu", "softmax_cross_entropy", "l2_loss", "tied", "scale"]))
        if kind == "linear":
            width = draw(st.integers(1, 4))
            W, b = self.leaf(f"W{number}", width, size), self.leaf(f"b{number}", width)
            self.add("linear", name, W, b)
            self.matrices.append((W, b, size))
        elif kind == "tied" and self.matrices:  # weights that two layers share
            W, b, wanted = draw(st.sampled_from(self.matrices))
            fitting = [n for n, s in self.vectors if s == wanted]
            self.add("linear", draw(st.sampled_from(fitting)), W, b)
        elif kind == "relu":
            self.add("relu", name)
        elif kind in ("softmax_cross_entropy", "l2_loss"):
            self.add(kind, name, draw(st.sampled_from([n for n, s in self.vectors if s == size])))
        elif kind == "scale" and self.scalars:
            self.add("scale", draw(st.sampled_from(self.scalars)), self.leaf(f"c{number}"))

    def value(self, *shape: int) -> torch.Tensor:
        """Normal numbers, scaled so that sums stay of size 1."""
        return torch.randn(shape, generator=self.random, dtype=torch.float64) / math.sqrt(max(1, *shape, 1))

    def sample(self, role: str, name: str, size: int) -> None:
        """An input or a target, one value a sample."""
        getattr(self.case.network, role)(name, size)
        self.case.given[name] = self.value(size) if self.case.batch is None else self.value(self.case.batch, size)
        self.vectors.append((name, size))

    def leaf(self, name: str, *shape: int) -> str:
        """A parameter."""
        value = self.value(*shape)
        self.case.network.parameter(name, value=value)
        self.case.leaves[name] = value.clone()
        return name

    def add(self, layer: str, *inputs: str) -> None:
        """A layer on signals; its outputs may be used from now on."""
        found = self.case.network.add(layer, *inputs)
        outputs = found if isinstance(found, tuple) else (found,)
        self.case.operations.append((layer, inputs, tuple(signal.name for signal in outputs)))
        for signal in outputs:
            if signal.shape:
                self.vectors.append((signal.name, signal.shape[0]))
            else:
                self.scalars.append(signal.name)
