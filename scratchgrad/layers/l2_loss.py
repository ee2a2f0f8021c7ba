"""L2 loss: the squared distance of the output v from the target y.

Saved   v - y
Source  Bishop, Pattern Recognition and Machine Learning, sec. 1.1 (sum of squares, there with a factor 1/2)
"""

from __future__ import annotations

from typing import TYPE_CHECKING

from scratchgrad.layer import Layer

if TYPE_CHECKING:
    from torch import Tensor

l2_loss = Layer("l2_loss", "v[i] y[i] -> L", "L = Sum((v[i] - y[i])**2, i)")


@l2_loss.kernel
class Kernel:
    """Row by row.  v, y: [n, i], L: [n]."""

    @staticmethod
    def forward(v: Tensor, y: Tensor) -> tuple[Tensor, Tensor]:
        """The sum of the squared differences of a row."""
        difference = v - y
        return difference.square().sum(-1), difference

    @staticmethod
    def backward(saved: Tensor, grad_L: Tensor) -> tuple[Tensor, Tensor]:
        """grad_v = 2 grad_L (v - y), grad_y = -grad_v."""
        grad_v = 2 * grad_L.unsqueeze(-1) * saved
        return grad_v, -grad_v
