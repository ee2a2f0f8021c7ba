"""Squared norm: the regularizer, the constant lambda times the squared Frobenius norm of a weight matrix.

No square root is taken, so the gradient is linear in W.  No input carries samples: s has no batch axis.

Saved   W, lambda
Source  Goodfellow, Bengio and Courville, Deep Learning, sec. 7.1.1 (weight decay, there with a factor 1/2)
"""

from __future__ import annotations

from typing import TYPE_CHECKING

from scratchgrad.layer import Layer

if TYPE_CHECKING:
    from torch import Tensor

squared_norm = Layer("squared_norm", "W[i,j] lambda -> s", "s = lambda*Sum(W[i,j]**2, i, j)", shared="W lambda")


@squared_norm.kernel
class Kernel:
    """W: [i, j], lambda and s: scalars."""

    @staticmethod
    def forward(W: Tensor, lambda_: Tensor) -> tuple[Tensor, tuple[Tensor, Tensor]]:
        """The regularizer s."""
        return lambda_ * W.square().sum(), (W, lambda_)

    @staticmethod
    def backward(saved: tuple[Tensor, Tensor], grad_s: Tensor) -> tuple[Tensor, Tensor]:
        """grad_W = 2 lambda grad_s W, grad_lambda = grad_s ||W||^2."""
        W, lambda_ = saved
        return 2 * lambda_ * grad_s * W, grad_s * W.square().sum()
