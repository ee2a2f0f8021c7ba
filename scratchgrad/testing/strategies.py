"""Hypothesis strategies: shapes, tensors, layers with their inputs, whole networks.

    shapes()               sizes for the letters of a signature: shapes("x[j] W[i,j]") gives {"j": 3, "i": 1}
    tensors(shape)         values that shrink to 0 and 1: ties, zeros, extremes; strides, expansions, slices
    tensors(shape, domain=":simplex")    such values in a domain: ">0", " in (-1,1)", ":onehot", ":symmetric"
    members("p[n,i]:simplex")            a tensor with axes of any size, in its domain
    layers()               a certified layer of the registry, with tensors that fit it and lie in their domains
    networks()             a Network of layers picked at random, with values for its inputs, ready to run

They shrink: to fewer layers, smaller sizes, contiguous storage, and simple numbers.
"""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import dataclass, field, replace
from typing import Any

import numpy as np
import torch
from hypothesis import strategies as st

from scratchgrad import registry
from scratchgrad.domain import REALS, Domain, DomainError
from scratchgrad.layer import Layer
from scratchgrad.membership import inside, outside
from scratchgrad.signature import Axes, Signature, SignatureError
from scratchgrad.tape import Network
from scratchgrad.testing.domains import domains_of
from scratchgrad.testing.sizes import sizes_of

__all__ = ["LayerCase", "NetworkCase", "layers", "members", "networks", "shapes", "tensors"]

_SIMPLE = (0.0, 1.0, -1.0, 2.0, 0.5, -2.0, 3.0)
_EXTREME = (1e3, -1e3, 1e-3, -1e-3, 30.0, -30.0)
_STORAGES = ("contiguous", "transposed", "sliced", "expanded", "offset")
_LARGEST = 5
_BITS = 20
_MARGIN = 1 / 8
"""How far from the ends of its domain a value stays that is no extreme."""


@st.composite
def shapes(draw: st.DrawFn, signature: str = "x[i,j]", *, smallest: int = 1, largest: int = 5) -> dict[str, int]:
    """Sizes for all letters of a signature ("x[j] W[i,j]", with or without "-> u[i]")."""
    parsed = Signature.parse(signature if "->" in signature else f"{signature} -> result_")
    letters = dict.fromkeys(letter for t in (*parsed.inputs, *parsed.outputs) for letter in t.axes)
    drawn = {letter: draw(st.integers(smallest, largest)) for letter in letters}
    return {letter: drawn[parsed.root(letter)] for letter in letters}


@st.composite
def tensors(
    draw: st.DrawFn,
    shape: Sequence[int] | st.SearchStrategy[Sequence[int]],
    *,
    dtype: torch.dtype = torch.float64,
    extremes: bool = True,
    strides: bool = True,
    domain: str | Domain = REALS,
) -> torch.Tensor:
    """Tensors of a shape: few distinct numbers (so that ties and zeros are frequent), ordinary ones, and extremes.

    All lie in the `domain`, which is written as behind a tensor in a signature; with `extremes` also near its ends, and
    at those that belong to it.  With `strides`, some are stored transposed, as a slice with steps, behind an offset, or
    with stride 0.
    """
    sizes = tuple(draw(shape) if isinstance(shape, st.SearchStrategy) else shape)
    domain = _fitting(domain, sizes)
    choices = [st.sampled_from(_SIMPLE), st.floats(-8, 8, width=16)]
    if extremes:
        choices.append(st.sampled_from((*_EXTREME, *_ends(domain))))
    storage = draw(st.sampled_from(_STORAGES)) if strides and sizes else "contiguous"
    filled = _filled(draw, sizes, st.one_of(choices), dtype)
    if domain.is_reals:
        return _stored(filled, storage)
    numbers = filled.numpy() if dtype in (torch.float64, torch.float32) else filled.float().numpy()
    moved = inside(domain, numbers, _BITS, margin=0 if extremes else _MARGIN)
    tensor = torch.from_numpy(np.ascontiguousarray(moved)).to(dtype).reshape(sizes)
    stored = _stored(tensor, storage)
    return tensor if outside(domain, stored.double().numpy()) is not None else stored


def _fitting(domain: str | Domain, sizes: tuple[int, ...]) -> Domain:
    """The domain, where tensors of the shape can lie in it; DomainError where not."""
    if not isinstance(domain, str | Domain):
        raise DomainError(f"tensors: expected a domain such as '>0' or ':simplex', got {type(domain).__name__}")
    found = Domain.parse(domain) if isinstance(domain, str) else domain
    found.of(("",) * len(sizes), f"tensors: a tensor of shape {sizes}")
    if found.is_square and sizes[-1] != sizes[-2]:
        raise DomainError(f"tensors: a tensor of shape {sizes} cannot be {found} ({found.words}): it is not square")
    return found


def _ends(domain: Domain) -> tuple[float, ...]:
    """The ends of the interval, which are moved inside where they do not belong to it."""
    return tuple(float(end) for end in (domain.interval.low, domain.interval.high) if end is not None)


@st.composite
def members(
    draw: st.DrawFn,
    tensor: str,
    *,
    largest: int = 4,
    dtype: torch.dtype = torch.float64,
    extremes: bool = True,
    strides: bool = True,
) -> torch.Tensor:
    """A tensor with axes of any size, in its domain; both as a signature writes them, such as "p[n,i]:simplex"."""
    inputs = Signature.parse(f"{tensor} -> result_").inputs
    if len(inputs) != 1:
        raise SignatureError(f"members: expected one tensor such as p[n,i]:simplex, got {tensor!r}")
    (axes,) = inputs
    sizes = draw(shapes(tensor, largest=largest))
    shape = tuple(sizes[letter] for letter in axes.axes)
    return draw(_tensor(axes, shape, largest, dtype=dtype, extremes=extremes, strides=strides))


def _tensor(tensor: Axes, shape: tuple[int, ...], below: int, **options: Any) -> st.SearchStrategy[torch.Tensor]:
    """Values for an input of a layer; whole numbers stay below a size."""
    if not tensor.integer:
        return tensors(shape, domain=tensor.domain, **options)
    whole = tensors(shape, strides=False, extremes=False)
    return whole.map(lambda values: values.abs().to(torch.int64).clamp(max=below - 1))


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
    sizes = sizes_of(layer, lambda letter: draw(st.integers(1, _LARGEST), label=letter))
    batch = draw(st.integers(1, 3))
    options: dict[str, Any] = {"dtype": dtype, "extremes": extremes, "strides": strides}

    def shape(tensor: Axes) -> tuple[int, ...]:
        own = tuple(sizes[letter] for letter in tensor.axes)
        return (batch, *own) if layer.carries_samples(tensor) else own

    below = min(sizes.values(), default=1)
    made = {}
    for tensor in layer.signature.inputs:
        known = replace(tensor, domain=domains_of(layer)[tensor.name])
        made[tensor.name] = draw(_tensor(known, shape(tensor), below, **options))
    upstream = {tensor.name: draw(tensors(shape(tensor), **options)) for tensor in layer.signature.outputs}
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
