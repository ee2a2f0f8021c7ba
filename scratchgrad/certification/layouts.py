"""The same values in memory that is laid out differently: strides must not matter.

A Layout first prepares the values (an expanded axis can hold only one value), then builds the tensor.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from typing import Any

import numpy as np
import torch

__all__ = ["CONTIGUOUS", "LAYOUTS", "Layout", "fitting"]

Array = Any


@dataclass(frozen=True)
class Layout:
    """A way to store a tensor of at least `axes` axes."""

    name: str
    axes: int
    build: Callable[[torch.Tensor], torch.Tensor]
    prepare: Callable[[Array], Array] = lambda values: values


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


def _flat(values: Array) -> Array:
    """All entries equal to the first."""
    return np.full_like(values, values.flat[0]) if values.size else values


def _repeated(values: Array) -> Array:
    """All rows equal to the first."""
    return np.repeat(values[:1], len(values), axis=0) if values.size else values


CONTIGUOUS = Layout("contiguous", 0, lambda t: t)

LAYOUTS = (
    Layout("transposed storage", 2, _transposed),
    Layout("strided slice", 0, _strided),
    Layout("first axis expanded (stride 0)", 1, lambda t: t[:1].clone().expand(t.shape), _repeated),
    Layout("one number expanded (stride 0)", 1, lambda t: t.flatten()[0].clone().expand(t.shape), _flat),
)


def fitting(axes: int) -> tuple[Layout, ...]:
    """The layouts that a tensor with that many axes can have."""
    return tuple(layout for layout in LAYOUTS if axes >= layout.axes)
