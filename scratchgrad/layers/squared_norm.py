"""Squared norm: the regularizer, the constant lambda times the squared Frobenius norm of a weight matrix.

    s = lambda sum_ij W_ij^2

Shapes  W[i,j] lambda -> s
Shared  W, lambda
Saved   W, lambda
Kink    none
Source  Goodfellow, Bengio and Courville, Deep Learning, sec. 7.1.1 (weight decay, there with a factor 1/2)

No square root is taken, so the gradient is linear in W.  No input carries samples: s has no batch axis.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from scratchgrad.layer import Layer

if TYPE_CHECKING:
    from torch import Tensor

squared_norm = Layer("squared_norm", "W[i,j] lambda -> s", shared="W lambda")


@squared_norm.define
def definition(s: Any) -> Any:
    """The regularizer s = lambda sum_ij W_ij^2."""
    W, lambda_, norm = s.tensors
    return s.eq(norm, lambda_ * s.sum(W[s.i, s.j] ** 2, s.i, s.j))


@squared_norm.kernel
class Kernel:
    """s = lambda ||W||^2.  W: [i, j], lambda and s: scalars."""

    @staticmethod
    def forward(W: Tensor, lambda_: Tensor) -> tuple[Tensor, tuple[Tensor, Tensor]]:
        """The regularizer s: lambda times the sum of the squares."""
        return lambda_ * W.square().sum(), (W, lambda_)

    @staticmethod
    def backward(saved: tuple[Tensor, Tensor], grad_s: Tensor) -> tuple[Tensor, Tensor]:
        """grad_W = 2 lambda grad_s W, grad_lambda = grad_s ||W||^2."""
        W, lambda_ = saved
        return 2 * lambda_ * grad_s * W, grad_s * W.square().sum()
