"""Linear: every output is a weighted sum of the inputs plus a bias.

    u_i = sum_j W_ij x_j + b_i

Shapes  x[j] W[i,j] b[i] -> u[i]
Shared  W, b
Saved   x, W
Kink    none
Source  Zhang et al., Dive into Deep Learning, sec. 3.1 (linear layer), sec. 5.3 (its backward pass)
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from scratchgrad.layer import Layer

if TYPE_CHECKING:
    from torch import Tensor

linear = Layer("linear", "x[j] W[i,j] b[i] -> u[i]", shared="W b")


@linear.define
def definition(s: Any) -> Any:
    """u_i = sum_j W_ij x_j + b_i."""
    x, W, b, u = s.tensors
    return s.eq(u[s.i], s.sum(W[s.i, s.j] * x[s.j], s.j) + b[s.i])


@linear.kernel
class Kernel:
    """u = x Wᵀ + b, row by row.  x: [n, j], W: [i, j], b: [i], u: [n, i]."""

    @staticmethod
    def forward(x: Tensor, W: Tensor, b: Tensor) -> tuple[Tensor, tuple[Tensor, Tensor]]:
        """The weighted sums u = x Wᵀ + b, in one call (addmm)."""
        return b.addmm(x, W.mT), (x, W)

    @staticmethod
    def backward(saved: tuple[Tensor, Tensor], grad_u: Tensor) -> tuple[Tensor, Tensor, Tensor]:
        """grad_x = grad_u W, grad_W = grad_uᵀ x, grad_b = sum of grad_u over the batch."""
        x, W = saved
        return grad_u @ W, grad_u.mT @ x, grad_u.sum(0)
