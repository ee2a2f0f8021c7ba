"""Hypothesis strategies: a network of layers picked at random, with values for its inputs, ready to run.

It shrinks to fewer layers, one sample, and smaller sizes.
"""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import dataclass, field
from typing import Any

import torch
from hypothesis import strategies as st

from scratchgrad.tape import Network
from scratchgrad.testing.elements import CannotDraw, is_whole

__all__ = ["NetworkCase", "networks"]


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


def networks(
    *,
    operations: int = 12,
    batches: Sequence[int | None] = (None, 1, 2, 3),
    seed: int = 7,
    dtype: torch.dtype | st.SearchStrategy[torch.dtype] = torch.float64,
) -> st.SearchStrategy[NetworkCase]:
    """A network of up to so many layers on signals picked at random, with fan-out, parallel paths and shared weights.

        @given(networks(operations=5, dtype=torch.float32))
        def test_it(case):
            case.network.forward(*case.given.values())
            case.network.backward()

    All scalars are added up to the objective.  The values are drawn from a fixed seed: what shrinks is the network.

    Raises CannotDraw where there is none.
    """
    if operations < 1 or not batches:
        raise CannotDraw(
            f"networks: expected operations of at least 1 and some batches, got operations={operations}, "
            f"batches={batches!r}"
        )
    if not isinstance(dtype, st.SearchStrategy) and is_whole(dtype):
        raise CannotDraw(f"networks: gradients need a dtype of floating point, got {dtype}; give torch.float64")
    dtypes = dtype if isinstance(dtype, st.SearchStrategy) else st.just(dtype)
    return _networks(operations, st.sampled_from(list(batches)), seed, dtypes)


@st.composite
def _networks(draw: st.DrawFn, operations: int, batches: Any, seed: int, dtypes: Any) -> NetworkCase:
    batch, dtype = draw(batches), draw(dtypes)
    return _Builder(NetworkCase(Network(dtype=dtype), batch), seed, dtype).built(draw, operations)


class _Builder:
    """A network as it grows: which vectors, scalars and weights there are to be used."""

    def __init__(self, case: NetworkCase, seed: int, dtype: torch.dtype) -> None:
        self.case = case
        self.dtype = dtype
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
        used = {name for _, inputs, _ in self.case.operations for name in inputs}
        for name, _ in list(self.vectors):  # a path beside the objective has no gradient
            if name not in used and name not in self.case.given:
                self.add("l2_loss", name, name)
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
        values = torch.randn(shape, generator=self.random, dtype=torch.float64) / math.sqrt(max(1, *shape, 1))
        return values.to(self.dtype)

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
