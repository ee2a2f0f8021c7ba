"""Elements at a constant place, and on diagonals, as views: x[n,0], A[i,i], A[n,i,j,i].

An element out of range is 0, as everywhere: x[n,2] of an axis of length 2, A[i,i] below the last row of a wide one.
"""

from __future__ import annotations

from collections.abc import Sequence

import sympy as sp

from scratchgrad.codegen.dag import CannotLower, Graph, Node
from scratchgrad.codegen.windows import surely_nonnegative
from scratchgrad.notation.binding import free_indices
from scratchgrad.notation.indices import Index, Size

__all__ = ["diagonals", "is_constant", "selected"]

Indices = tuple[sp.Expr, ...]


def is_constant(index: sp.Expr) -> bool:
    """Whether the index is one place of its axis, the same for all elements: 0, n_i - 1."""
    return not free_indices(index) and all(isinstance(s, Size) for s in index.free_symbols)


def selected(graph: Graph, node: Node, indices: Sequence[sp.Expr], k: int) -> tuple[Node, Indices]:
    """The node at the constant place of dimension k, and what is left of the indices.

    Raises CannotLower where the place may be below 0.
    """
    sizes = (*node.sizes[:k], *node.sizes[k + 1 :])
    at = sp.expand(indices[k])
    if not surely_nonnegative(at):
        raise CannotLower(f"no tensor operation is known for the index {at}, which may be below 0")
    sure = surely_nonnegative(node.sizes[k] - at - 1)
    made = graph.make("select", (node,), (k, at, sure), sizes)
    return made, (*indices[:k], *indices[k + 1 :])


def diagonals(graph: Graph, node: Node, indices: Sequence[sp.Expr]) -> tuple[Node, Indices]:
    """The node with every index that stands for several dimensions taken along their diagonal, which comes last."""
    indices = tuple(indices)
    while (pair := _repeated(indices)) is not None:
        index = indices[pair[0]]
        spec = tuple(
            (sp.Integer(0), index.size, ((sp.Integer(1), index.size),)) if k in pair and size != index.size else None
            for k, size in enumerate(node.sizes)
        )
        if any(part is not None for part in spec):  # shorter or longer than the index: cut, or filled up with zeros
            sizes = (index.size if k in pair else size for k, size in enumerate(node.sizes))
            node = graph.make("window", (node,), (spec,), sizes)
        kept = [k for k in range(len(indices)) if k not in pair]
        node = graph.make("diagonal", (node,), pair, (*(node.sizes[k] for k in kept), index.size))
        indices = (*(indices[k] for k in kept), index)
    return node, indices


def _repeated(indices: Indices) -> tuple[int, int] | None:
    """The first two places of an index that stands alone at both; None where there is none."""
    for second, index in enumerate(indices):
        if isinstance(index, Index) and index in indices[:second]:
            return indices.index(index), second
    return None
