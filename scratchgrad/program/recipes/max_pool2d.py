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

__all__ = ["Maxima", "fits", "kernel"]

Step = tuple[Tensor, Tensor]


class Maxima:
    """y_cpq = the largest of a window of size x size.  x: [n, c, h, w], y: [n, c, p, q]."""

    def __init__(self, size: int) -> None:
        """The rows, and the columns, of a window."""
        self.size = size

    def forward(self, x: Tensor) -> tuple[Tensor, Any]:
        """The maxima within the rows of each window, then the largest of those."""
        n, c, h, w = x.shape
        size, p, q = self.size, h // self.size, w // self.size
        windows = x.permute(1, 2, 3, 0)[:, : p * size, : q * size].view(c, p, size, q, size, n)
        in_rows, steps = self._largest(windows, 4)
        y, more = self._largest(in_rows, 2)
        return y.permute(3, 0, 1, 2), (steps, more, (n, c, h, w))

    def backward(self, saved: Any, grad_y: Tensor) -> Tensor:
        """grad_y where the largest is, else 0; rows and columns beyond the last window have none."""
        steps, more, (n, c, h, w) = saved
        size, (p, q) = self.size, grad_y.shape[2:]
        grad = self._shared(self._shared(grad_y.permute(1, 2, 3, 0), more, 2), steps, 4)
        grad = grad.reshape(c, p * size, q * size, n)
        if (h, w) != (p * size, q * size):
            inner, grad = grad, grad.new_zeros(c, h, w, n)
            grad[:, : p * size, : q * size].copy_(inner)
        return grad.permute(3, 0, 1, 2)

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


def fits(inputs: Sequence[Tensor], *, compiled: bool, size: int, stride: int) -> bool:
    """Whether windows stand side by side, and the samples lie so."""
    return stride == size and inputs[0].permute(1, 2, 3, 0).is_contiguous()


def kernel(unit: frozenset[int], *, size: int, stride: int) -> Maxima:
    """The kernel at this size, whatever the rows sum to."""
    return Maxima(size)
