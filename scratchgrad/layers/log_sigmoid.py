"""Log-sigmoid: every output is the logarithm of the logistic function of its input.

    h_i = -log(1 + exp(-u_i))

Shapes  u[i] -> h[i]
Shared  none
Saved   u, and what torch's forward keeps of exp(-|u|)
Kink    none
Source  Goodfellow, Bengio and Courville, Deep Learning, sec. 3.10 (sigmoid and softplus)

The kernel computes min(u, 0) - log(1 + exp(-|u|)), in which no exponential overflows.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from scratchgrad.layer import Layer

if TYPE_CHECKING:
    from torch import Tensor

log_sigmoid = Layer("log_sigmoid", "u[i] -> h[i]")


@log_sigmoid.define
def definition(s: Any) -> Any:
    """h_i = log(1 / (1 + exp(-u_i))) = -log(1 + exp(-u_i))."""
    u, h = s.tensors
    return s.eq(h[s.i], -s.log(1 + s.exp(-u[s.i])))


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
