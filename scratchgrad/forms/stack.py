"""Matrices stacked along leading axes: one matrix form for every value of an index that all its tensors share.

    In   Sum(V[b,m,e]*grad_O[b,n,e], e)     over b, n, m
    Out  grad_O @ V.mT                      for every b

The index is free, it stands first in every tensor that has it, and nothing else is indexed by it; then it is left out,
the rest is reduced as usual, and torch's own broadcasting does the rest.  What all values of the index share is the sum
over them: (grad_u.mT @ x).sum(0).
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

import numpy as np
import sympy as sp

from scratchgrad.forms.matrix import DeterminantOf, DiagonalOf, Identity, Leaf, children, replaced
from scratchgrad.forms.node import ATOM, COLUMNS, STACKED, Node
from scratchgrad.forms.picking import Gather, OneHot, Triangle
from scratchgrad.notation.binding import element, rebuild, tensor_name, tensors_in
from scratchgrad.notation.evaluation import Valuation
from scratchgrad.notation.indices import Index
from scratchgrad.notation.nodes import Determinant, InverseElement, LogDeterminant

__all__ = ["Stack", "left_out", "stacked"]


@dataclass(frozen=True)
class StackedLeaf(Leaf):
    """A tensor that has some of the leading axes (True) or is shared by all values of the others (False)."""

    axes: tuple[bool, ...] = ()

    def _text(self, style: str = COLUMNS) -> tuple[str, int]:
        """The name, with axes of length 1 where the tensor lacks a stacking axis or is no matrix."""
        first = self.axes.index(True) if True in self.axes else len(self.axes)
        lead = [":" if has else "None" for has in self.axes[first:]]
        tail = [":" if i is not None else "None" for i in self.shape]
        parts = [*lead, *tail]
        plain = "None" not in parts or (not lead and not self.indices)
        return (self.name if plain else f"{self.name}[{', '.join(parts)}]"), ATOM


@dataclass(frozen=True)
class Stack(Node):
    """A matrix form for every value of the leading indices, stacked; with `summed`, the sum over the first of them."""

    of: Node
    leading: tuple[Index, ...]
    carried: tuple[tuple[str, tuple[Index, ...]], ...]
    summed: bool = False

    def value(self, at: Valuation) -> Any:
        """The values, leading axes first."""
        counts = [at.size(i.size) for i in self.leading]
        parts: list[Any] = []
        for place in np.ndindex(*counts):
            here = dict(zip(self.leading, place, strict=True))
            tensors = dict(at.tensors)
            for name, indices in self.carried:
                tensors[name] = at.tensors[name][tuple(here[i] for i in indices)]
            parts.append(self.of.value(Valuation(tensors, at.sizes)))
        values = np.stack(parts).reshape(*counts, *parts[0].shape)
        return values.sum(0) if self.summed else values

    def _text(self, style: str = COLUMNS) -> tuple[str, int]:
        """Torch code in which the leading axes are broadcast."""
        text, level = self.of.text(STACKED)
        if self.summed:
            text, level = f"({text}).sum(0)", ATOM
        kept = len([i for i in self.of.shape if i is not None])
        if kept < 2:
            dropped = "0" if kept else "0, 0"
            text, level = f"{text if level >= ATOM else f'({text})'}[..., {dropped}]", ATOM
        return text, level


def left_out(e: sp.Expr, index: Index) -> tuple[sp.Expr, dict[str, tuple[Index, ...]]] | None:
    """E without the index, and the tensors that had it; None where it does not stand first wherever it stands."""
    carried: set[str] = set()
    for tensor in tensors_in(e):
        indices = tuple(getattr(tensor, "indices", ()))
        if indices and indices[0] == index and not any(index in i.free_symbols for i in indices[1:]):
            carried.add(tensor_name(tensor))
    shared = {tensor_name(t) for t in tensors_in(e) if index not in getattr(t, "indices", ())}
    if not carried or carried & shared:
        return None

    def walk(node: sp.Basic) -> sp.Basic:
        if isinstance(node, sp.Indexed) and node.indices[0] == index:
            integer = bool(node.is_integer)
            return element(tensor_name(node), map(walk, node.indices[1:]), integer=integer)
        if isinstance(node, (InverseElement, Determinant, LogDeterminant)):
            return node.func(walk(node.args[0]), *node.args[1:])
        return rebuild(node, walk) if node.args else node

    rest = sp.sympify(walk(e))
    return None if rest.has(index) else (rest, dict.fromkeys(carried, (index,)))


def stacked(
    node: Node, leading: tuple[Index, ...], carried: dict[str, tuple[Index, ...]], *, summed: bool
) -> Node | None:
    """The form for every value of the leading indices; None where its code would not broadcast."""

    def leaf(part: Node) -> Node | None:
        if isinstance(part, Leaf):
            has = carried.get(part.name, ())
            return StackedLeaf(part.shape, part.name, tuple(i in has for i in leading))
        return None

    parts = [node]
    for part in parts:
        parts += children(part)
    if any(isinstance(p, (DeterminantOf, DiagonalOf, Gather, Identity, OneHot, Triangle)) for p in parts):
        return None
    of = replaced(node, leaf)
    return Stack(node.shape, of, leading, tuple(sorted(carried.items(), key=lambda item: item[0])), summed)
