"""The arithmetic that an expression is evaluated in: its interface, float64, and what arithmetics over objects share.

The exact one stands in exact_arithmetic.py, balls and symbols in certification/exact.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import mpmath
import numpy as np
import sympy as sp

from scratchgrad.notation.elementary import real
from scratchgrad.notation.functions import Function
from scratchgrad.notation.indices import Index
from scratchgrad.notation.labelled import Labelled, union

__all__ = ["Arithmetic", "Float", "Objects", "elementwise"]


class Arithmetic:
    """The functions that an expression is made of, over arrays."""

    dtype: Any

    def function(self, row: Function) -> Callable[..., Any]:
        """A function of the table, elementwise."""
        raise TypeError

    def maximum(self, a: Any, b: Any) -> Any:
        """The larger of two values, elementwise."""
        raise TypeError

    def minimum(self, a: Any, b: Any) -> Any:
        """The smaller of two values, elementwise."""
        raise TypeError

    def number(self, value: sp.Expr) -> Any:
        """The value of a number such as 1/3 or pi."""
        raise TypeError

    def array(self, values: Any) -> Any:
        """The values as this arithmetic keeps them."""
        raise TypeError

    def power(self, base: Any, exponent: Any) -> Any:
        """Base to the exponent, elementwise."""
        raise TypeError

    def product(self, factors: list[Labelled], axes: tuple[Index, ...], summed: tuple[Index, ...]) -> Any:
        """The product of the factors over `axes`, summed over `summed`."""
        every = axes + summed
        value = np.asarray(factors[0].over(every))
        for factor in factors[1:]:
            value = value * factor.over(every)
        return self.sum(value, tuple(range(len(axes), len(every))))

    def sum(self, values: Any, positions: tuple[int, ...]) -> Any:
        """The sum over the axes at `positions`."""
        return np.sum(values, axis=positions) if positions else values

    def compare(self, relation: Callable[[Any, Any], Any], a: Any, b: Any) -> Any:
        """The relation, elementwise."""
        return relation(a, b)

    def tied(self, a: Any, b: Any) -> Any:
        """Whether a is the maximum b up to rounding: the two may have been computed in different orders."""
        raise TypeError

    def where(self, condition: Any, then: Any, otherwise: Any) -> Any:
        """The second argument where the condition holds, else the third, elementwise."""
        return np.where(condition, then, otherwise)

    def indicator(self, condition: Any) -> Any:
        """1 where the condition holds, else 0."""
        return self.array(np.asarray(condition).astype(int))

    def logical(self, name: str, *conditions: Any) -> Any:
        """`and`, `or`, `not` of truth values, elementwise."""
        return {"and": np.logical_and, "or": np.logical_or, "not": np.logical_not}[name](*conditions)

    def inverse(self, matrix: Any) -> Any:
        """The inverse of a matrix."""
        raise TypeError

    def determinant(self, matrix: Any) -> Any:
        """The determinant of a matrix."""
        raise TypeError


class Float(Arithmetic):
    """numpy float64."""

    dtype = np.float64

    def maximum(self, a: Any, b: Any) -> Any:
        """np.maximum."""
        return np.maximum(a, b)

    def minimum(self, a: Any, b: Any) -> Any:
        """np.minimum."""
        return np.minimum(a, b)

    def function(self, row: Function) -> Callable[..., Any]:
        """NumPy's function; where it has none, mpmath's for every number."""
        if row.numpy is not None:
            return row.over(np, row.numpy)
        value = real(row)
        return np.vectorize(lambda *v: float(value(*map(mpmath.mpf, v))), otypes=[float])

    def number(self, value: sp.Expr) -> Any:
        """The nearest float."""
        return np.float64(float(value))

    def array(self, values: Any) -> Any:
        """A float64 array."""
        return np.asarray(values, dtype=np.float64)

    def power(self, base: Any, exponent: Any) -> Any:
        """np.power."""
        return np.power(base, exponent)

    def product(self, factors: list[Labelled], axes: tuple[Index, ...], summed: tuple[Index, ...]) -> Any:
        """One einsum, contracted pairwise, so that no intermediate is larger than it must be."""
        every = {a: position for position, a in enumerate(axes + summed)}
        if not summed or len(every) > 24 or len(factors) == 1:  # einsum's letters
            return super().product(factors, axes, summed)
        present = {a for f in factors for a in f.axes}
        arguments: list[Any] = []
        for factor in factors:
            arguments += [factor.values, [every[a] for a in factor.axes]]
        out = [every[a] for a in axes if a in present]
        value = np.asarray(np.einsum(*arguments, out, optimize=len(factors) > 2))  # two need no path
        return value.reshape([value.shape[out.index(every[a])] if a in present else 1 for a in axes])

    def tied(self, a: Any, b: Any) -> Any:
        """Equal up to a few thousand roundings."""
        # TRUST: ties-in-floats
        return (a == b) | (np.abs(a - b) <= 1e-12 * np.maximum(np.abs(a), np.abs(b)))

    def inverse(self, matrix: Any) -> Any:
        """np.linalg.inv."""
        return np.linalg.inv(matrix)

    def determinant(self, matrix: Any) -> Any:
        """np.linalg.det."""
        return np.linalg.det(matrix)


class Objects(Arithmetic):
    """Arrays of objects that add and multiply, such as fractions."""

    dtype = object
    zero: Any

    def sum(self, values: Any, positions: tuple[int, ...]) -> Any:
        """From the first term to the last; an empty sum is this arithmetic's 0."""
        if not positions:
            return values
        return np.asarray(np.add.reduce(values, axis=positions, initial=self.zero), dtype=object)

    def product(self, factors: list[Labelled], axes: tuple[Index, ...], summed: tuple[Index, ...]) -> Any:
        """Contracted one summed index at a time, so that objects are not multiplied needlessly."""
        for index in summed:
            hit = [f for f in factors if index in f.axes]
            kept = tuple(a for a in union(*hit) if a != index)
            value = super().product(hit, kept, (index,))
            factors = [f for f in factors if index not in f.axes] + [Labelled(value, kept)]
        return super().product(factors, axes, ())


def elementwise(function: Callable[..., Any], inputs: int) -> Callable[..., Any]:
    """The function of so many objects, over arrays of them."""
    apply = np.frompyfunc(function, inputs, 1)

    def call(*arrays: Any) -> Any:
        return np.asarray(apply(*arrays), dtype=object)

    return call
