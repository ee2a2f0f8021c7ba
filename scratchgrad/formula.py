"""A size as a formula of other sizes: whole numbers, names, + - * and // (division rounded down).

In   "(h + 2*padding - k)//stride + 1"
Out  its value, for numbers as well as for any objects that have these operations (SymPy's sizes)

Plain Python: every wing may import it.
"""

from __future__ import annotations

import ast
import operator
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from typing import Any

__all__ = ["Formula", "FormulaError"]

_OPERATIONS: dict[type[ast.operator], Callable[[Any, Any], Any]] = {
    ast.Add: operator.add,
    ast.Sub: operator.sub,
    ast.Mult: operator.mul,
    ast.FloorDiv: operator.floordiv,
}


class FormulaError(ValueError):
    """A formula that uses more than whole numbers, names, + - * and //."""


@dataclass(frozen=True)
class Formula:
    """The formula as text in a normal form, and the names that it uses."""

    text: str
    names: tuple[str, ...]

    @classmethod
    def parse(cls, text: str) -> Formula:
        """The formula that the text writes; FormulaError where it is none."""
        try:
            tree = ast.parse(text.strip(), mode="eval").body
        except SyntaxError:
            raise FormulaError(f"cannot read the formula {text.strip()!r}") from None
        names: dict[str, None] = {}
        _check(tree, text, names)
        return cls(ast.unparse(tree).replace(" * ", "*").replace(" // ", "//"), tuple(names))

    def value(self, of: Mapping[str, Any]) -> Any:
        """The value, given one for every name."""
        return _value(ast.parse(self.text, mode="eval").body, of)

    def solved(self, name: str, result: int, of: Mapping[str, int]) -> int | None:
        """The whole number that gives the result in place of `name`, in which the formula is linear, or None."""
        at_0, at_1 = (self.value({**of, name: n}) for n in (0, 1))
        found: int | None = None if at_0 == at_1 else (result - at_0) // (at_1 - at_0)
        return found if found is not None and self.value({**of, name: found}) == result else None

    def __str__(self) -> str:
        """The text."""
        return self.text


def _check(node: ast.expr, text: str, names: dict[str, None]) -> None:
    if isinstance(node, ast.Name):
        names[node.id] = None
    elif isinstance(node, ast.BinOp) and type(node.op) in _OPERATIONS:
        _check(node.left, text, names)
        _check(node.right, text, names)
    elif not (isinstance(node, ast.Constant) and type(node.value) is int):
        raise FormulaError(
            f"the formula {text.strip()!r} is made of whole numbers, names, + - * and //, not {ast.unparse(node)!r}"
        )


def _value(node: ast.expr, of: Mapping[str, Any]) -> Any:
    if isinstance(node, ast.Name):
        return of[node.id]
    if isinstance(node, ast.BinOp):
        return _OPERATIONS[type(node.op)](_value(node.left, of), _value(node.right, of))
    assert isinstance(node, ast.Constant)  # _check has let nothing else through
    return node.value
