"""Average pooling for a program, where windows do not overlap: sums of neighbours, the samples side by side.

torch's own wants the samples one after the other; after a convolution in a program (see conv2d) they are not.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

from torch import Tensor

__all__ = ["Means", "fits", "kernel"]


class Means:
    """y_cpq = the mean of a window of size x size.  x: [n, c, h, w], y: [n, c, p, q]."""

    def __init__(self, size: int) -> None:
        """The rows, and the columns, of a window."""
        self.size = size

    def forward(self, x: Tensor) -> tuple[Tensor, Any]:
        """The sums within the rows of each window, then the sum of those, divided."""
        n, c, h, w = x.shape
        size, p, q = self.size, h // self.size, w // self.size
        windows = x.permute(1, 2, 3, 0)[:, : p * size, : q * size].view(c, p, size, q, size, n)
        total = _sum(_sum(windows, 4), 2) / size**2
        return total.permute(3, 0, 1, 2), (n, c, h, w)

    def backward(self, saved: Any, grad_y: Tensor) -> Tensor:
        """The same share of grad_y for the whole window; rows and columns beyond the last window have none."""
        n, c, h, w = saved
        size, (p, q) = self.size, grad_y.shape[2:]
        share = (grad_y.permute(1, 2, 3, 0) / size**2).unsqueeze(2).unsqueeze(4)
        grad = share.expand(c, p, size, q, size, n).reshape(c, p * size, q * size, n)
        if (h, w) != (p * size, q * size):
            inner, grad = grad, grad.new_zeros(c, h, w, n)
            grad[:, : p * size, : q * size].copy_(inner)
        return grad.permute(3, 0, 1, 2)


def _sum(values: Tensor, axis: int) -> Tensor:
    first, *others = values.unbind(axis)
    for other in others:
        first = first + other
    return first


def fits(inputs: Sequence[Tensor], *, compiled: bool, size: int, stride: int, padding: int) -> bool:
    """Whether windows stand side by side, and the samples lie so."""
    return stride == size and not padding and inputs[0].permute(1, 2, 3, 0).is_contiguous()


def kernel(unit: frozenset[int], *, size: int, stride: int, padding: int) -> Means:
    """The kernel at this size, whatever the rows sum to."""
    return Means(size)
