"""Hardswish: swish with its sigmoid replaced by a line between -3 and 3.

Saved   u
Source  Howard et al., Searching for MobileNetV3, ICCV 2019
"""

from __future__ import annotations

from typing import TYPE_CHECKING

from scratchgrad.layer import Layer

if TYPE_CHECKING:
    from torch import Tensor

hardswish = Layer("hardswish", "u[i] -> h[i]", "h[i] = where(u[i] > -3, where(u[i] < 3, u[i]*(u[i] + 3)/6, u[i]), 0)")


@hardswish.kernel
class Kernel:
    """h by torch's own fused functions: with a condition for every piece it takes ten times as long.  u, h: [n, i]."""

    @staticmethod
    def forward(u: Tensor) -> tuple[Tensor, Tensor]:
        """The outputs h."""
        from torch.nn import functional

        return functional.hardswish(u), u

    @staticmethod
    def backward(saved: Tensor, grad_h: Tensor) -> Tensor:
        """grad_u = grad_h (u / 3 + 1 / 2) between -3 and 3, 0 below, grad_h above."""
        from torch import ops

        grad_u: Tensor = ops.aten.hardswish_backward(grad_h, saved)
        return grad_u
