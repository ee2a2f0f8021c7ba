"""Layer norm for a program: fewer passes over the rows than by the chain rule step by step.

    grad_x = (t - mean(t) - x_hat * mean(t * x_hat)) / sigma,  with t = gamma * grad_y, row by row

Source  Ba, Kiros and Hinton, Layer Normalization, 2016, sec. 3
"""

from __future__ import annotations

from typing import Any

from torch import Tensor

__all__ = ["Kernel", "kernel"]


class Kernel:
    """Row by row.  x, y: [n, i], gamma, beta: [i], eps: []."""

    @staticmethod
    def forward(x: Tensor, gamma: Tensor, beta: Tensor, eps: Tensor) -> tuple[Tensor, Any]:
        """The rows, normed, scaled and shifted."""
        width = x.shape[-1]
        c = x - x.mean(-1, keepdim=True)
        one_by_sigma = eps.add(c.square().sum(-1, keepdim=True), alpha=1 / width).rsqrt()
        x_hat = c * one_by_sigma
        return beta.addcmul(gamma, x_hat), (gamma, one_by_sigma, x_hat)

    @staticmethod
    def backward(saved: Any, grad_y: Tensor) -> tuple[Tensor, Tensor, Tensor, Tensor]:
        """The gradients; that of eps is -sum(t * x_hat / sigma^2) / 2."""
        gamma, one_by_sigma, x_hat = saved
        width = gamma.shape[0]
        t = gamma * grad_y
        along = (t * x_hat).sum(-1, keepdim=True)
        without = t.addcmul(x_hat, along, value=-1 / width).sub(t.sum(-1, keepdim=True), alpha=1 / width)
        grad_eps = (along * one_by_sigma.square()).sum() * -0.5
        return without * one_by_sigma, (x_hat * grad_y).sum(0), grad_y.sum(0), grad_eps


def kernel(unit: frozenset[int]) -> type[Kernel]:
    """The kernel, whatever the rows sum to."""
    return Kernel
