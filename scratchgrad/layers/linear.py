"""Linear: every output is a weighted sum of the inputs plus a bias.

Saved   x, W
Source  Zhang et al., Dive into Deep Learning, sec. 3.1 (linear layer), sec. 5.3 (its backward pass)
"""

from __future__ import annotations

from typing import TYPE_CHECKING

from scratchgrad.layer import Layer

if TYPE_CHECKING:
    from torch import Tensor

linear = Layer("linear", "x[j] W[i,j] b[i] -> u[i]", "u[i] = Sum(W[i,j]*x[j], j) + b[i]", shared="W b")


@linear.kernel
class Kernel:
    """Row by row.  x: [n, j], W: [i, j], b: [i], u: [n, i]."""

    @staticmethod
    def forward(x: Tensor, W: Tensor, b: Tensor) -> tuple[Tensor, tuple[Tensor, Tensor]]:
        """The weighted sums u, in one call (addmm)."""
        return b.addmm(x, W.mT), (x, W)

    @staticmethod
    def backward(saved: tuple[Tensor, Tensor], grad_u: Tensor) -> tuple[Tensor, Tensor, Tensor]:
        """grad_x = grad_u W, grad_W = grad_uᵀ x, grad_b = sum of grad_u over the batch."""
        x, W = saved
        return grad_u @ W, grad_u.mT @ x, grad_u.sum(0)
