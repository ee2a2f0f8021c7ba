"""What every part of a matrix form has: a shape, a value at a point, and its text, which is written once.

Forms share their parts, as the expressions do that they come from, and whoever chooses between two forms asks for their
texts.  So a node keeps what was once found of it (`once`).
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from functools import wraps
from typing import Any, TypeVar

from scratchgrad.notation.evaluation import Valuation
from scratchgrad.notation.indices import Index
from scratchgrad.notation.limits import tick

__all__ = ["ATOM", "COLUMNS", "PLUS", "POWER", "ROWS", "STACKED", "TIMES", "Node", "Shape", "once"]

Shape = tuple[Index | None, Index | None]
COLUMNS, ROWS, STACKED = "columns", "rows", "stacked"
PLUS, TIMES, POWER, ATOM = range(4)  # how tightly code binds

R = TypeVar("R")


def once(function: Callable[[Node], R]) -> Callable[[Node], R]:
    """The function, whose value is kept in the node: its hash would walk through all of it, as the function does."""
    key = f" {function.__name__}"

    @wraps(function)
    def call(node: Node) -> R:
        kept = node.__dict__
        if key not in kept:
            kept[key] = function(node)
        return kept[key]  # type: ignore[no-any-return]  # what the function gave

    return call


@dataclass(frozen=True)
class Node:
    """A matrix, column, row or scalar."""

    shape: Shape

    @property
    def indices(self) -> tuple[Index, ...]:
        """The indices that the node depends on."""
        return tuple(i for i in self.shape if i is not None)

    def value(self, at: Valuation) -> Any:
        """The node's value, always with two axes."""
        raise TypeError(type(self).__name__)

    def text(self, style: str = COLUMNS) -> tuple[str, int]:
        """The node as code on columns, and how tightly it binds."""
        kept, key = self.__dict__, f" {style}"  # no field has a space in its name
        if key not in kept:
            tick()
            kept[key] = self._text(style)
        return kept[key]  # type: ignore[no-any-return]  # what _text gave

    def _text(self, style: str) -> tuple[str, int]:
        raise TypeError(type(self).__name__)

    def wrapped(self, at_least: int, style: str = COLUMNS) -> str:
        """The node's code, in brackets where it binds less tightly than wanted."""
        text, level = self.text(style)
        return text if level >= at_least else f"({text})"

    def written(self, style: str = COLUMNS) -> str:
        """The node as code: products @, elementwise *, transposition .T."""
        return self.text(style)[0]

    def __str__(self) -> str:
        """The node as code on columns."""
        return self.written()
