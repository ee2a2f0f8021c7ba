"""The same values in memory that is laid out differently: strides and offsets must not matter.

A Layout first prepares the values (an expanded axis can hold only one value), then builds the tensor.  Axes are
expanded one by one, as the gradient of `u.sum(0)` comes, and all together, as `u.sum().backward()` makes it.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from typing import Any

import numpy as np
import torch

__all__ = ["CONTIGUOUS", "LAYOUTS", "Layout", "expanded", "fitting"]

_OFFSET = 3
"""Where a tensor begins that is a part of a larger one: on no boundary of 16 bytes."""

_IMAGES = 4
"""The axes of a batch of images: samples, channels, rows, columns."""

Array = Any


@dataclass(frozen=True)
class Layout:
    """A way to store a tensor of at least `axes` axes; of no more, where it is `exactly` so many."""

    name: str
    axes: int
    build: Callable[[torch.Tensor], torch.Tensor]
    prepare: Callable[[Array], Array] = lambda values: values
    exactly: bool = False

    def fits(self, axes: int) -> bool:
        """Whether a tensor with that many axes can be stored so."""
        return axes == self.axes or (axes > self.axes and not self.exactly)


def _transposed(t: torch.Tensor) -> torch.Tensor:
    """Stored with the first axis varying fastest."""
    order = list(reversed(range(t.ndim)))
    return t.permute(order).contiguous().permute(order)


def _strided(t: torch.Tensor) -> torch.Tensor:
    """Every second element of a larger tensor, not from its beginning; what lies between is not a number."""
    if not t.is_floating_point():
        larger = t.new_zeros([2 * n + 1 for n in t.shape] or [2])
    else:
        larger = t.new_full([2 * n + 1 for n in t.shape] or [2], float("nan"))
    view = larger[(slice(1, None, 2),) * t.ndim] if t.ndim else larger[1]
    view.copy_(t)
    return view


def _offset(t: torch.Tensor) -> torch.Tensor:
    """Contiguous, but not from the beginning of its memory; what lies around it is not a number."""
    other = 0 if not t.is_floating_point() else float("nan")
    larger = t.new_full((t.numel() + 2 * _OFFSET,), other)
    part = larger[_OFFSET : _OFFSET + t.numel()].view(t.shape)
    part.copy_(t)
    return part


def _flat(values: Array) -> Array:
    """All entries equal to the first."""
    return np.full_like(values, values.flat[0]) if values.size else values


def _along(axis: int) -> Layout:
    """One slice, expanded along an axis."""

    def repeated(values: Array) -> Array:
        first = np.take(values, [0], axis) if values.size else values
        return np.repeat(first, values.shape[axis], axis) if values.size else values

    def stored(t: torch.Tensor) -> torch.Tensor:
        return t[(slice(None),) * axis + (slice(1),)].clone().expand(t.shape)

    return Layout(f"{'first axis' if axis == 0 else f'axis {axis}'} expanded (stride 0)", axis + 1, stored, repeated)


CONTIGUOUS = Layout("contiguous", 0, lambda t: t)

LAYOUTS = (
    Layout("transposed storage", 2, _transposed),
    Layout("strided slice", 0, _strided),
    Layout("part of a larger storage", 0, _offset),
    Layout("channels last", _IMAGES, lambda t: t.contiguous(memory_format=torch.channels_last), exactly=True),
)
"""Those that hold any values."""

_ONE_NUMBER = Layout("one number expanded (stride 0)", 1, lambda t: t.flatten()[0].clone().expand(t.shape), _flat)


def expanded(axes: int) -> tuple[Layout, ...]:
    """A tensor with that many axes, expanded along each of them, and from one number."""
    return (*(_along(axis) for axis in range(axes)), _ONE_NUMBER) if axes else ()


def fitting(axes: int) -> tuple[Layout, ...]:
    """The layouts that a tensor with that many axes can have."""
    return (*(layout for layout in LAYOUTS if layout.fits(axes)), *expanded(axes))
