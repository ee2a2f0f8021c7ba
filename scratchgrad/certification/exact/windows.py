"""The rules of operations with sliding windows: convolutions, columns of images.

In   images [n, c, h, w] (or with one spatial axis), kernels, strides, padding
Out  as torch's operations, over arrays of exact scalars

All of them are written with the positions that a window covers; one that lies in the padding is left out.
"""

from __future__ import annotations

import itertools
from collections.abc import Iterator, Sequence
from typing import Any

import numpy as np

from scratchgrad.certification.exact.arrays import Arrays
from scratchgrad.certification.exact.rules import CannotExecute, rule

__all__ = ["covered", "wide"]

Array = Any


def wide(value: Any, axes: int) -> tuple[int, ...]:
    """A number for each spatial axis."""
    numbers = (value,) if isinstance(value, int) else tuple(value)
    return numbers * axes if len(numbers) == 1 else numbers


def _counts(
    shape: Sequence[int], kernel: Sequence[int], stride: Sequence[int], padding: Sequence[int], dilation: Sequence[int]
) -> tuple[int, ...]:
    """How many windows there are along each axis."""
    return tuple(
        (n + 2 * p - d * (k - 1) - 1) // s + 1
        for n, k, s, p, d in zip(shape, kernel, stride, padding, dilation, strict=True)
    )


def covered(
    shape: Sequence[int],
    place: Sequence[int],
    kernel: Sequence[int],
    stride: Sequence[int],
    padding: Sequence[int],
    dilation: Sequence[int],
) -> Iterator[tuple[tuple[int, ...], tuple[int, ...]]]:
    """Pairs (position in the kernel, position in the image) of a window."""
    for inside in itertools.product(*map(range, kernel)):
        at = tuple(o * s - p + k * d for o, s, p, k, d in zip(place, stride, padding, inside, dilation, strict=True))
        if all(0 <= a < n for a, n in zip(at, shape, strict=True)):
            yield inside, at


@rule("convolution", "_convolution")
def _convolution(
    on: Arrays,
    x: Array,
    w: Array,
    b: Array | None,
    stride: Any,
    padding: Any,
    dilation: Any,
    transposed: bool,
    output_padding: Any,
    groups: int,
    *_: Any,
) -> Array:
    axes = x.ndim - 2
    stride, padding, dilation = wide(stride, axes), wide(padding, axes), wide(dilation, axes)
    x, w = on.of(x), on.of(w)
    if transposed:
        return _transposed(on, x, w, b, (stride, padding, dilation, wide(output_padding, axes)), groups)
    shape, kernel = x.shape[2:], w.shape[2:]
    counts = _counts(shape, kernel, stride, padding, dilation)
    found = on.filled((x.shape[0], w.shape[0], *counts))
    own, outs = w.shape[1], w.shape[0] // groups
    for place in np.ndindex(counts):
        for inside, at in covered(shape, place, kernel, stride, padding, dilation):
            for group in range(groups):
                rows, channels = slice(group * outs, (group + 1) * outs), slice(group * own, (group + 1) * own)
                taken = x[(slice(None), channels, *at)]
                part = on.matmul(taken, w[(rows, slice(None), *inside)].T)
                into = (slice(None), rows, *place)
                found[into] = on.add(found[into], part)
    return found if b is None else on.add(found, on.of(b).reshape(1, -1, *[1] * axes))


def _transposed(on: Arrays, x: Array, w: Array, b: Array | None, geometry: tuple[Any, ...], groups: int) -> Array:
    """The adjoint of a convolution: every input position spreads over a window of the output."""
    stride, padding, dilation, more = geometry
    kernel, axes = w.shape[2:], x.ndim - 2
    shape = tuple(
        (n - 1) * s - 2 * p + d * (k - 1) + m + 1
        for n, s, p, d, k, m in zip(x.shape[2:], stride, padding, dilation, kernel, more, strict=True)
    )
    outs, own = w.shape[1], w.shape[0] // groups
    found = on.filled((x.shape[0], outs * groups, *shape))
    for place in np.ndindex(x.shape[2:]):
        for inside, at in covered(shape, place, kernel, stride, padding, dilation):
            for group in range(groups):
                channels, rows = slice(group * own, (group + 1) * own), slice(group * outs, (group + 1) * outs)
                part = on.matmul(x[(slice(None), channels, *place)], w[(channels, slice(None), *inside)])
                into = (slice(None), rows, *at)
                found[into] = on.add(found[into], part)
    return found if b is None else on.add(found, on.of(b).reshape(1, -1, *[1] * axes))


@rule("convolution_backward")
def _convolution_backward(
    on: Arrays,
    grad: Array,
    x: Array,
    w: Array,
    bias_sizes: Any,
    stride: Any,
    padding: Any,
    dilation: Any,
    transposed: bool,
    output_padding: Any,
    groups: int,
    mask: Sequence[bool],
) -> tuple[Array | None, Array | None, Array | None]:
    if transposed:
        raise CannotExecute("the gradient of a transposed convolution")
    axes = x.ndim - 2
    stride, padding, dilation = wide(stride, axes), wide(padding, axes), wide(dilation, axes)
    grad, x, w = on.of(grad), on.of(x), on.of(w)
    grad_x, grad_w = on.filled(x.shape), on.filled(w.shape)
    own, outs = w.shape[1], w.shape[0] // groups
    for place in np.ndindex(grad.shape[2:]):
        for inside, at in covered(x.shape[2:], place, w.shape[2:], stride, padding, dilation):
            for group in range(groups):
                rows, channels = slice(group * outs, (group + 1) * outs), slice(group * own, (group + 1) * own)
                arriving = grad[(slice(None), rows, *place)]
                into, of = (slice(None), channels, *at), (rows, slice(None), *inside)
                grad_x[into] = on.add(grad_x[into], on.matmul(arriving, w[of]))
                grad_w[of] = on.add(grad_w[of], on.matmul(arriving.T, x[into]))
    grad_b = on.sum(grad, [0, *range(2, grad.ndim)])
    found = (grad_x, grad_w, grad_b)
    return tuple(g if wanted else None for g, wanted in zip(found, mask, strict=True))  # type: ignore[return-value]  # three


@rule("im2col")
def _im2col(on: Arrays, x: Array, kernel: Any, dilation: Any, padding: Any, stride: Any) -> Array:
    kernel, dilation, padding, stride = (wide(v, 2) for v in (kernel, dilation, padding, stride))
    batched = x if x.ndim == 4 else x[None]
    counts = _counts(batched.shape[2:], kernel, stride, padding, dilation)
    found = on.filled((batched.shape[0], batched.shape[1], *kernel, *counts))
    for place in np.ndindex(counts):
        for inside, at in covered(batched.shape[2:], place, kernel, stride, padding, dilation):
            found[(slice(None), slice(None), *inside, *place)] = batched[(slice(None), slice(None), *at)]
    flat = found.reshape(batched.shape[0], batched.shape[1] * kernel[0] * kernel[1], counts[0] * counts[1])
    return flat if x.ndim == 4 else flat[0]


@rule("col2im")
def _col2im(on: Arrays, x: Array, size: Any, kernel: Any, dilation: Any, padding: Any, stride: Any) -> Array:
    kernel, dilation, padding, stride = (wide(v, 2) for v in (kernel, dilation, padding, stride))
    batched = x if x.ndim == 3 else x[None]
    counts = _counts(size, kernel, stride, padding, dilation)
    channels = batched.shape[1] // (kernel[0] * kernel[1])
    columns = batched.reshape(batched.shape[0], channels, *kernel, *counts)
    found = on.filled((batched.shape[0], channels, *size))
    for place in np.ndindex(counts):
        for inside, at in covered(size, place, kernel, stride, padding, dilation):
            into = (slice(None), slice(None), *at)
            found[into] = on.add(found[into], columns[(slice(None), slice(None), *inside, *place)])
    return found if x.ndim == 3 else found[0]
