"""Scale: a scalar times a constant.

Saved   x, c
Source  the product rule
"""

from __future__ import annotations

from typing import TYPE_CHECKING

from scratchgrad.layer import Layer

if TYPE_CHECKING:
    from torch import Tensor

scale = Layer("scale", "x c -> s", "s = c*x", shared="c")


@scale.kernel
class Kernel:
    """Sample by sample.  x, s: [n], c: a scalar."""

    @staticmethod
    def forward(x: Tensor, c: Tensor) -> tuple[Tensor, tuple[Tensor, Tensor]]:
        """The product s."""
        return c * x, (x, c)

    @staticmethod
    def backward(saved: tuple[Tensor, Tensor], grad_s: Tensor) -> tuple[Tensor, Tensor]:
        """grad_x = c grad_s, grad_c = the sum of grad_s x over the batch."""
        x, c = saved
        return c * grad_s, (grad_s * x).sum()
