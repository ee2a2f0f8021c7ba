"""The range that a sum or a maximum says of its own letter.

In   Sum(x[2*p + r], r<3)
Out  Sum(x[2*p + r], r), and the range of r, 3

An index ranges over the axis that it indexes bare.  A letter that indexes none, as the places of a window do, is given
its range where it is bound.
"""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass, replace

from scratchgrad.notation.syntax import Node, Statement

__all__ = ["StatedRange", "without_ranges"]


@dataclass(frozen=True)
class StatedRange:
    """The letter is below the size: a whole number, or the name of one."""

    letter: Node
    size: Node


def without_ranges(statement: Statement, binders: Iterable[str]) -> tuple[Statement, tuple[StatedRange, ...]]:
    """The statement with bare letters behind every binder, and the ranges that stood there."""
    found: list[StatedRange] = []
    known = frozenset(binders)

    def bare(argument: Node) -> Node:
        if argument.kind == "comparison" and argument.value == "<" and argument.arguments[0].kind == "name":
            found.append(StatedRange(*argument.arguments))
            return argument.arguments[0]
        return argument

    def walk(node: Node) -> Node:
        arguments = tuple(map(walk, node.arguments))
        if node.kind == "call" and node.value in known:
            arguments = (*arguments[:1], *map(bare, arguments[1:]))
        return replace(node, arguments=arguments)

    return replace(statement, right=walk(statement.right)), tuple(found)
