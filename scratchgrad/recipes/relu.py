"""ReLU for a program: backward asks the output h, not the input u, which then need not be kept.

h > 0 exactly where u > 0, and h is not-a-number where u is.  threshold_backward gives grad_h where h > 0, else 0, also
where grad_h is infinite; in one call, in the memory of grad_h.
"""

from __future__ import annotations

import torch
from torch import Tensor

__all__ = ["Kernel", "kernel"]


class Kernel:
    """Entry by entry.  u, h: [n, i]."""

    @staticmethod
    def forward(u: Tensor) -> tuple[Tensor, Tensor]:
        """The positive part h of u."""
        h = u.relu()
        return h, h

    @staticmethod
    def backward(h: Tensor, grad_h: Tensor) -> Tensor:
        """grad_u = grad_h where h > 0, else 0."""
        found: Tensor = torch.ops.aten.threshold_backward(grad_h, h, 0)
        return found


def kernel(unit: frozenset[int]) -> type[Kernel]:
    """The kernel, whatever the rows sum to."""
    return Kernel
