"""Softmax with cross-entropy: the classifications o of the scores v, and their loss L against the target y.

Both outputs may be consumed, and y need not sum to 1 (a one-hot y does, and then the loss's part is grad_L (o - y)).
The logarithm of o is computed from v, never from o: where o_i rounds to 0 and y_i = 0 the loss stays finite.

Saved   o, log o, y
Source  Bishop, Pattern Recognition and Machine Learning, sec. 4.3.4; Bridle 1990 (softmax)
"""

from __future__ import annotations

from typing import TYPE_CHECKING

from scratchgrad.layer import Layer

if TYPE_CHECKING:
    from torch import Tensor

softmax_cross_entropy = Layer(
    "softmax_cross_entropy",
    "v[i] y[i] -> o[i] L",
    """
    o[i] = exp(v[i])/Sum(exp(v[k]), k)
    L = -Sum(y[i]*log(o[i]), i)
    """,
)


@softmax_cross_entropy.kernel
class Kernel:
    """Row by row.  v, y, o: [n, i], L: [n]."""

    @staticmethod
    def forward(v: Tensor, y: Tensor) -> tuple[tuple[Tensor, Tensor], tuple[Tensor, Tensor, Tensor]]:
        """Both functions subtract the row's maximum first, so that no exponential overflows."""
        o, log_o = v.softmax(-1), v.log_softmax(-1)
        return (o, -(y * log_o).sum(-1)), (o, log_o, y)

    @staticmethod
    def backward(
        saved: tuple[Tensor, Tensor, Tensor], grad_o: Tensor | None, grad_L: Tensor | None
    ) -> tuple[Tensor, Tensor]:
        """grad_v = grad_L (o sum(y) - y) + o * (grad_o - <grad_o, o>), grad_y = -grad_L log o, row by row."""
        o, log_o, y = saved
        grad_v, grad_y = None, None
        if grad_L is not None:
            grad_L = grad_L.unsqueeze(-1)
            grad_v = grad_L * (o * y.sum(-1, keepdim=True) - y)
            grad_y = -grad_L * log_o
        if grad_o is not None:
            through_o = o * (grad_o - (grad_o * o).sum(-1, keepdim=True))
            grad_v = through_o if grad_v is None else grad_v + through_o
        return o.new_zeros(o.shape) if grad_v is None else grad_v, y.new_zeros(y.shape) if grad_y is None else grad_y
