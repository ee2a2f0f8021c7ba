"""The rules of operations that copy, arrange or pick entries.

An index must depend on no value.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import Any

import numpy as np

from scratchgrad.certification.exact.arrays import Arrays
from scratchgrad.certification.exact.rules import CannotExecute, rule

__all__ = ["concrete"]

Array = Any


def concrete(index: Array) -> Array:
    """An index that depends on no value, as integers (or truth values)."""
    if index.dtype != object:
        return index
    known = [node.op in ("number", "true", "false") for node in index.ravel()]
    if not all(known):
        raise CannotExecute("an index that depends on values")
    if index.size and index.flat[0].is_truth:
        return np.array([node.op == "true" for node in index.ravel()], dtype=bool).reshape(index.shape)
    return np.array([int(node) for node in index.ravel()], dtype=np.int64).reshape(index.shape)


rule("clone", "contiguous", "lift_fresh_copy", "lift_fresh", "alias_copy", "detach_copy", "positive")(
    lambda on, a, *_, **__: a
)
rule("_unsafe_view", "_reshape_copy", "view_copy")(lambda on, a, size: on.of(a).reshape(size))
rule("copy")(lambda on, a, b, *_: np.broadcast_to(on.of(b), a.shape))
rule("fill")(lambda on, a, value: np.broadcast_to(on.of(value), a.shape))
rule("zero")(lambda on, a: on.filled(a.shape))
rule("zeros_like")(lambda on, a, **_: on.filled(a.shape))
rule("ones_like")(lambda on, a, **_: on.filled(a.shape, 1))
rule("full_like")(lambda on, a, value, **_: on.filled(a.shape, value))
rule("new_zeros")(lambda on, a, size, **_: on.filled(size))
rule("new_ones")(lambda on, a, size, **_: on.filled(size, 1))
rule("new_full")(lambda on, a, size, value, **_: on.filled(size, value))
rule("stack")(lambda on, tensors, dim=0: np.stack([on.number(t) for t in tensors], axis=dim))
rule("flip")(lambda on, a, dims: np.flip(a, dims))
rule("repeat")(lambda on, a, repeats: np.tile(a, repeats))


@rule("cat", "concatenate")
def _cat(on: Arrays, tensors: Sequence[Array], dim: int = 0) -> Array:
    return np.concatenate([on.number(t) for t in tensors if not (t.ndim == 1 and t.size == 0)], axis=dim)


@rule("pixel_shuffle")
def _pixel_shuffle(on: Arrays, a: Array, factor: int) -> Array:
    *batch, c, h, w = a.shape
    moved = a.reshape(*batch, c // factor**2, factor, factor, h, w)
    n = len(batch)
    moved = moved.transpose(*range(n), n, n + 3, n + 1, n + 4, n + 2)
    return moved.reshape(*batch, c // factor**2, h * factor, w * factor)


@rule("pixel_unshuffle")
def _pixel_unshuffle(on: Arrays, a: Array, factor: int) -> Array:
    *batch, c, h, w = a.shape
    moved = a.reshape(*batch, c, h // factor, factor, w // factor, factor)
    n = len(batch)
    moved = moved.transpose(*range(n), n, n + 2, n + 4, n + 1, n + 3)
    return moved.reshape(*batch, c * factor**2, h // factor, w // factor)


@rule("roll")
def _roll(on: Arrays, a: Array, shifts: Any, dims: Any = ()) -> Array:
    return np.roll(a, shifts, tuple(dims) if dims else None)


def _triangle(keep: Callable[[Any, Any], Any]) -> Callable[..., Any]:
    def cut(on: Arrays, a: Array, diagonal: int = 0) -> Array:
        rows, columns = np.indices(a.shape[-2:])
        return on.choice(keep(columns - rows, diagonal), a, 0)

    return cut


rule("tril")(_triangle(lambda distance, diagonal: distance <= diagonal))
rule("triu")(_triangle(lambda distance, diagonal: distance >= diagonal))


@rule("constant_pad_nd")
def _pad(on: Arrays, a: Array, pad: Sequence[int], value: float = 0) -> Array:
    shape, into = list(a.shape), [slice(None)] * a.ndim
    taken = [slice(None)] * a.ndim
    for k in range(len(pad) // 2):
        axis, before, after = a.ndim - 1 - k, pad[2 * k], pad[2 * k + 1]
        shape[axis] += before + after
        taken[axis] = slice(max(-before, 0), a.shape[axis] - max(-after, 0))
        into[axis] = slice(max(before, 0), shape[axis] - max(after, 0))
    found = on.filled(shape, value)
    found[tuple(into)] = a[tuple(taken)]
    return found


def _integers(index: Any) -> Any:
    return slice(None) if index is None else concrete(index)


@rule("index", "_unsafe_index")
def _index(on: Arrays, a: Array, indices: Sequence[Any]) -> Array:
    return on.of(a)[tuple(_integers(i) for i in indices)]


@rule("index_put", "_unsafe_index_put", "_index_put_impl")
def _index_put(on: Arrays, a: Array, indices: Sequence[Any], values: Any, accumulate: bool = False, *_: Any) -> Array:
    values = on.of(values)
    if len(indices) == 1 and indices[0].dtype == object and indices[0].size and indices[0].flat[0].is_truth:
        if values.size != 1:
            raise CannotExecute("an assignment of several values under a mask that depends on values")
        mask = indices[0].reshape(indices[0].shape + (1,) * (a.ndim - indices[0].ndim))
        new = on.add(a, values.reshape(())) if accumulate else values.reshape(())
        return on.choice(mask, new, a)
    found = on.of(a).copy()
    places = np.arange(a.size).reshape(a.shape)[tuple(_integers(i) for i in indices)]
    flat = found.reshape(-1)
    for place, value in zip(places.ravel(), np.broadcast_to(values, places.shape).ravel(), strict=True):
        flat[place] = flat[place] + on.graph.node(value) if accumulate else value
    return flat.reshape(a.shape)


rule("index_select")(lambda on, a, dim, index: np.take(on.of(a), concrete(index), axis=dim))


@rule("embedding")
def _embedding(
    on: Arrays, weight: Array, indices: Array, padding: int = -1, scale: bool = False, sparse: bool = False
) -> Array:
    """The rows of the indices.  To derivatives, torch takes the row `padding` as constant."""
    places = concrete(indices)
    found = on.of(weight)[places]
    if on.stops and scale:
        raise CannotExecute("aten.embedding: with scale_grad_by_freq, backward is no derivative of forward")
    if on.stops and padding >= 0:
        found[places == padding] = on.stopped(found[places == padding], 0)
    return found


@rule("gather")
def _gather(on: Arrays, a: Array, dim: int, index: Array, sparse_grad: bool = False) -> Array:
    a = on.of(a)
    if index.dtype != object:
        cut = tuple(slice(0, n) if d != dim % a.ndim else slice(None) for d, n in enumerate(index.shape))
        return np.take_along_axis(a[cut], index, dim)
    moved = np.moveaxis(index, dim, -1)
    rows = np.moveaxis(a, dim, -1)[tuple(slice(0, n) for n in moved.shape[:-1])]
    found = np.stack([on.picked(rows, moved[..., k]) for k in range(moved.shape[-1])], axis=-1)
    return np.moveaxis(found, -1, dim)


@rule("scatter", "scatter_value", "scatter_src")
def _scatter(on: Arrays, a: Array, dim: int, index: Array, values: Any, reduce: str | None = None) -> Array:
    if reduce not in (None, "add", "sum"):
        raise CannotExecute(f"scatter with reduce={reduce!r}")
    found = on.number(a).copy()
    dim %= max(a.ndim, 1)
    values = on.of(values)
    values = np.broadcast_to(values, index.shape) if values.ndim == 0 else values
    for place in np.ndindex(index.shape):
        for k in range(a.shape[dim]) if index.dtype == object else (int(index[place]),):
            target = (*place[:dim], k, *place[dim + 1 :])
            new = on.graph.node(values[place])
            new = new if reduce is None else found[target] + new
            if index.dtype == object:
                here = on.equal(index[place], k).item()
                new = on.graph.choice(here, new, found[target])
            found[target] = new
    return found


rule("scatter_add")(lambda on, a, dim, index, values: _scatter(on, a, dim, index, values, "add"))


@rule("index_add")
def _index_add(on: Arrays, a: Array, dim: int, index: Array, values: Array, alpha: Any = 1) -> Array:
    found = np.moveaxis(on.number(a).copy(), dim, 0)
    rows = np.moveaxis(on.of(values), dim, 0)
    for k, place in enumerate(concrete(index).ravel().tolist()):
        found[place] = on.add(found[place], on.mul(alpha, rows[k]))[()]
    return np.moveaxis(found, 0, dim)


@rule("index_copy")
def _index_copy(on: Arrays, a: Array, dim: int, index: Array, values: Array) -> Array:
    found = np.moveaxis(on.number(a).copy(), dim, 0)
    found[concrete(index)] = np.moveaxis(on.of(values), dim, 0)
    return np.moveaxis(found, 0, dim)


@rule("index_fill")
def _index_fill(on: Arrays, a: Array, dim: int, index: Array, value: Any) -> Array:
    found = np.moveaxis(on.number(a).copy(), dim, 0)
    found[concrete(index)] = on.of(value)[()] if np.ndim(value) == 0 else on.of(value)
    return np.moveaxis(found, 0, dim)


@rule("embedding_dense_backward")
def _embedding_backward(on: Arrays, grad: Array, indices: Array, count: int, padding: int, scale: bool) -> Array:
    found = on.filled((count, grad.shape[-1]))
    rows = grad.reshape(-1, grad.shape[-1])
    places = concrete(indices).ravel().tolist()
    for k, place in enumerate(places):
        if place != padding:
            found[place] = on.add(found[place], on.div(rows[k], places.count(place)) if scale else rows[k])
    return found


@rule("one_hot")
def _one_hot(on: Arrays, index: Array, classes: int = -1) -> Array:
    return on.equal(on.of(index)[..., None], np.arange(classes))
