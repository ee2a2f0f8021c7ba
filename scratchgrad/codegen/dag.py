"""The program of a kernel as a hash-consed graph of tensor operations: equal operations are one node.

A Node is an operation on nodes; its dimensions have sizes, not names.  A Labelled is a node whose dimensions are called
by indices, which is how an element form sees it: exp(v[n,i]) and exp(v[n,k]) are one node with two labellings.
"""

from __future__ import annotations

import operator
from collections.abc import Callable, Iterable, Mapping
from dataclasses import dataclass
from typing import Any

import sympy as sp

from scratchgrad.notation.indices import Index

__all__ = ["CannotLower", "Graph", "Labelled", "Node"]


_ARITHMETIC: Mapping[str, Callable[..., sp.Expr]] = {
    "add": operator.add,
    "sub": operator.sub,
    "mul": operator.mul,
    "div": operator.truediv,
    "neg": operator.neg,
}
"""What is done with numbers before anything runs."""


class CannotLower(NotImplementedError):
    """An element form for which no tensor operation is known; the message names it."""


@dataclass(frozen=True, eq=False)
class Node:
    """One operation.  `data` holds what is no node: a name, dimensions, an alignment."""

    number: int
    op: str
    args: tuple[Node, ...]
    data: tuple[Any, ...]
    sizes: tuple[sp.Expr, ...]

    @property
    def rank(self) -> int:
        """The number of dimensions."""
        return len(self.sizes)


@dataclass(frozen=True)
class Labelled:
    """A node with an index for each of its dimensions."""

    node: Node
    axes: tuple[Index, ...] = ()


class Graph:
    """Makes nodes, each once."""

    def __init__(self) -> None:
        """An empty graph."""
        self.nodes: list[Node] = []
        self._known: dict[Any, Node] = {}

    def make(
        self, op: str, args: Iterable[Node] = (), data: tuple[Any, ...] = (), sizes: Iterable[sp.Expr] = ()
    ) -> Node:
        """The node of this operation; the one that is there already if there is one."""
        args = tuple(args)
        key = (op, tuple(a.number for a in args), data)
        if key not in self._known:
            node = Node(len(self.nodes), op, args, data, tuple(sizes))
            self.nodes.append(node)
            self._known[key] = node
        return self._known[key]

    def holds(self, op: str, args: Iterable[Node], data: tuple[Any, ...]) -> bool:
        """Whether this operation is there already."""
        return (op, tuple(a.number for a in args), data) in self._known

    def pointwise(self, op: str, *args: Labelled, data: tuple[Any, ...] = ()) -> Labelled:
        """An elementwise operation, its operands aligned by their indices; equal to it and simpler where that is known.

        --x is x, x + -y is x - y, x (1/y) is x / y, and exp(x) - 1 is expm1(x), which keeps its digits at 0.
        """
        if op in _ARITHMETIC and all(a.node.op == "number" for a in args):
            return self.number(_ARITHMETIC[op](*(a.node.data[0] for a in args)))
        if op == "neg" and args[0].node.op == "neg":
            return Labelled(args[0].node.args[0], args[0].axes)
        if op == "mul" and len(args) == 2:
            for a, b in (args, args[::-1]):
                if b.node.op == "reciprocal":
                    return self.pointwise("div", a, Labelled(b.node.args[0], b.axes))
        if op in ("add", "sub") and args[1].node.op == "neg":
            inner = Labelled(args[1].node.args[0], args[1].axes)
            return self.pointwise("sub" if op == "add" else "add", args[0], inner)
        if op == "sub" and args[0].node.op == "exp" and args[1].node.op == "number" and args[1].node.data == (1,):
            return self.pointwise("expm1", Labelled(args[0].node.args[0], args[0].axes))
        if op == "add" and len(args) == 2:  # a number is added last: what is left may be a product added in one pass
            for a, b in (args, args[::-1]):
                last = b.node.args[1] if b.node.op == "add" else None
                if last is not None and last.op == "number" and a.node.op != "number":
                    inner = Labelled(b.node.args[0], tuple(b.axes[p] for p in b.node.data[0][0]))
                    return self.pointwise("add", self.pointwise("add", a, inner), Labelled(last))
        if op == "mask" and args[1].node.op == "number" and args[1].node.data == (1,):
            return self.pointwise("indicator", args[0])
        if op == "mask" and not data and (threshold := self._threshold(args[0], args[1])) is not None:
            return threshold
        largest = max(args, key=lambda a: len(a.axes))
        axes = tuple(dict.fromkeys((*largest.axes, *(i for a in args for i in a.axes))))
        if op in ("add", "mul") and len(args) == 2:  # commutative: one order for one sum
            args = tuple(sorted(args, key=lambda a: (a.node.op == "number", a.node.number)))
        aligned = tuple(tuple(axes.index(i) for i in a.axes) for a in args)
        sizes = tuple(i.size for i in axes)
        return Labelled(self.make(op, (a.node for a in args), (aligned, *data), sizes), axes)

    def _threshold(self, condition: Labelled, value: Labelled) -> Labelled | None:
        """The value where v > c holds for a real tensor v of its axes and a number c, else 0; None for other masks."""
        node = condition.node
        if node.op != ">" or node.args[1].op != "number" or value.node.op == "number":
            return None
        if node.args[0].op in ("arange", "add", "sub", "number"):
            return None
        compared = Labelled(node.args[0], tuple(condition.axes[p] for p in node.data[0][0]))
        if set(compared.axes) != set(value.axes) or not node.args[1].data[0].is_number:
            return None
        return self.pointwise("threshold", value, compared, data=(node.args[1].data[0],))

    def number(self, value: sp.Expr) -> Labelled:
        """A constant: a number, a size, or an expression of both."""
        return Labelled(self.make("number", (), (value,)))
