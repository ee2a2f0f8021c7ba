"""Average pooling for a program, where windows do not overlap: sums of neighbours, the samples side by side.

torch's own wants the samples one after the other; after a convolution in a program (see conv2d) they are not.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

from torch import Tensor

from scratchgrad.recipes.max_pool2d import side_by_side, spread, windows

__all__ = ["Means", "fits", "kernel"]


class Means:
    """The mean of every window of size x size.  x: [n, c, h, w], y: [n, c, p, q]."""

    def __init__(self, size: int) -> None:
        """The rows, and the columns, of a window."""
        self.size = size

    def forward(self, x: Tensor) -> tuple[Tensor, Any]:
        """The sums within the rows of each window, then the sum of those, divided."""
        total = _sum(_sum(windows(x, self.size), 4), 2) / self.size**2
        return total.permute(3, 0, 1, 2), tuple(x.shape)

    def backward(self, saved: Any, grad_y: Tensor) -> Tensor:
        """The same share of grad_y for the whole window."""
        share = (grad_y.permute(1, 2, 3, 0) / self.size**2).unsqueeze(2).unsqueeze(4)
        return spread(share.expand(-1, -1, self.size, -1, self.size, -1), saved)


def _sum(values: Tensor, axis: int) -> Tensor:
    first, *others = values.unbind(axis)
    for other in others:
        first = first + other
    return first


def fits(inputs: Sequence[Tensor], *, compiled: bool, size: int, stride: int, padding: int) -> bool:
    """Whether the samples lie side by side."""
    return side_by_side(inputs[0])


def kernel(unit: frozenset[int], *, size: int, stride: int, padding: int) -> Means | None:
    """The kernel at this size, whatever the rows sum to; None where windows overlap, stand apart or reach outside."""
    return Means(size) if stride == size and not padding else None
