"""Arrays of exact scalars: the operations that torch's are made of.

In   object arrays of nodes, numbers, truth values
Out  object arrays of nodes

Sums run from the first term to the last.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from fractions import Fraction
from functools import partial
from typing import Any

import numpy as np

from scratchgrad.certification.exact.constants import Constants
from scratchgrad.certification.exact.scalar import Graph, Scalar

__all__ = ["Arrays"]

Array = Any


class Arrays:
    """The operations over the nodes of one graph."""

    def __init__(self, graph: Graph, constants: Constants, *, stops: bool = False) -> None:
        """Operations over this graph; floats are read by `constants`.  With `stops`, see stopping.py."""
        self.graph = graph
        self.constants = constants
        self.stops = stops
        g = graph
        self.add, self.sub, self.mul, self.div = (self._over(f, 2) for f in (g.add, g.sub, g.mul, g.div))
        self.maximum, self.minimum = self._over(g.maximum, 2), self._over(g.minimum, 2)
        self.exp, self.log, self.sqrt = (self._over(f, 1) for f in (g.exp, g.log, g.sqrt))
        self.absolute, self.sign = self._over(g.absolute, 1), self._over(g.sign, 1)
        self.positive, self.nonnegative, self.is_zero = (
            self._over(f, 1) for f in (g.positive, g.nonnegative, g.is_zero)
        )
        self.stopped = self._over(g.stopped, 2)
        self.both = self._over(g.both, 2, truths=True)
        self.either = self._over(g.either, 2, truths=True)
        self.negation = self._over(g.negation, 1, truths=True)
        self._choice = np.frompyfunc(lambda c, a, b: g.choice(g.condition(c), g.node(a), g.node(b)), 3, 1)

    def _over(self, function: Callable[..., Scalar], inputs: int, *, truths: bool = False) -> Callable[..., Array]:
        """The function, elementwise; arguments become nodes, or truth values."""
        reads = self.graph.condition if truths else self.graph.node
        one = np.frompyfunc(lambda *a: function(*map(reads, a)), inputs, 1)

        def call(*arguments: Any) -> Array:
            return np.asarray(one(*map(self.of, arguments)), dtype=object)

        return call

    def function(self, name: str, *arguments: Any) -> Array:
        """A function of the table, elementwise."""
        return self._over(partial(self.graph.function, name), len(arguments))(*arguments)

    def of(self, value: Any) -> Array:
        """The value as an object array of nodes; a float is read as the number that it stands for."""
        if isinstance(value, np.ndarray) and value.dtype == object:
            return value
        array = np.asarray(value)
        found = np.empty(array.shape, dtype=object)
        for place in np.ndindex(array.shape):
            found[place] = self._single(array[place])
        return found

    def _single(self, value: Any) -> Scalar:
        if isinstance(value, Scalar):
            return value
        if isinstance(value, bool | np.bool_):
            return self.graph.truth(bool(value))
        if isinstance(value, Fraction):
            return self.graph.number(value)
        if isinstance(value, float | np.floating):
            return self.constants.node(float(value))
        return self.graph.number(int(value))

    def number(self, value: Any) -> Array:
        """As `of`, with truth values as 1 and 0."""
        return self._over(lambda x: x, 1)(value)

    def condition(self, value: Any) -> Array:
        """As `of`, with numbers as truth values."""
        return self._over(lambda x: x, 1, truths=True)(value)

    def choice(self, condition: Any, then: Any, otherwise: Any) -> Array:
        """Elementwise choice."""
        return np.asarray(self._choice(*map(self.of, (condition, then, otherwise))), dtype=object)

    def filled(self, shape: Sequence[int], value: Any = 0) -> Array:
        """An array of one value."""
        found = np.empty(tuple(shape), dtype=object)
        found[...] = self._single(value)
        return found

    def neg(self, a: Any) -> Array:
        """-a."""
        return self.mul(-1, a)

    def power(self, a: Any, exponent: Any) -> Array:
        """The power, entry by entry."""
        return self._over(self.graph.raised, 2)(a, exponent)

    def greater(self, a: Any, b: Any) -> Array:
        """A > b."""
        return self.positive(self.sub(a, b))

    def at_least(self, a: Any, b: Any) -> Array:
        """A >= b."""
        return self.nonnegative(self.sub(a, b))

    def equal(self, a: Any, b: Any) -> Array:
        """A = b."""
        return self.is_zero(self.sub(a, b))

    def reduced(
        self, a: Array, dims: Any, keep: bool, combine: Callable[[Array, Array], Array], start: Any = None
    ) -> Array:
        """The array folded over dims (None or empty: all); `start` where nothing is folded."""
        axes = self.axes(a, dims)
        kept = [d for d in range(a.ndim) if d not in axes]
        moved = a.transpose(kept + axes).reshape([a.shape[d] for d in kept] + [-1 if a.size else _count(a, axes)])
        result = self.filled(moved.shape[:-1], start) if start is not None else moved[..., 0]
        for position in range(0 if start is not None else 1, moved.shape[-1]):
            result = combine(result, moved[..., position])
        return result.reshape([1 if d in axes else a.shape[d] for d in range(a.ndim)]) if keep else result

    @staticmethod
    def axes(a: Array, dims: Any) -> list[int]:
        """The dims as positions, in order; all where none are named."""
        if dims is None or (isinstance(dims, list | tuple) and not dims):
            return list(range(a.ndim))
        named = [dims] if isinstance(dims, int) else list(dims)
        return sorted(d % a.ndim for d in named) if a.ndim else []

    def sum(self, a: Any, dims: Any = None, keep: bool = False) -> Array:
        """The sum over dims."""
        return self.reduced(self.number(a), dims, keep, self.add, 0)

    def mean(self, a: Any, dims: Any = None, keep: bool = False) -> Array:
        """The mean over dims."""
        a = self.of(a)
        return self.div(self.sum(a, dims, keep), _count(a, self.axes(a, dims)))

    def largest(self, a: Array, dims: Any = None, keep: bool = False) -> Array:
        """The maximum over dims."""
        return self.reduced(a, dims, keep, self.maximum)

    def smallest(self, a: Array, dims: Any = None, keep: bool = False) -> Array:
        """The minimum over dims."""
        return self.reduced(a, dims, keep, self.minimum)

    def first_largest(self, a: Array, dim: int, *, keep: bool = False) -> tuple[Array, Array]:
        """The maximum along dim, and the position of the first entry that attains it."""
        moved = np.moveaxis(a, dim, -1) if a.ndim else a.reshape(1)
        best, place = moved[..., 0], self.filled(moved.shape[:-1], 0)
        for k in range(1, moved.shape[-1]):
            above = self.greater(moved[..., k], best)
            best, place = self.choice(above, moved[..., k], best), self.choice(above, k, place)
        if keep:
            return np.expand_dims(best, dim), np.expand_dims(place, dim)
        return best, place

    def matmul(self, a: Array, b: Array) -> Array:
        """Products of matrices; leading axes are those of a batch."""
        total = self.filled((*a.shape[:-1], b.shape[-1]), 0)
        for k in range(a.shape[-1]):
            total = self.add(total, self.mul(a[..., :, k, None], b[..., None, k, :]))
        return total

    def softmax(self, a: Array, dim: int, *, logarithm: bool = False) -> Array:
        """Softmax without a shift: for reals a shift changes nothing."""
        e = self.exp(a)
        total = self.sum(e, dim, keep=True)
        return self.sub(a, self.log(total)) if logarithm else self.div(e, total)

    def picked(self, a: Array, index: Array) -> Array:
        """A[..., index], where the index, a node, may depend on values: a choice among all entries of the last axis."""
        found = self.filled(index.shape, 0)
        for k in range(a.shape[-1]):
            found = self.choice(self.equal(index, k), a[..., k], found)
        return found


def _count(a: Array, axes: Sequence[int]) -> int:
    return int(np.prod([a.shape[d] for d in axes], dtype=int)) if axes else 1
