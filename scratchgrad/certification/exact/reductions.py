"""The rules of operations along an axis: sums, products, extrema, sorting, softmax."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import numpy as np

from scratchgrad.certification.exact.arrays import Arrays
from scratchgrad.certification.exact.rules import CannotExecute, rule

__all__ = ["norm"]

Array = Any

_SORTED = 6


rule("sum", "nansum")(lambda on, a, dim=None, keepdim=False, dtype=None: on.sum(a, dim, keepdim))
rule("mean")(lambda on, a, dim=None, keepdim=False, dtype=None: on.mean(a, dim, keepdim))
rule("prod")(lambda on, a, dim=None, keepdim=False, dtype=None: on.reduced(on.number(a), dim, keepdim, on.mul, 1))
rule("amax", "max")(lambda on, a, dim=None, keepdim=False: on.largest(a, dim, keepdim))
rule("amin", "min")(lambda on, a, dim=None, keepdim=False: on.smallest(a, dim, keepdim))
rule("max_dim")(lambda on, a, dim, keepdim=False: on.first_largest(a, dim, keep=keepdim))
rule("all")(lambda on, a, dim=None, keepdim=False: on.reduced(on.condition(a), dim, keepdim, on.both, True))
rule("any")(lambda on, a, dim=None, keepdim=False: on.reduced(on.condition(a), dim, keepdim, on.either, False))
rule("logsumexp")(lambda on, a, dim, keepdim=False: on.log(on.sum(on.exp(a), dim, keepdim)))
rule("_softmax")(lambda on, a, dim, half=False: on.softmax(a, dim))
rule("_log_softmax")(lambda on, a, dim, half=False: on.softmax(a, dim, logarithm=True))


@rule("min_dim")
def _min_dim(on: Arrays, a: Array, dim: int, keepdim: bool = False) -> tuple[Array, Array]:
    value, place = on.first_largest(on.neg(a), dim, keep=keepdim)
    return on.neg(value), place


@rule("argmax")
def _argmax(on: Arrays, a: Array, dim: int | None = None, keepdim: bool = False) -> Array:
    return on.first_largest(a.reshape(-1) if dim is None else a, dim or 0, keep=keepdim)[1]


@rule("argmin")
def _argmin(on: Arrays, a: Array, dim: int | None = None, keepdim: bool = False) -> Array:
    return _argmax(on, on.neg(a), dim, keepdim)


@rule("sort")
def _sort(on: Arrays, a: Array, dim: int = -1, descending: bool = False, stable: Any = None) -> tuple[Array, Array]:
    """By exchanging neighbours: values and places are choices."""
    values = [np.array(part, dtype=object) for part in np.moveaxis(a, dim, 0)]
    if len(values) > _SORTED:
        raise CannotExecute("a sort of many values")
    places = [on.filled(values[0].shape, k) for k in range(len(values))]
    for last in range(len(values) - 1, 0, -1):
        for k in range(last):
            low, high = values[k], values[k + 1]
            turned = on.greater(high, low) if descending else on.greater(low, high)
            values[k], values[k + 1] = on.choice(turned, high, low), on.choice(turned, low, high)
            first, second = places[k], places[k + 1]
            places[k], places[k + 1] = on.choice(turned, second, first), on.choice(turned, first, second)
    return np.stack(values, axis=dim), np.stack(places, axis=dim)


@rule("topk")
def _topk(
    on: Arrays,
    a: Array,
    k: int,
    dim: int = -1,
    largest: bool = True,
    sorted: bool = True,
) -> tuple[Array, Array]:
    values, places = _sort(on, a, dim, largest)
    return np.take(values, range(k), axis=dim), np.take(places, range(k), axis=dim)


def _placed(on: Arrays, a: Array, place: int, dim: int, keep: bool) -> tuple[Array, Array]:
    """The entry of that place among the sorted ones, and where it was."""
    found = [np.take(part, place, axis=dim) for part in _sort(on, a.reshape(1) if a.ndim == 0 else a, dim)]
    return tuple(np.expand_dims(part, dim) for part in found) if keep else tuple(found)  # type: ignore[return-value]  # two


@rule("kthvalue")
def _kthvalue(on: Arrays, a: Array, k: int, dim: int = -1, keepdim: bool = False) -> tuple[Array, Array]:
    return _placed(on, a, k - 1, dim, keepdim)


@rule("median", "nanmedian")
def _median(on: Arrays, a: Array, dim: int | None = None, keepdim: bool = False) -> Any:
    """The lower one of two."""
    if dim is None:
        return _placed(on, a.reshape(-1), (a.size - 1) // 2, 0, False)[0]
    return _placed(on, a, (a.shape[dim] - 1) // 2, dim, keepdim)


@rule("cummax")
def _cummax(on: Arrays, a: Array, dim: int) -> tuple[Array, Array]:
    """The largest so far; of equal ones the last."""
    moved = np.moveaxis(a, dim, 0) if a.ndim else a.reshape(1)
    best, places = [moved[0]], [on.filled(moved[0].shape, 0)]
    for k in range(1, len(moved)):
        above = on.at_least(moved[k], best[-1])
        best.append(on.choice(above, moved[k], best[-1]))
        places.append(on.choice(above, k, places[-1]))
    values, indices = (np.moveaxis(np.stack(part), 0, dim) if a.ndim else part[0] for part in (best, places))
    return values, indices


@rule("cummin")
def _cummin(on: Arrays, a: Array, dim: int) -> tuple[Array, Array]:
    values, places = _cummax(on, on.neg(a), dim)
    return on.neg(values), places


@rule("logcumsumexp")
def _logcumsumexp(on: Arrays, a: Array, dim: int) -> Array:
    return on.log(np.add.accumulate(on.exp(a), axis=dim)) if a.ndim else a


@rule("cumprod")
def _cumprod(on: Arrays, a: Array, dim: int, dtype: Any = None) -> Array:
    return np.multiply.accumulate(on.number(a), axis=dim) if a.ndim else on.number(a)


@rule("_trilinear")
def _trilinear(
    on: Arrays,
    a: Array,
    b: Array,
    c: Array,
    expand_a: Sequence[int],
    expand_b: Sequence[int],
    expand_c: Sequence[int],
    summed: Sequence[int],
    unroll: int = 1,
) -> Array:
    for axis in expand_a:
        a = np.expand_dims(a, axis)
    for axis in expand_b:
        b = np.expand_dims(b, axis)
    for axis in expand_c:
        c = np.expand_dims(c, axis)
    return on.sum(on.mul(on.mul(a, b), c), list(summed))


@rule("var")
def _var(
    on: Arrays, a: Array, dim: Any = None, unbiased: Any = None, keepdim: bool = False, correction: Any = None
) -> Array:
    if isinstance(dim, bool):  # var(a, unbiased)
        dim, unbiased = None, dim
    less = correction if correction is not None else 0 if unbiased is False else 1
    centred = on.sub(a, on.mean(a, dim, keep=True))
    count = int(np.prod([a.shape[d] for d in on.axes(a, dim)], dtype=int)) - int(less)
    if count <= 0:
        raise CannotExecute("a variance of too few numbers")
    return on.div(on.sum(on.mul(centred, centred), dim, keepdim), count)


rule("std")(lambda on, a, *args, **named: on.sqrt(_var(on, a, *args, **named)))


@rule("var_mean")
def _var_mean(
    on: Arrays, a: Array, dim: Any = None, unbiased: Any = None, keepdim: bool = False, correction: Any = None
) -> tuple[Array, Array]:
    return _var(on, a, dim, unbiased, keepdim, correction), on.mean(a, dim, keepdim)


@rule("linalg_vector_norm", "norm")
def norm(on: Arrays, a: Array, p: Any = 2, dim: Any = None, keepdim: bool = False, dtype: Any = None) -> Array:
    """The vector norm of order p along an axis."""
    if p is None or p == 2:
        return on.sqrt(on.sum(on.mul(a, a), dim, keepdim))
    if p == 1:
        return on.sum(on.absolute(a), dim, keepdim)
    if abs(p) == float("inf"):
        return (on.largest if p > 0 else on.smallest)(on.absolute(a), dim, keepdim)
    if p == 0:
        return on.sum(on.negation(on.equal(a, 0)), dim, keepdim)
    return on.power(on.sum(on.power(on.absolute(a), p), dim, keepdim), on.div(1, p))


@rule("cumsum")
def _cumsum(on: Arrays, a: Array, dim: int, dtype: Any = None) -> Array:
    return np.add.accumulate(on.number(a), axis=dim) if a.ndim else on.number(a)


@rule("_softmax_backward_data")
def _softmax_backward(on: Arrays, grad: Array, y: Array, dim: int, dtype: Any) -> Array:
    product = on.mul(grad, y)
    return on.sub(product, on.mul(y, on.sum(product, dim, keep=True)))


@rule("_log_softmax_backward_data")
def _log_softmax_backward(on: Arrays, grad: Array, y: Array, dim: int, dtype: Any) -> Array:
    return on.sub(grad, on.mul(on.exp(y), on.sum(grad, dim, keep=True)))
