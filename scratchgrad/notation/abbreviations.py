"""What people write for a longer text: relu(x), softplus(x), mean(x[i], i), dot(x, y), norm(x), tr(A), max(a, b, c).

In   a syntax tree
Out  one in which they are written out, each part at its place in the text

`abbreviated` is what the grammar's words are, beside the functions of the table.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import replace
from functools import reduce

from scratchgrad.notation.mistakes import Misplaced, RankMismatch
from scratchgrad.notation.syntax import Node, NotationError, Statement, pointing_at

__all__ = ["ABBREVIATIONS", "spelled_out"]

_NESTED = ("max", "min")


def spelled_out(text: str, statement: Statement) -> Statement:
    """The statement without abbreviations.

    Raises RankMismatch for a wrong number of arguments, Misplaced where the name of a tensor is wanted.
    """
    letters = {node.value for side in (statement.left, statement.right) if side for node in side.walk()}

    def walk(node: Node) -> Node:
        node = replace(node, arguments=tuple(map(walk, node.arguments)))
        if node.kind != "call":
            return node
        if node.value in _NESTED and len(node.arguments) > 2:
            return reduce(lambda a, b: replace(node, arguments=(a, b)), node.arguments)
        if node.value not in ABBREVIATIONS:
            return node
        try:
            return ABBREVIATIONS[node.value](node, _unused(letters))
        except NotationError as error:
            raise type(error)(pointing_at(text, node.place, str(error))) from None

    return replace(statement, right=walk(statement.right))


def _unused(letters: set[str]) -> str:
    """A letter that the statement does not have, from now on one that it has."""
    every: tuple[str, ...] = (*"tsrqpkl", *(f"t_{n}" for n in range(len(letters) + 1)))
    found = next(name for name in every if name not in letters)
    letters.add(found)
    return found


def _of_one(build: Callable[[Node], Node]) -> Callable[[Node, str], Node]:
    """The abbreviation of a function of one value."""

    def made(node: Node, _: str) -> Node:
        if len(node.arguments) != 1:
            raise RankMismatch(f"{node.value} takes 1 argument, found {len(node.arguments)}")
        return build(node)

    return made


def _relu(node: Node) -> Node:
    return replace(node, value="max", arguments=(*node.arguments, _number(node, "0")))


def _softplus(node: Node) -> Node:
    exponential = replace(node, value="exp")
    return replace(node, value="log", arguments=(_operation(node, "+", _number(node, "1"), exponential),))


def _mean(node: Node, _: str) -> Node:
    """The sum over the letters by the number of its terms."""
    over = node.arguments[1:]
    if not over or not all(_runs(index) for index in over):
        raise RankMismatch("mean needs an expression and at least one index, as in mean(x[i], i)")
    sizes = [
        index.arguments[1] if index.kind == "comparison" else Node("name", f"n_{index.value}", (), index.place)
        for index in over
    ]
    return reduce(lambda a, b: _operation(node, "/", a, b), [replace(node, value="Sum"), *sizes])


def _runs(index: Node) -> bool:
    return index.kind == "name" or (index.kind == "comparison" and index.value == "<")


def _dot(node: Node, letter: str) -> Node:
    a, b = _names(node, 2, "dot(x, y) for two vectors x and y")
    return _sum(node, _operation(node, "*", _at(a, letter), _at(b, letter)), letter)


def _norm(node: Node, letter: str) -> Node:
    (a,) = _names(node, 1, "norm(x) for a vector x")
    squares = _operation(node, "**", _at(a, letter), _number(node, "2"))
    return replace(node, value="sqrt", arguments=(_sum(node, squares, letter),))


def _trace(node: Node, letter: str) -> Node:
    (a,) = _names(node, 1, "tr(A) for a square matrix A")
    return _sum(node, _at(a, letter, letter), letter)


def _names(node: Node, count: int, example: str) -> tuple[Node, ...]:
    """The arguments, where they are names of tensors."""
    if len(node.arguments) != count or any(a.kind != "name" for a in node.arguments):
        raise Misplaced(f"{node.value} takes the names of tensors: {example}; name an expression first")
    return node.arguments


def _number(node: Node, value: str) -> Node:
    return Node("number", value, (), node.place)


def _operation(node: Node, sign: str, a: Node, b: Node) -> Node:
    return Node("operation", sign, (a, b), node.place)


def _at(tensor: Node, *letters: str) -> Node:
    return Node("element", tensor.value, tuple(Node("name", one, (), tensor.place) for one in letters), tensor.place)


def _sum(node: Node, body: Node, letter: str) -> Node:
    return Node("call", "Sum", (body, Node("name", letter, (), node.place)), node.place)


ABBREVIATIONS: Mapping[str, Callable[[Node, str], Node]] = {
    "relu": _of_one(_relu),
    "softplus": _of_one(_softplus),
    "mean": _mean,
    "dot": _dot,
    "norm": _norm,
    "tr": _trace,
}
