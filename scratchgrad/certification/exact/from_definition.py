"""A definition as exact scalars: every output entry of one sample, as a node.

In   a definition; for every input an object array of nodes, or integers
Out  for every assigned tensor an object array of nodes

The definition is walked as the evaluation of numbers walks it; only the arithmetic is another.
"""

from __future__ import annotations

import operator
from collections.abc import Callable, Mapping
from fractions import Fraction
from functools import partial
from typing import Any

import numpy as np
import sympy as sp

from scratchgrad.certification.exact.scalar import Graph, Scalar
from scratchgrad.notation.arithmetic import Objects, elementwise
from scratchgrad.notation.definition import Definition
from scratchgrad.notation.evaluation import Valuation
from scratchgrad.notation.functions import Function

__all__ = ["Symbolic", "assigned", "nodes", "symbols"]

Array = Any


class Symbolic(Objects):
    """Arithmetic whose numbers are the nodes of a graph."""

    def __init__(self, graph: Graph) -> None:
        """Arithmetic over this graph."""
        self.graph = graph
        self.zero = graph.zero

    def maximum(self, a: Any, b: Any) -> Any:
        """The larger one."""
        return elementwise(self.graph.maximum, 2)(a, b)

    def minimum(self, a: Any, b: Any) -> Any:
        """The smaller one."""
        return elementwise(self.graph.minimum, 2)(a, b)

    def function(self, row: Function) -> Callable[..., Any]:
        """Nodes of the function."""
        return elementwise(partial(self.graph.function, row.name), row.arity)

    def number(self, value: sp.Expr) -> Any:
        """A node; pi and E are themselves."""
        if value is sp.pi:
            return self._single(self.graph.pi)
        if value is sp.E:
            return self._single(self.graph.exp(self.graph.one))
        if isinstance(value, sp.Float):
            value = sp.Rational(str(value))
        if not value.is_Rational:
            raise NotImplementedError(f"no exact scalar is known for the constant {value}")
        return self._single(self.graph.number(Fraction(int(value.p), int(value.q))))

    def _single(self, node: Scalar) -> Array:
        found = np.empty((), dtype=object)
        found[()] = node
        return found

    def array(self, values: Any) -> Any:
        """The values as nodes."""
        return nodes(self.graph, values)

    def power(self, base: Any, exponent: Any) -> Any:
        """The base to an exponent; a rational one where it is a number."""
        return elementwise(self.graph.raised, 2)(base, exponent)

    def compare(self, relation: Callable[[Any, Any], Any], a: Any, b: Any) -> Any:
        """A truth value for every element."""
        name = _COMPARED[bool(relation(-1, 0)), bool(relation(0, 0)), bool(relation(1, 0))]
        return elementwise(getattr(self, f"_{name}"), 2)(a, b)

    def _greater(self, a: Scalar, b: Scalar) -> Scalar:
        return self.graph.positive(self.graph.sub(a, b))

    def _less(self, a: Scalar, b: Scalar) -> Scalar:
        return self._greater(b, a)

    def _at_least(self, a: Scalar, b: Scalar) -> Scalar:
        return self.graph.nonnegative(self.graph.sub(a, b))

    def _at_most(self, a: Scalar, b: Scalar) -> Scalar:
        return self._at_least(b, a)

    def _equal(self, a: Scalar, b: Scalar) -> Scalar:
        return self.graph.is_zero(self.graph.sub(a, b))

    def _unequal(self, a: Scalar, b: Scalar) -> Scalar:
        return self.graph.negation(self._equal(a, b))

    def tied(self, a: Any, b: Any) -> Any:
        """A == b, exactly."""
        return self.compare(operator.eq, a, b)

    def where(self, condition: Any, then: Any, otherwise: Any) -> Any:
        """The choice between nodes."""
        graph = self.graph
        return elementwise(lambda c, a, b: graph.choice(graph.condition(c), graph.node(a), graph.node(b)), 3)(
            condition, then, otherwise
        )

    def indicator(self, condition: Any) -> Any:
        """1 where the condition holds, else 0."""
        return self.where(condition, self.graph.one, self.graph.zero)

    def logical(self, name: str, *conditions: Any) -> Any:
        """`and`, `or`, `not` of truth values."""
        graph = self.graph
        combine: Any = {"and": graph.both, "or": graph.either, "not": graph.negation}[name]
        return elementwise(lambda *c: combine(*map(graph.condition, c)), len(conditions))(*conditions)

    def inverse(self, matrix: Any) -> Any:
        """By cofactors: adj(A) / det(A)."""
        n = len(matrix)
        total = self.determinant(matrix)
        found = np.empty((n, n), dtype=object)
        for i, j in np.ndindex(n, n):
            minor = np.delete(np.delete(matrix, j, 0), i, 1)
            found[i, j] = self.graph.div((-1) ** (i + j) * self.determinant(minor), total)
        return found

    def determinant(self, matrix: Any) -> Any:
        """By Laplace's expansion along the first row."""
        if not len(matrix):
            return self.graph.one
        total = self.graph.zero
        for j, first in enumerate(matrix[0]):
            minor = np.delete(matrix[1:], j, 1)
            total = self.graph.add(total, (-1) ** j * first * self.determinant(minor))
        return total


_COMPARED = {
    (False, False, True): "greater",
    (True, False, False): "less",
    (False, True, True): "at_least",
    (True, True, False): "at_most",
    (False, True, False): "equal",
    (True, False, True): "unequal",
}
"""The relation by whether it holds for a - b = -1, 0, 1."""


def nodes(graph: Graph, values: Any) -> Array:
    """The values as an object array of nodes of the graph."""
    array = np.asarray(values)
    found = np.empty(array.shape, dtype=object)
    for place in np.ndindex(array.shape):
        value: Any = array[place]
        if not isinstance(value, Scalar):
            value = graph.number(Fraction(float(value)) if isinstance(value, (float, np.floating)) else int(value))
        found[place] = graph.node(value)
    return found


def symbols(graph: Graph, name: str, shape: tuple[int, ...]) -> Array:
    """An unknown for every entry of a tensor, named as the entry is."""
    found = np.empty(shape, dtype=object)
    for place in np.ndindex(shape):
        found[place] = graph.symbol(f"{name}[{','.join(map(str, place))}]" if place else name)
    return found


def assigned(
    graph: Graph, definition: Definition, tensors: Mapping[str, Array], sizes: Mapping[sp.Expr, int]
) -> dict[str, Array]:
    """Every tensor that the definition assigns, as nodes."""
    at = Valuation(dict(tensors), sizes, Symbolic(graph))
    for assignment in definition.assignments:
        at.assign(assignment.target.name, at.value(assignment.right, assignment.target.indices))
    return {a.target.name: at.tensors[a.target.name] for a in definition.assignments}
