"""Max pooling for a program, where windows do not overlap: maxima of neighbours, first along rows, then along columns.

    m = max(e_0, e_1, ...) one after the other;  grad_e_k = grad_m where e_k is the first that is as large as m, else 0

torch's own asks entry by entry and guesses wrong half of the time, 30 times as slow on large images.  Here the samples
lie side by side, so that every call runs along memory; where they do not, torch's own is taken.  Of a window that holds
what is not a number, the gradient goes to one of its entries, not always the one that torch gives it to.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import torch
from torch import Tensor

__all__ = ["Maxima", "fits", "kernel", "side_by_side", "spread", "windows"]

Step = tuple[Tensor, Tensor]


class Maxima:
    """The largest of every window of size x size.  x: [n, c, h, w], y: [n, c, p, q]."""

    def __init__(self, size: int) -> None:
        """The rows, and the columns, of a window."""
        self.size = size

    def forward(self, x: Tensor) -> tuple[Tensor, Any]:
        """The maxima within the rows of each window, then the largest of those."""
        in_rows, steps = self._largest(windows(x, self.size), 4)
        y, more = self._largest(in_rows, 2)
        return y.permute(3, 0, 1, 2), (steps, more, tuple(x.shape))

    def backward(self, saved: Any, grad_y: Tensor) -> Tensor:
        """grad_y where the largest is, else 0."""
        steps, more, shape = saved
        return spread(self._shared(self._shared(grad_y.permute(1, 2, 3, 0), more, 2), steps, 4), shape)

    def _largest(self, values: Tensor, axis: int) -> tuple[Tensor, list[Step]]:
        """The maximum along the axis; before each comparison the largest so far, and after it."""
        parts, steps = values.unbind(axis), []
        largest = parts[0]
        for part in parts[1:]:
            before, largest = largest, torch.maximum(largest, part)
            steps.append((before, largest))
        return largest, steps

    def _shared(self, grad: Tensor, steps: list[Step], axis: int) -> Tensor:
        """The gradient of each part: at every pair the former has it where it is the larger, else the latter."""
        found: list[Tensor] = []
        for before, largest in reversed(steps):
            of_first = before.eq(largest).to(grad.dtype)
            of_other = before.ne(largest).to(grad.dtype)
            found.append(torch.ops.aten.threshold_backward(grad, of_other, 0))
            grad = torch.ops.aten.threshold_backward(grad, of_first, 0)
        return torch.stack([grad, *reversed(found)], axis)


def windows(x: Tensor, size: int) -> Tensor:
    """The windows [c, p, row, q, column, n] of images [n, c, h, w]: a view."""
    n, c, h, w = x.shape
    p, q = h // size, w // size
    return x.permute(1, 2, 3, 0)[:, : p * size, : q * size].view(c, p, size, q, size, n)


def spread(grad: Tensor, shape: tuple[int, ...]) -> Tensor:
    """The images whose windows these are; rows and columns beyond the last window are 0."""
    n, c, h, w = shape
    _, p, size, q, _, _ = grad.shape
    grad = grad.reshape(c, p * size, q * size, n)
    if (h, w) != (p * size, q * size):
        inner, grad = grad, grad.new_zeros(c, h, w, n)
        grad[:, : p * size, : q * size].copy_(inner)
    return grad.permute(3, 0, 1, 2)


def side_by_side(x: Tensor) -> bool:
    """Whether the samples lie side by side: the batch is the innermost axis in memory."""
    return x.permute(1, 2, 3, 0).is_contiguous()


def fits(inputs: Sequence[Tensor], *, compiled: bool, size: int, stride: int) -> bool:
    """Whether the samples lie side by side."""
    return side_by_side(inputs[0])


def kernel(unit: frozenset[int], *, size: int, stride: int) -> Maxima | None:
    """The kernel at this size, whatever the rows sum to; None where windows overlap or stand apart."""
    return Maxima(size) if stride == size else None
