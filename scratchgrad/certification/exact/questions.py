"""What a function asks of values, as `if x.sum() > 3:` and `while (g.abs() > c).any():` do.

In   an operation that hands a value out of torch, and the nodes of its arguments
Out  conditions: what the function does next may depend on them

A number that Tensor.item gives is a Python float that remembers its node, so that comparisons of it are seen, too.
"""

from __future__ import annotations

import math
from collections.abc import Callable, Sequence
from fractions import Fraction
from typing import Any

import numpy as np

from scratchgrad.certification.exact.scalar import Graph, Scalar

__all__ = ["Asked", "Handed"]

Array = Any


class Asked:
    """The conditions that were asked, in order, each once."""

    def __init__(self, graph: Graph) -> None:
        """Nothing was asked yet."""
        self.graph = graph
        self.conditions: list[Scalar] = []

    def note(self, condition: Scalar) -> None:
        """The condition was asked; what is always true or false is no question."""
        if condition not in (self.graph.true, self.graph.false) and condition not in self.conditions:
            self.conditions.append(condition)

    def of(self, operation: str, arguments: Sequence[Array]) -> None:
        """The operation has handed out what it found in these nodes."""
        if operation == "equal":
            pairs = zip(arguments[0].ravel(), arguments[1].ravel(), strict=False)
            for a, b in pairs:
                self.note(self.graph.is_zero(self.graph.sub(a, b)))
            return
        for node in arguments[0].ravel():
            self.note(node if node.is_truth else self.graph.is_zero(node))

    def handed(self, value: float, node: Scalar) -> Handed:
        """The value as a float whose comparisons are questions."""
        return Handed(value, node, self)


class Handed(float):
    """A float that was read out of a tensor, with its node: its comparisons are noted."""

    node: Scalar
    asked: Asked

    def __new__(cls, value: float, node: Scalar, asked: Asked) -> Handed:
        """The float."""
        made = super().__new__(cls, value)
        made.node, made.asked = node, asked
        return made

    def _ask(self, other: Any, relation: Callable[[Graph, Scalar], Scalar]) -> None:
        theirs = self._node_of(other)
        if theirs is not None:
            self.asked.note(relation(self.asked.graph, self.asked.graph.sub(self.node, theirs)))

    def _node_of(self, other: Any) -> Scalar | None:
        if isinstance(other, Handed):
            return other.node
        plain = isinstance(other, int | float | np.floating | np.integer) and math.isfinite(other)
        return self.asked.graph.number(Fraction(float(other))) if plain else None

    def __lt__(self, other: Any) -> bool:
        """Whether it is smaller."""
        self._ask(other, Graph.nonnegative)
        return super().__lt__(other)

    def __ge__(self, other: Any) -> bool:
        """Whether it is at least as large."""
        self._ask(other, Graph.nonnegative)
        return super().__ge__(other)

    def __gt__(self, other: Any) -> bool:
        """Whether it is larger."""
        self._ask(other, Graph.positive)
        return super().__gt__(other)

    def __le__(self, other: Any) -> bool:
        """Whether it is no larger."""
        self._ask(other, Graph.positive)
        return super().__le__(other)

    def __eq__(self, other: object) -> bool:
        """Whether it is the same number."""
        self._ask(other, Graph.is_zero)
        return super().__eq__(other)

    def __ne__(self, other: object) -> bool:
        """Whether it is another number."""
        return not self == other

    def __bool__(self) -> bool:
        """Whether it is not 0."""
        return self != 0

    __hash__ = float.__hash__

    def _combined(self, value: float, other: Any, combine: Callable[[Scalar, Scalar], Scalar]) -> Any:
        theirs = self._node_of(other)
        if theirs is None or not math.isfinite(value):
            return value
        return self.asked.handed(value, combine(self.node, theirs))

    def __add__(self, other: Any) -> Any:
        """The sum."""
        return self._combined(super().__add__(other), other, self.asked.graph.add)

    def __sub__(self, other: Any) -> Any:
        """The difference."""
        return self._combined(super().__sub__(other), other, self.asked.graph.sub)

    def __mul__(self, other: Any) -> Any:
        """The product."""
        return self._combined(super().__mul__(other), other, self.asked.graph.mul)

    def __truediv__(self, other: Any) -> Any:
        """The quotient."""
        return self._combined(super().__truediv__(other), other, self.asked.graph.div)

    __radd__, __rmul__ = __add__, __mul__

    def __neg__(self) -> Any:
        """The negative."""
        return self * -1

    def __abs__(self) -> Any:
        """The absolute value; which of the two it is is a question."""
        return -self if self < 0 else self
