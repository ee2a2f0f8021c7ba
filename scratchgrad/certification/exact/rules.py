"""The rule of every torch operation that makes values, over arrays of exact scalars.

In   the operation's arguments, tensors as object arrays of nodes (or arrays of integers that depend on no value)
Out  the result, or a tuple of results, as object arrays

A function of the table needs no rule here: its row says which operation of torch it is.  Nor does a view: it is a view
of the shadow.  In-place and out= forms use the rule of the plain form.  An operation without a rule goes through
torch's own decomposition, and if it has none, nothing is proven.
"""

from __future__ import annotations

import math
from collections.abc import Callable, Sequence
from fractions import Fraction
from typing import Any

import numpy as np

from scratchgrad.certification.exact.arrays import Arrays
from scratchgrad.notation.functions import of_aten

__all__ = ["CannotExecute", "rule", "rule_of"]

Array = Any

_SORTED = 6


class CannotExecute(BaseException):
    """An operation that cannot be executed exactly: nothing is proven; no kernel may catch this."""


RULES: dict[str, Callable[..., Any]] = {}


def rule(*names: str) -> Callable[[Callable[..., Any]], Callable[..., Any]]:
    """Enter a function as the rule of the operations with these names."""

    def enter(function: Callable[..., Any]) -> Callable[..., Any]:
        for name in names:
            RULES[name] = function
        return function

    return enter


def rule_of(name: str) -> Callable[..., Any] | None:
    """The rule of an operation: one of those below, or that of a function of the table."""
    if name in RULES:
        return RULES[name]
    row = of_aten(name)
    if row is None:
        return None
    called = row.name
    return lambda on, *arguments: on.function(called, *arguments)


def _concrete(index: Array) -> Array:
    """An index that depends on no value, as integers (or truth values)."""
    if index.dtype != object:
        return index
    known = [node.op in ("number", "true", "false") for node in index.ravel()]
    if not all(known):
        raise CannotExecute("an index that depends on values")
    if index.size and index.flat[0].is_truth:
        return np.array([node.op == "true" for node in index.ravel()], dtype=bool).reshape(index.shape)
    return np.array([int(node) for node in index.ravel()], dtype=np.int64).reshape(index.shape)


# Pointwise.
rule("add")(lambda on, a, b, alpha=1: on.add(a, on.mul(alpha, b)))
rule("sub")(lambda on, a, b, alpha=1: on.sub(a, on.mul(alpha, b)))
rule("rsub")(lambda on, a, b, alpha=1: on.sub(b, on.mul(alpha, a)))
rule("mul")(lambda on, a, b: on.mul(a, b))
rule("neg")(lambda on, a: on.neg(a))
rule("reciprocal")(lambda on, a: on.div(1, a))
rule("log2")(lambda on, a: on.div(on.log(a), on.log(2)))
rule("log10")(lambda on, a: on.div(on.log(a), on.log(10)))
rule("exp2")(lambda on, a: on.exp(on.mul(a, on.log(2))))
rule("rsqrt")(lambda on, a: on.div(1, on.sqrt(a)))
rule("square")(lambda on, a: on.mul(a, a))
rule("sgn")(lambda on, a: on.sign(a))
rule("relu")(lambda on, a: on.choice(on.greater(a, 0), a, 0))
rule("relu6")(lambda on, a: on.minimum(on.maximum(a, 0), 6))
rule("silu")(lambda on, a: on.mul(a, on.function("sigmoid", a)))
rule("log_sigmoid_forward")(lambda on, a: (on.log(on.function("sigmoid", a)), None))
rule("log_sigmoid_backward")(lambda on, grad, a, buffer: on.mul(grad, on.function("sigmoid", on.neg(a))))
rule("xlogy")(lambda on, a, b: on.choice(on.equal(a, 0), 0, on.mul(a, on.log(b))))


@rule("polygamma")
def _polygamma(on: Arrays, n: int, a: Array) -> Array:
    """The derivative number n of digamma: (-1)^(n + 1) n! hurwitz(n + 1, a)."""
    if n == 0:
        return on.function("digamma", a)
    return on.mul((-1) ** (n + 1) * math.factorial(n), on.function("hurwitz", n + 1, a))


@rule("div", "true_divide")
def _div(on: Arrays, a: Any, b: Any, rounding_mode: str | None = None) -> Array:
    if rounding_mode is not None:
        raise CannotExecute("a division that rounds")
    return on.div(a, b)


@rule("pow")
def _pow(on: Arrays, a: Any, b: Any) -> Array:
    return on.power(a, b)


@rule("gelu")
def _gelu(on: Arrays, a: Array, approximate: str = "none") -> Array:
    half = Fraction(1, 2)
    if approximate == "tanh":
        inner = on.mul(
            on.sqrt(on.div(2, on.graph.pi)), on.add(a, on.mul(Fraction(44715, 1000000), on.power(a, Fraction(3))))
        )
        return on.mul(on.mul(half, a), on.add(1, on.function("tanh", inner)))
    return on.mul(on.mul(half, a), on.add(1, on.function("erf", on.div(a, on.sqrt(2)))))


@rule("softplus")
def _softplus(on: Arrays, a: Array, beta: float = 1, threshold: float = 20) -> Array:
    """As mathematics has it: torch's threshold is a matter of rounding."""
    return on.div(on.log(on.add(1, on.exp(on.mul(beta, a)))), beta)


@rule("mish")
def _mish(on: Arrays, a: Array) -> Array:
    return on.mul(a, on.function("tanh", on.log(on.add(1, on.exp(a)))))


@rule("elu")
def _elu(on: Arrays, a: Array, alpha: float = 1, scale: float = 1, input_scale: float = 1) -> Array:
    below = on.mul(on.mul(alpha, scale), on.sub(on.exp(on.mul(input_scale, a)), 1))
    return on.choice(on.greater(a, 0), on.mul(scale, a), below)


@rule("softplus_backward")
def _softplus_backward(on: Arrays, grad: Array, a: Array, beta: float, threshold: float) -> Array:
    return on.mul(grad, on.function("sigmoid", on.mul(beta, a)))


@rule("softshrink")
def _softshrink(on: Arrays, a: Array, size: float = 0.5) -> Array:
    return on.choice(on.greater(a, size), on.sub(a, size), on.choice(on.greater(on.neg(size), a), on.add(a, size), 0))


@rule("leaky_relu")
def _leaky_relu(on: Arrays, a: Array, slope: float = 0.01) -> Array:
    return on.choice(on.greater(a, 0), a, on.mul(slope, a))


@rule("threshold")
def _threshold(on: Arrays, a: Array, threshold: float, value: float) -> Array:
    return on.choice(on.greater(a, threshold), a, value)


@rule("threshold_backward")
def _threshold_backward(on: Arrays, grad: Array, a: Array, threshold: float) -> Array:
    return on.choice(on.greater(a, threshold), grad, 0)


@rule("sigmoid_backward")
def _sigmoid_backward(on: Arrays, grad: Array, y: Array) -> Array:
    return on.mul(grad, on.mul(y, on.sub(1, y)))


@rule("tanh_backward")
def _tanh_backward(on: Arrays, grad: Array, y: Array) -> Array:
    return on.mul(grad, on.sub(1, on.mul(y, y)))


rule("maximum", "max_other", "fmax")(lambda on, a, b: on.maximum(a, b))
rule("minimum", "min_other", "fmin")(lambda on, a, b: on.minimum(a, b))


@rule("clamp", "clip", "hardtanh")
def _clamp(on: Arrays, a: Array, min: Any = None, max: Any = None, min_val: Any = None, max_val: Any = None) -> Array:
    low, high = min if min is not None else min_val, max if max is not None else max_val
    found = on.number(a)
    found = found if low is None else on.maximum(found, low)
    return found if high is None else on.minimum(found, high)


rule("clamp_min")(lambda on, a, min: on.maximum(a, min))
rule("clamp_max")(lambda on, a, max: on.minimum(a, max))


# Comparisons and truth values.
rule("gt", "greater")(lambda on, a, b: on.greater(a, b))
rule("lt", "less")(lambda on, a, b: on.greater(b, a))
rule("ge", "greater_equal")(lambda on, a, b: on.at_least(a, b))
rule("le", "less_equal")(lambda on, a, b: on.at_least(b, a))
rule("eq")(lambda on, a, b: on.equal(a, b))
rule("ne", "not_equal")(lambda on, a, b: on.negation(on.equal(a, b)))
rule("logical_not", "bitwise_not")(lambda on, a: on.negation(a))
rule("logical_and", "bitwise_and")(lambda on, a, b: on.both(a, b))
rule("logical_or", "bitwise_or")(lambda on, a, b: on.either(a, b))
rule("logical_xor", "bitwise_xor")(lambda on, a, b: on.either(on.both(a, on.negation(b)), on.both(on.negation(a), b)))
rule("where")(lambda on, c, a, b: on.choice(c, a, b))
rule("masked_fill")(lambda on, a, mask, value: on.choice(mask, value, a))
rule("isnan", "isinf")(lambda on, a: on.filled(a.shape, value=False))
rule("isfinite")(lambda on, a: on.filled(a.shape, value=True))
rule("nan_to_num")(lambda on, a, nan=None, posinf=None, neginf=None: a)


# Sums and other reductions.
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
def _norm(on: Arrays, a: Array, p: Any = 2, dim: Any = None, keepdim: bool = False, dtype: Any = None) -> Array:
    if p is None or p == 2:
        return on.sqrt(on.sum(on.mul(a, a), dim, keepdim))
    if p == 1:
        return on.sum(on.absolute(a), dim, keepdim)
    if p == float("inf"):
        return on.largest(on.absolute(a), dim, keepdim)
    raise CannotExecute(f"a norm of order {p}")


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


# Linear algebra.
rule("mm", "bmm", "matmul")(lambda on, a, b, **_: on.matmul(on.of(a), on.of(b)))
rule("dot", "vdot")(lambda on, a, b: on.sum(on.mul(a, b)))
rule("mv")(lambda on, a, b: on.sum(on.mul(a, on.of(b)[None, :]), 1))


@rule("addmm", "baddbmm")
def _addmm(on: Arrays, c: Array, a: Array, b: Array, beta: Any = 1, alpha: Any = 1) -> Array:
    return on.add(on.mul(beta, c), on.mul(alpha, on.matmul(on.of(a), on.of(b))))


@rule("addmv")
def _addmv(on: Arrays, c: Array, a: Array, b: Array, beta: Any = 1, alpha: Any = 1) -> Array:
    return on.add(on.mul(beta, c), on.mul(alpha, on.sum(on.mul(a, on.of(b)[None, :]), 1)))


@rule("addr")
def _addr(on: Arrays, c: Array, a: Array, b: Array, beta: Any = 1, alpha: Any = 1) -> Array:
    return on.add(on.mul(beta, c), on.mul(alpha, on.mul(on.of(a)[:, None], on.of(b)[None, :])))


@rule("_addmm_activation")
def _addmm_activation(
    on: Arrays, c: Array, a: Array, b: Array, beta: Any = 1, alpha: Any = 1, use_gelu: bool = False
) -> Array:
    found = _addmm(on, c, a, b, beta, alpha)
    return _gelu(on, found) if use_gelu else on.choice(on.greater(found, 0), found, 0)


rule("addcmul")(lambda on, c, a, b, value=1: on.add(c, on.mul(value, on.mul(a, b))))
rule("addcdiv")(lambda on, c, a, b, value=1: on.add(c, on.mul(value, on.div(a, b))))
rule("lerp")(lambda on, a, b, weight: on.add(a, on.mul(weight, on.sub(b, a))))


def _determinant(on: Arrays, a: Array) -> Array:
    """By Laplace's expansion along the first row."""
    if not a.shape[-1]:
        return on.filled(a.shape[:-2], 1)
    total = on.filled(a.shape[:-2])
    for j in range(a.shape[-1]):
        part = on.mul(a[..., 0, j], _determinant(on, np.delete(a[..., 1:, :], j, -1)))
        total = on.add(total, on.mul((-1) ** j, part))
    return total


def _inverse(on: Arrays, a: Array) -> Array:
    """By cofactors."""
    total, found = _determinant(on, a), on.filled(a.shape)
    for i, j in np.ndindex(a.shape[-2:]):
        minor = np.delete(np.delete(a, j, -2), i, -1)
        found[..., i, j] = on.div(on.mul((-1) ** (i + j), _determinant(on, minor)), total)
    return found


rule("linalg_inv_ex")(lambda on, a, check_errors=False: (_inverse(on, a), None))
rule("_linalg_det")(lambda on, a: (_determinant(on, a), None, None))


@rule("_linalg_slogdet")
def _slogdet(on: Arrays, a: Array) -> tuple[Array, Array, None, None]:
    total = _determinant(on, a)
    return on.sign(total), on.log(on.absolute(total)), None, None


@rule("_linalg_solve_ex")
def _solve(on: Arrays, a: Array, b: Array, *, left: bool = True, check_errors: bool = False) -> tuple[Any, ...]:
    a, b = on.of(a), on.of(b)
    vector = b.ndim == a.ndim - 1
    found = on.matmul(_inverse(on, a), b[..., None] if vector else b) if left else on.matmul(b, _inverse(on, a))
    return found[..., 0] if vector else found, None, None, None


@rule("_cdist_forward")
def _cdist(on: Arrays, a: Array, b: Array, p: float, mode: Any = None) -> Array:
    difference = on.sub(on.of(a)[..., :, None, :], on.of(b)[..., None, :, :])
    return _norm(on, difference, p, -1)


# Arrangement and copies.
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


RULES["tril"] = _triangle(lambda distance, diagonal: distance <= diagonal)
RULES["triu"] = _triangle(lambda distance, diagonal: distance >= diagonal)


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


# Indices.
def _integers(index: Any) -> Any:
    return slice(None) if index is None else _concrete(index)


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


rule("index_select")(lambda on, a, dim, index: np.take(on.of(a), _concrete(index), axis=dim))
rule("embedding")(lambda on, weight, indices, *_, **__: on.of(weight)[_concrete(indices)])


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
    for k, place in enumerate(_concrete(index).ravel().tolist()):
        found[place] = on.add(found[place], on.mul(alpha, rows[k]))
    return np.moveaxis(found, 0, dim)


@rule("index_copy")
def _index_copy(on: Arrays, a: Array, dim: int, index: Array, values: Array) -> Array:
    found = np.moveaxis(on.number(a).copy(), dim, 0)
    found[_concrete(index)] = np.moveaxis(on.of(values), dim, 0)
    return np.moveaxis(found, 0, dim)


@rule("index_fill")
def _index_fill(on: Arrays, a: Array, dim: int, index: Array, value: Any) -> Array:
    found = np.moveaxis(on.number(a).copy(), dim, 0)
    found[_concrete(index)] = on.of(value)[()] if np.ndim(value) == 0 else on.of(value)
    return np.moveaxis(found, 0, dim)


@rule("embedding_dense_backward")
def _embedding_backward(on: Arrays, grad: Array, indices: Array, count: int, padding: int, scale: bool) -> Array:
    found = on.filled((count, grad.shape[-1]))
    rows = grad.reshape(-1, grad.shape[-1])
    for k, place in enumerate(_concrete(indices).ravel().tolist()):
        if place != padding:
            found[place] = on.add(found[place], rows[k])
    return found


@rule("one_hot")
def _one_hot(on: Arrays, index: Array, classes: int = -1) -> Array:
    return on.equal(on.of(index)[..., None], np.arange(classes))
