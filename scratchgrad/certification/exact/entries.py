"""The entries of a specification as exact scalars: inputs and upstream gradients, outputs and gradients.

In   a definition, its sizes, the integers that index it
Out  Entries of one sample, or of a batch

The gradients are adjoints of the definition's own entries; the derivation of the element form takes no part in them.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any

import numpy as np
import sympy as sp

from scratchgrad.certification.exact.derivative import adjoints
from scratchgrad.certification.exact.from_definition import assigned, nodes, symbols
from scratchgrad.certification.exact.scalar import Graph, Scalar
from scratchgrad.notation.definition import Definition

__all__ = ["Entries", "entries_of_batch", "entries_of_sample", "gradient_name"]

Array = Any


def gradient_name(name: str) -> str:
    """The name of the gradient of J with respect to a tensor."""
    return f"grad_{name}"


@dataclass(frozen=True)
class Entries:
    """Object arrays of nodes by name; `inputs` holds arrays of integers, too.

    `upstream` and `gradients` are named grad_u and grad_x.  `kept` are the keys of the nodes that forward assigns.
    """

    graph: Graph
    inputs: Mapping[str, Array]
    upstream: Mapping[str, Array]
    outputs: Mapping[str, Array]
    gradients: Mapping[str, Array]
    kept: frozenset[int] = frozenset()
    constant: bool = False
    """Whether a function detaches all that it returns."""
    stopping: Mapping[str, Array] = field(default_factory=dict)
    """The gradients with the stops of a function still in them, for who differentiates once more; empty: none."""

    @property
    def results(self) -> dict[str, Array]:
        """Outputs and gradients."""
        return {**self.outputs, **self.gradients}


def entries_of_sample(
    definition: Definition, sizes: Mapping[sp.Expr, int], integers: Mapping[str, Array], graph: Graph | None = None
) -> Entries:
    """The entries of the definition as it stands."""
    graph = graph or Graph()
    inputs = _inputs(graph, definition, sizes, integers)
    values = assigned(graph, definition, inputs, sizes)
    outputs = {t.name: values[t.name] for t in definition.outputs}
    upstream = {gradient_name(n): symbols(graph, gradient_name(n), a.shape) for n, a in outputs.items()}
    kept = frozenset(node.key for array in values.values() for node in array.ravel())
    return Entries(graph, inputs, upstream, outputs, differentiated(graph, inputs, outputs, upstream), kept)


def entries_of_batch(
    definition: Definition,
    sizes: Mapping[sp.Expr, int],
    integers: Mapping[str, Array],
    *,
    batch: int,
    samples: Sequence[str],
    graph: Graph | None = None,
) -> Entries:
    """The entries of a batch: every tensor named in `samples` has the sample in front; the others are shared."""
    graph = graph or Graph()
    inputs: dict[str, Array] = {}
    for tensor in definition.inputs:
        shape = tuple(_number(s, sizes) for s in tensor.sizes)
        shape = (batch, *shape) if tensor.name in samples else shape
        inputs[tensor.name] = integers[tensor.name] if tensor.integer else symbols(graph, tensor.name, shape)
    parts: dict[str, list[Array]] = {t.name: [] for t in definition.outputs}
    for n in range(batch):
        own = {name: np.asarray(a[n]) if name in samples else a for name, a in inputs.items()}
        values = assigned(graph, definition, {name: _wrapped(graph, a) for name, a in own.items()}, sizes)
        for name, rows in parts.items():
            rows.append(values[name])
    outputs = {name: np.stack(rows) for name, rows in parts.items()}
    upstream = {gradient_name(n): symbols(graph, gradient_name(n), a.shape) for n, a in outputs.items()}
    return Entries(graph, inputs, upstream, outputs, differentiated(graph, inputs, outputs, upstream))


def differentiated(
    graph: Graph, inputs: Mapping[str, Array], outputs: Mapping[str, Array], upstream: Mapping[str, Array]
) -> dict[str, Array]:
    """The gradients with respect to all inputs that are no integers."""
    pairs: list[tuple[Scalar, Scalar]] = []
    for name, array in outputs.items():
        pairs += zip(array.ravel(), upstream[gradient_name(name)].ravel(), strict=True)
    real = {name: array for name, array in inputs.items() if array.dtype == object}
    flat = adjoints(pairs, [x for array in real.values() for x in array.ravel()])
    if not pairs:
        flat = [graph.zero] * sum(array.size for array in real.values())
    found: dict[str, Array] = {}
    for name, array in real.items():
        own = np.empty(array.size, dtype=object)
        own[:] = flat[: array.size]
        flat = flat[array.size :]
        found[gradient_name(name)] = own.reshape(array.shape)
    return found


def _inputs(
    graph: Graph, definition: Definition, sizes: Mapping[sp.Expr, int], integers: Mapping[str, Array]
) -> dict[str, Array]:
    return {
        t.name: integers[t.name] if t.integer else symbols(graph, t.name, tuple(_number(s, sizes) for s in t.sizes))
        for t in definition.inputs
    }


def _wrapped(graph: Graph, array: Array) -> Array:
    return array if array.dtype.kind in "iu" else nodes(graph, array)


def _number(size: sp.Expr, sizes: Mapping[sp.Expr, int]) -> int:
    return int(sizes[size]) if size in sizes else int(size.subs(sizes))
