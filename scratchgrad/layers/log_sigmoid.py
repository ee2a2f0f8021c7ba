"""Log-sigmoid: every output is the logarithm of the logistic function of its input.

The kernel computes the equal form, in which no exponential overflows.

Equal   h[i] = min(u[i], 0) - log(1 + exp(-abs(u[i])))
Saved   u, and what torch's forward keeps of exp(-|u|)
Source  Goodfellow, Bengio and Courville, Deep Learning, sec. 3.10 (sigmoid and softplus)
"""

from __future__ import annotations

from typing import TYPE_CHECKING

from scratchgrad.layer import Layer

if TYPE_CHECKING:
    from torch import Tensor

log_sigmoid = Layer("log_sigmoid", "u[i] -> h[i]", "h[i] = -log(1 + exp(-u[i]))")


@log_sigmoid.kernel
class Kernel:
    """h by torch's own fused pair, whose backward does not compute the exponential again.  u, h: [n, i]."""

    @staticmethod
    def forward(u: Tensor) -> tuple[Tensor, tuple[Tensor, Tensor]]:
        """The outputs h, and the exponentials."""
        from torch import ops

        h, exponential = ops.aten.log_sigmoid_forward(u)
        return h, (u, exponential)

    @staticmethod
    def backward(saved: tuple[Tensor, Tensor], grad_h: Tensor) -> Tensor:
        """grad_u = grad_h / (1 + exp(u))."""
        from torch import ops

        grad_u: Tensor = ops.aten.log_sigmoid_backward(grad_h, *saved)
        return grad_u
