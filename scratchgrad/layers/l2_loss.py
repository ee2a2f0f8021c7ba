"""L2 loss: the squared distance of the output v from the target y.

    L = sum_i (v_i - y_i)^2

Shapes  v[i] y[i] -> L
Shared  none
Saved   v - y
Kink    none
Source  Bishop, Pattern Recognition and Machine Learning, sec. 1.1 (sum of squares, there with a factor 1/2)
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from scratchgrad.layer import Layer

if TYPE_CHECKING:
    from torch import Tensor

l2_loss = Layer("l2_loss", "v[i] y[i] -> L")


@l2_loss.define
def definition(s: Any) -> Any:
    """L = sum_i (v_i - y_i)^2."""
    v, y, L = s.tensors
    return s.eq(L, s.sum((v[s.i] - y[s.i]) ** 2, s.i))


@l2_loss.kernel
class Kernel:
    """L = ||v - y||^2, row by row.  v, y: [n, i], L: [n]."""

    @staticmethod
    def forward(v: Tensor, y: Tensor) -> tuple[Tensor, Tensor]:
        """L = the sum of the squared differences of a row."""
        difference = v - y
        return difference.square().sum(-1), difference

    @staticmethod
    def backward(saved: Tensor, grad_L: Tensor) -> tuple[Tensor, Tensor]:
        """grad_v = 2 grad_L (v - y), grad_y = -grad_v."""
        grad_v = 2 * grad_L.unsqueeze(-1) * saved
        return grad_v, -grad_v
