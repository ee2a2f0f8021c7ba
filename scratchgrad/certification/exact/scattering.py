"""The rules of operations that reduce what they scatter, or write where a mask says.

An index or a mask must depend on no value.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import numpy as np

from scratchgrad.certification.exact.arrangement import concrete
from scratchgrad.certification.exact.arrays import Arrays
from scratchgrad.certification.exact.rules import CannotExecute, rule

__all__: list[str] = []

Array = Any
_SUMS = ("sum", "add", "mean")


def _combining(on: Arrays, reduce: str) -> Callable[[Any, Any], Any]:
    if reduce in _SUMS:
        return on.add
    found = {"prod": on.mul, "multiply": on.mul, "amax": on.maximum, "amin": on.minimum}.get(reduce)
    if found is None:
        raise CannotExecute(f"a scatter with reduce={reduce!r}")
    return found


def _reduced(on: Arrays, a: Array, parts: dict[tuple[int, ...], list[Any]], reduce: str, include_self: bool) -> Array:
    """The array, each of the named entries combined with what is scattered there."""
    combine, found = _combining(on, reduce), on.number(a).copy()
    for place, values in parts.items():
        every = [found[place], *values] if include_self else values
        total = every[0]
        for value in every[1:]:
            total = combine(total, value)[()]
        found[place] = on.div(total, len(every))[()] if reduce == "mean" else on.number(total)[()]
    return found


@rule("scatter_reduce")
def _scatter_reduce(
    on: Arrays, a: Array, dim: int, index: Array, values: Array, reduce: str, *, include_self: bool = True
) -> Array:
    index, values = concrete(index), on.of(values)
    dim %= max(a.ndim, 1)
    parts: dict[tuple[int, ...], list[Any]] = {}
    for place in np.ndindex(index.shape):
        target = (*place[:dim], int(index[place]), *place[dim + 1 :])
        parts.setdefault(target, []).append(values[place])
    return _reduced(on, a, parts, reduce, include_self)


@rule("index_reduce")
def _index_reduce(
    on: Arrays, a: Array, dim: int, index: Array, values: Array, reduce: str, *, include_self: bool = True
) -> Array:
    places = concrete(index).reshape([-1 if d == dim % a.ndim else 1 for d in range(a.ndim)])
    every = np.broadcast_to(places, np.shape(values))
    return _scatter_reduce(on, a, dim, every, values, reduce, include_self=include_self)


@rule("put")
def _put(on: Arrays, a: Array, index: Array, values: Array, accumulate: bool = False) -> Array:
    found, rows = on.number(a).copy().reshape(-1), on.of(values).reshape(-1)
    for place, value in zip(concrete(index).ravel().tolist(), rows, strict=True):
        found[place] = on.add(found[place], value)[()] if accumulate else on.number(value)[()]
    return found.reshape(a.shape)


@rule("masked_select")
def _masked_select(on: Arrays, a: Array, mask: Array) -> Array:
    shape = np.broadcast_shapes(a.shape, mask.shape)
    return np.broadcast_to(on.of(a), shape)[np.broadcast_to(concrete(mask).astype(bool), shape)]


@rule("masked_scatter")
def _masked_scatter(on: Arrays, a: Array, mask: Array, values: Array) -> Array:
    shape = np.broadcast_shapes(a.shape, mask.shape)
    found, where = np.broadcast_to(on.number(a), shape).copy(), np.broadcast_to(concrete(mask).astype(bool), shape)
    found[where] = on.of(values).reshape(-1)[: int(where.sum())]
    return found


@rule("diagonal_scatter")
def _diagonal_scatter(on: Arrays, a: Array, values: Array, offset: int = 0, dim1: int = 0, dim2: int = 1) -> Array:
    places = np.diagonal(np.arange(a.size).reshape(a.shape), offset, dim1, dim2)
    found = on.number(a).copy().reshape(-1)
    found[places.ravel()] = on.of(values).ravel()
    return found.reshape(a.shape)


@rule("_embedding_bag", "_embedding_bag_forward_only")
def _embedding_bag(
    on: Arrays,
    weight: Array,
    indices: Array,
    offsets: Array,
    scale: bool = False,
    mode: int = 0,
    sparse: bool = False,
    weights: Array | None = None,
    last: bool = False,
    padding: int = -1,
) -> tuple[Array, None, None, None]:
    """Sums (mode 0), means (1) or maxima (2) of the rows of each bag."""
    if on.stops and scale:
        raise CannotExecute("aten.embedding_bag: with scale_grad_by_freq, backward is no derivative of forward")
    places, starts = concrete(indices).ravel(), concrete(offsets).ravel().tolist()
    ends = starts[1:] if last else [*starts[1:], len(places)]
    found = on.filled((len(ends), weight.shape[-1]))
    for bag, (start, end) in enumerate(zip(starts, ends, strict=False)):
        kept = [k for k in range(start, end) if places[k] != padding]
        rows = on.of(weight)[places[kept]]
        if weights is not None:
            rows = on.mul(rows, on.of(weights)[kept][:, None])
        if kept:
            total = on.largest(rows, 0) if mode == 2 else on.sum(rows, 0)
            found[bag] = on.div(total, len(kept)) if mode == 1 else total
    return found, None, None, None
