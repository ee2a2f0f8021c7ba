"""The options of a layer in its equation: every option is a number, and what options alone decide is decided.

In   where(groups == 1, x[c, stride*p + k], 0)     with stride=2, groups=1
Out  x[c, 2*p + k]

Works on the syntax tree, so that a branch that the options rule out is never looked at: it may index axes that only
other options give their sizes.
"""

from __future__ import annotations

import operator
from collections.abc import Callable, Mapping
from dataclasses import replace

from scratchgrad.notation.syntax import Node, Statement

__all__ = ["with_options"]

_VALUE: dict[str, Callable[[int, int], int]] = {"+": operator.add, "-": operator.sub, "*": operator.mul}
_TRUTH: dict[str, Callable[[int, int], bool]] = {
    "<": operator.lt,
    "<=": operator.le,
    ">": operator.gt,
    ">=": operator.ge,
    "==": operator.eq,
    "!=": operator.ne,
}


def with_options(statement: Statement, options: Mapping[str, int]) -> Statement:
    """The statement with the options' values in place of their names on the right."""
    return replace(statement, right=_settled(statement.right, options)) if options else statement


def _settled(node: Node, options: Mapping[str, int]) -> Node:
    if node.kind == "name" and node.value in options:
        value = options[node.value]
        number = Node("number", str(abs(value)), (), node.place)
        return number if value >= 0 else Node("sign", "-", (number,), node.place)
    arguments = tuple(_settled(argument, options) for argument in node.arguments)
    if node.kind == "call" and node.value == "where" and len(arguments) == 3 and _mentions(node.arguments[0], options):
        decided = _decided(arguments[0])
        if decided is not None:
            return arguments[1] if decided else arguments[2]
    return replace(node, arguments=arguments)


def _mentions(node: Node, options: Mapping[str, int]) -> bool:
    return node.value in options or any(_mentions(argument, options) for argument in node.arguments)


def _decided(node: Node) -> bool | None:
    """Whether the condition holds; None where more than numbers decide it."""
    if node.kind == "logic":
        parts = [_decided(argument) for argument in node.arguments]
        if node.value == "not":
            return None if parts[0] is None else not parts[0]
        decisive = node.value == "or"  # one true part decides an "or", one false part an "and"
        return decisive if decisive in parts else None if None in parts else not decisive
    if node.kind != "comparison":
        return None
    left, right = map(_number, node.arguments)
    return None if left is None or right is None else _TRUTH[node.value](left, right)


def _number(node: Node) -> int | None:
    """The whole number that the node is, made of whole numbers with + - *; None for anything else."""
    if node.kind == "number":
        return int(node.value) if node.value.isdigit() else None
    parts = [_number(argument) for argument in node.arguments]
    if None in parts or node.kind not in ("sign", "operation"):
        return None
    if node.kind == "sign":
        return -parts[0] if node.value == "-" else parts[0]  # type: ignore[operator]
    return _VALUE[node.value](*parts) if node.value in _VALUE else None  # type: ignore[arg-type]
