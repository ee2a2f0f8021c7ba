"""The rules of pooling: maxima and means over windows, of given size or as many as the output has places.

In   images [..., one to three spatial axes]
Out  as torch's operations, over arrays of exact scalars; a maximum comes with its position in the flattened image
"""

from __future__ import annotations

import itertools
from collections.abc import Iterator, Sequence
from typing import Any

import numpy as np

from scratchgrad.certification.exact.arrays import Arrays
from scratchgrad.certification.exact.rules import rule
from scratchgrad.certification.exact.windows import covered, wide

__all__: list[str] = []

Array = Any
Place = tuple[int, ...]
Windows = Iterator[tuple[Place, list[Place]]]


def _count(n: int, kernel: int, stride: int, padding: int, dilation: int, ceil: bool) -> int:
    """How many windows there are along an axis; with `ceil`, one may reach over the end, but none starts behind it."""
    found = (n + 2 * padding - dilation * (kernel - 1) - 1 + (stride - 1 if ceil else 0)) // stride + 1
    return found - 1 if ceil and (found - 1) * stride >= n + padding else found


def _windows(
    shape: Sequence[int], kernel: Any, stride: Any, padding: Any, dilation: Any, ceil: bool
) -> tuple[Place, Windows]:
    """The shape of the output, and for every place in it the positions that its window covers."""
    axes = len(shape)
    kernel, stride = wide(kernel, axes), wide(stride if not _is_empty(stride) else kernel, axes)
    padding, dilation = wide(padding, axes), wide(dilation, axes)
    counts = tuple(_count(*one, ceil) for one in zip(shape, kernel, stride, padding, dilation, strict=True))
    places = np.ndindex(counts)
    return counts, ((p, [at for _, at in covered(shape, p, kernel, stride, padding, dilation)]) for p in places)


def _is_empty(value: Any) -> bool:
    return not isinstance(value, int) and not len(value)


def _adaptive(shape: Sequence[int], size: Any) -> tuple[Place, Windows]:
    """As `_windows`, with windows that share the image out among the places of the output."""
    counts = tuple(n if m is None else m for n, m in zip(shape, wide(size, len(shape)), strict=True))
    ranges = [[range(i * n // m, -((i + 1) * n // -m)) for i in range(m)] for n, m in zip(shape, counts, strict=True)]
    return counts, (
        (place, list(itertools.product(*(own[p] for own, p in zip(ranges, place, strict=True)))))
        for place in np.ndindex(counts)
    )


def _maxima(on: Arrays, x: Array, windows: tuple[Place, Windows]) -> tuple[Array, Array]:
    counts, each = windows
    axes = len(counts)
    shape = x.shape[-axes:]
    best, index = on.filled((*x.shape[:-axes], *counts)), on.filled((*x.shape[:-axes], *counts))
    for place, positions in each:
        into = (..., *place)
        for n, at in enumerate(positions):
            value, number = x[(..., *at)], int(np.ravel_multi_index(at, shape))
            if n == 0:
                best[into], index[into] = value, on.filled(value.shape, number)
            else:
                above = on.greater(value, best[into])
                best[into], index[into] = on.choice(above, value, best[into]), on.choice(above, number, index[into])
    return best, index


def _maxima_backward(on: Arrays, grad: Array, x: Array, indices: Array, windows: tuple[Place, Windows]) -> Array:
    counts, each = windows
    found, shape = on.filled(x.shape), x.shape[-len(counts) :]
    for place, positions in each:
        for at in positions:
            here = on.equal(indices[(..., *place)], int(np.ravel_multi_index(at, shape)))
            found[(..., *at)] = on.add(found[(..., *at)], on.choice(here, grad[(..., *place)], 0))
    return found


def _enter_maxima(axes: int, name: str) -> None:
    @rule(name)
    def pool(
        on: Arrays,
        x: Array,
        kernel: Any,
        stride: Any = (),
        padding: Any = 0,
        dilation: Any = 1,
        ceil_mode: bool = False,
    ) -> tuple[Array, Array]:
        return _maxima(on, x, _windows(x.shape[-axes:], kernel, stride, padding, dilation, ceil_mode))

    @rule(f"{name}_backward")
    def backward(
        on: Arrays,
        grad: Array,
        x: Array,
        kernel: Any,
        stride: Any,
        padding: Any,
        dilation: Any,
        ceil_mode: bool,
        indices: Array,
    ) -> Array:
        windows = _windows(x.shape[-axes:], kernel, stride, padding, dilation, ceil_mode)
        return _maxima_backward(on, grad, x, indices, windows)


def _enter_adaptive(axes: int) -> None:
    rule(f"adaptive_max_pool{axes}d")(lambda on, x, size: _maxima(on, x, _adaptive(x.shape[-axes:], size)))
    rule(f"adaptive_max_pool{axes}d_backward")(
        lambda on, grad, x, indices: _maxima_backward(
            on, grad, x, indices, _adaptive(x.shape[-axes:], grad.shape[-axes:])
        )
    )

    @rule(f"_adaptive_avg_pool{axes}d", f"adaptive_avg_pool{axes}d")
    def pool(on: Arrays, x: Array, size: Any) -> Array:
        counts, each = _adaptive(x.shape[-axes:], size)
        found = on.filled((*x.shape[:-axes], *counts))
        for place, positions in each:
            total = on.sum(np.stack([x[(..., *at)] for at in positions]), 0)
            found[(..., *place)] = on.div(total, len(positions))
        return found

    @rule(f"_adaptive_avg_pool{axes}d_backward")
    def backward(on: Arrays, grad: Array, x: Array) -> Array:
        _, each = _adaptive(x.shape[-axes:], grad.shape[-axes:])
        found = on.filled(x.shape)
        for place, positions in each:
            part = on.div(grad[(..., *place)], len(positions))
            for at in positions:
                found[(..., *at)] = on.add(found[(..., *at)], part)
        return found


for _axes, _name in ((2, "max_pool2d_with_indices"), (3, "max_pool3d_with_indices")):
    _enter_maxima(_axes, _name)
    _enter_adaptive(_axes)


def _divisor(
    place: Place, shape: Sequence[int], kernel: Place, stride: Place, padding: Place, inside: int, padded: bool
) -> int:
    """How many positions a mean counts: those inside, or those of the padding, too; none beyond it."""
    if not padded:
        return inside
    ends = (
        min(o * s - p + k, n + p) - (o * s - p)
        for o, n, k, s, p in zip(place, shape, kernel, stride, padding, strict=True)
    )
    return int(np.prod(list(ends)))


def _mean_windows(
    shape: Sequence[int], kernel: Any, stride: Any, padding: Any, ceil: bool, padded: bool, override: int | None
) -> tuple[Place, Iterator[tuple[Place, list[Place], int]]]:
    axes = len(shape)
    counts, each = _windows(shape, kernel, stride, padding, 1, ceil)
    own = wide(kernel, axes), wide(kernel if _is_empty(stride) else stride, axes), wide(padding, axes)
    return counts, ((p, at, override or _divisor(p, shape, *own, len(at), padded)) for p, at in each)


@rule("avg_pool2d", "avg_pool1d", "avg_pool3d")
def _avg_pool(
    on: Arrays,
    x: Array,
    kernel: Any,
    stride: Any = (),
    padding: Any = 0,
    ceil_mode: bool = False,
    count_include_pad: bool = True,
    divisor_override: int | None = None,
) -> Array:
    axes = len(kernel)
    counts, each = _mean_windows(
        x.shape[-axes:], kernel, stride, padding, ceil_mode, count_include_pad, divisor_override
    )
    found = on.filled((*x.shape[:-axes], *counts))
    for place, positions, count in each:
        total = on.filled(x.shape[:-axes])
        for at in positions:
            total = on.add(total, x[(..., *at)])
        found[(..., *place)] = on.div(total, count)
    return found


@rule("avg_pool2d_backward", "avg_pool3d_backward")
def _avg_pool_backward(
    on: Arrays,
    grad: Array,
    x: Array,
    kernel: Any,
    stride: Any,
    padding: Any,
    ceil_mode: bool,
    count_include_pad: bool,
    divisor_override: int | None,
) -> Array:
    axes = len(kernel)
    _, each = _mean_windows(x.shape[-axes:], kernel, stride, padding, ceil_mode, count_include_pad, divisor_override)
    found = on.filled(x.shape)
    for place, positions, count in each:
        part = on.div(grad[(..., *place)], count)
        for at in positions:
            found[(..., *at)] = on.add(found[(..., *at)], part)
    return found
