"""Elements at affine places as strided views: shifts, strides, windows that slide over an axis, axes that are joined.

    x[n, 2*p + r]        windows of x, [n, p, r]
    x[n, i - 1]          x moved by one, 0 where it had no element
    u[n, n_w*h + w]      the axis of u split in two, [n, h, w]

An element out of range is 0.  Where the places are surely inside, nothing is padded and nothing is copied.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import sympy as sp

from scratchgrad.codegen.dag import Graph, Labelled, Node
from scratchgrad.notation.binding import free_indices
from scratchgrad.notation.indices import Index, Size

__all__ = ["Place", "is_split", "opened", "place", "surely_nonnegative", "window"]


@dataclass(frozen=True)
class Place:
    """An affine index: the sum of every index times its step, and a start.  Largest steps come first."""

    indices: tuple[Index, ...]
    steps: tuple[sp.Expr, ...]
    start: sp.Expr

    @property
    def extent(self) -> sp.Expr:
        """How many places there are from the first to the last, where no step is negative."""
        return sp.expand(1 + sum(abs(s) * (i.size - 1) for i, s in zip(self.indices, self.steps, strict=True)))


def place(e: sp.Expr) -> Place | None:
    """The index expression as an affine place; None where it is none, or where a step's sign is unknown."""
    rest = sp.expand(e)
    if rest.atoms(sp.Indexed) or any(type(s) is sp.Symbol for s in rest.free_symbols):
        return None
    steps: dict[Index, sp.Expr] = {}
    for index in free_indices(rest):
        steps[index] = rest.coeff(index)
        rest = sp.expand(rest - steps[index] * index)
    if free_indices(rest) or any(free_indices(s) or s.is_zero for s in steps.values()):
        return None
    if any(not (s.is_Integer or s.is_nonnegative) for s in steps.values()):
        return None
    order = sorted(steps, key=lambda i: _magnitude(steps[i], i.size), reverse=True)
    return Place(tuple(order), tuple(steps[i] for i in order), rest)


def window(graph: Graph, node: Node, indices: Sequence[sp.Expr]) -> Labelled | None:
    """The node at affine places as a view; None where two of its places share an index, or run backwards together."""
    places = [
        None if isinstance(i, Index) and i.size == size else place(i)
        for i, size in zip(indices, node.sizes, strict=True)
    ]
    used: list[Index] = []
    for index, found in zip(indices, places, strict=True):
        if found is None and not isinstance(index, Index):
            return None
        own = (index,) if found is None else found.indices
        if not own or any(i in used for i in own):
            return None
        if len(own) > 1 and found is not None and any(s.is_negative for s in found.steps):
            return None
        used += own
    first = [index if found is None else found.indices[0] for index, found in zip(indices, places, strict=True)]
    axes = (*first, *(i for found in places if found is not None for i in found.indices[1:]))
    spec = tuple(
        None
        if found is None
        else (_first(found), found.extent, tuple(zip(found.steps, (i.size for i in found.indices), strict=True)))
        for found in places
    )
    return Labelled(graph.make("window", (node,), (spec,), (i.size for i in axes)), axes)


def is_split(found: Place, size: sp.Expr) -> bool:
    """Whether the place counts through an axis of this size, its last index fastest: (a*n_b + b)*n_c + c."""
    length = sp.Integer(1)
    for index, step in zip(found.indices[::-1], found.steps[::-1], strict=True):
        if sp.expand(step - length) != 0:
            return False
        length = length * index.size
    return bool(found.start == 0 and sp.expand(length - size) == 0)


def opened(graph: Graph, node: Node, indices: Sequence[sp.Expr]) -> tuple[Node, tuple[sp.Expr, ...]]:
    """The node with every axis that is counted through by several indices taken apart into theirs."""
    groups: list[tuple[sp.Expr, ...]] = []
    for index, size in zip(indices, node.sizes, strict=True):
        found = None if isinstance(index, Index) else place(index)
        split = found is not None and len(found.indices) > 1 and is_split(found, size)
        groups.append(found.indices if split and found is not None else (index,))
    if all(len(g) == 1 for g in groups):
        return node, tuple(indices)
    sizes = tuple(
        tuple(i.size for i in g) if len(g) > 1 else (size,) for g, size in zip(groups, node.sizes, strict=True)
    )
    flat = tuple(i for g in groups for i in g)
    return graph.make("apart", (node,), (sizes,), (s for part in sizes for s in part)), flat


def surely_nonnegative(e: sp.Expr) -> bool:
    """Whether the expression is at least 0 for all sizes of at least 1."""
    least = sp.expand(e)
    for floor in least.atoms(sp.floor):
        factor = least.coeff(floor)
        inner = floor.args[0]
        bound = inner if factor.is_negative else inner - 1 + sp.Rational(1, _denominator(inner))
        least = sp.expand(least.subs(floor, bound))
    longer = {s: 1 + sp.Symbol(f"_{s}", nonnegative=True) for s in least.atoms(Size)}
    return bool(sp.expand(least.subs(longer)).is_nonnegative)


def _first(found: Place) -> sp.Expr:
    """The smallest place; a single index that runs backwards reaches it last."""
    return sp.expand(
        found.start + sum(s * (i.size - 1) for i, s in zip(found.indices, found.steps, strict=True) if s.is_negative)
    )


def _denominator(e: sp.Expr) -> sp.Expr:
    return sp.fraction(sp.together(e))[1]


def _magnitude(step: sp.Expr, size: sp.Expr) -> tuple[float, str]:
    """An order of steps: sizes count as large, so that n_w*h comes before w."""
    return float(abs(step.subs({s: 1000 for s in step.atoms(Size)}))), str(size)
