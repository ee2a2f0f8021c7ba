"""A product under a sum, as tensor operations: planned pair by pair, fitted to matrix products before einsum.

sum_n g[n,i] x[n,j]             g.T @ x
sum_i g[n,i] o[n,i]             (g * o).sum(1)
sum_n s[n] g[n,i] x[n,j]        (s[:, None] * g).T @ x
"""

from __future__ import annotations

from itertools import combinations
from typing import Any

from scratchgrad.codegen.dag import Graph, Labelled, Node
from scratchgrad.notation.indices import Index

__all__ = ["contract", "summed"]


def summed(graph: Graph, value: Labelled, indices: tuple[Index, ...]) -> Labelled:
    """The sum of one value over those of the indices that it has."""
    dims = tuple(position for position, i in enumerate(value.axes) if i in indices)
    if not dims:
        return value
    kept = tuple(i for i in value.axes if i not in indices)
    return Labelled(graph.make("sum", (value.node,), (dims,), (i.size for i in kept)), kept)


def contract(graph: Graph, factors: list[Labelled], over: tuple[Index, ...], order: tuple[Index, ...]) -> Labelled:
    """The product of the factors, summed over the indices; `order` is how the result's axes should come out."""
    factors = [_presummed(graph, f, factors, over) for f in factors]
    while len(factors) > 1:
        a, b = _next_pair(factors, over)
        rest = [f for f in factors if f is not a and f is not b]
        done = tuple(i for i in over if (i in a.axes or i in b.axes) and not any(i in f.axes for f in rest))
        factors = [*rest, _pair(graph, a, b, done, order)]
    return summed(graph, factors[0], over)


def _presummed(graph: Graph, factor: Labelled, factors: list[Labelled], over: tuple[Index, ...]) -> Labelled:
    """A factor summed over the indices that no other factor has."""
    own = tuple(i for i in factor.axes if i in over and sum(i in f.axes for f in factors) == 1)
    return summed(graph, factor, own)


def _next_pair(factors: list[Labelled], over: tuple[Index, ...]) -> tuple[Labelled, Labelled]:
    """The pair whose product has the fewest dimensions; among equals, the one that sums most."""

    def cost(pair: tuple[Labelled, Labelled]) -> tuple[int, int]:
        a, b = pair
        rest = [f for f in factors if f is not a and f is not b]
        axes = set(a.axes) | set(b.axes)
        done = {i for i in over if i in axes and not any(i in f.axes for f in rest)}
        grown = len(axes - done) - max(len(a.axes), len(b.axes))
        return grown, -len(done)

    return min(combinations(factors, 2), key=cost)


def _pair(graph: Graph, a: Labelled, b: Labelled, done: tuple[Index, ...], order: tuple[Index, ...]) -> Labelled:
    """The product of two factors, summed over `done`."""

    def first(factor: Labelled, other: Labelled) -> int:
        return min(
            (order.index(i) if i in order else len(order) for i in factor.axes if i not in other.axes), default=-1
        )

    if first(b, a) < first(a, b):
        a, b = b, a
    node, axes, inner = _product(a, b, done)
    if inner and not graph.holds(*node[:3]):  # the same product may be there already, transposed
        swapped, other, _ = _product(b, a, done)
        if graph.holds(*swapped[:3]):
            node, axes = swapped, other
    if not inner:
        return summed(graph, graph.pointwise("mul", a, b), done)
    return Labelled(graph.make(*node), axes)


def _product(
    a: Labelled, b: Labelled, done: tuple[Index, ...]
) -> tuple[tuple[str, tuple[Node, Node], tuple[Any, ...], tuple[Any, ...]], tuple[Index, ...], tuple[Index, ...]]:
    """The matrix product of two factors as `make` takes it, its axes, and the indices it sums; () if it is none."""
    shared = tuple(i for i in a.axes if i in b.axes)
    inner = tuple(i for i in shared if i in done)
    rows = tuple(i for i in a.axes if i not in shared)
    columns = tuple(i for i in b.axes if i not in shared)
    if not rows and not columns:
        inner = ()
    batch = tuple(i for i in shared if i not in inner)
    axes = (*batch, *rows, *columns)
    letters = {i: position for position, i in enumerate(dict.fromkeys((*a.axes, *b.axes)))}
    spec = (tuple(letters[i] for i in a.axes), tuple(letters[i] for i in b.axes), tuple(letters[i] for i in axes))
    return ("contract", (a.node, b.node), (spec,), tuple(i.size for i in axes)), axes, inner
