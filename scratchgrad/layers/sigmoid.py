"""Sigmoid: every output is the logistic function of its input, a number between 0 and 1.

Where h is nearly 1, 1 - h has lost its digits, and its equal sigmoid(-u) has all of them: the kernel computes that.

Equal   h[i] = 1/(1 + exp(-u[i]))
Saved   u, h
Source  Bishop, Pattern Recognition and Machine Learning, sec. 4.2 (logistic sigmoid)
"""

from __future__ import annotations

from typing import TYPE_CHECKING

from scratchgrad.layer import Layer

if TYPE_CHECKING:
    from torch import Tensor

sigmoid = Layer("sigmoid", "u[i] -> h[i]", "h[i] = sigmoid(u[i])")


@sigmoid.kernel
class Kernel:
    """h = sigmoid(u), and a gradient that is right to the last digits for large u, too.  u, h: [n, i]."""

    @staticmethod
    def forward(u: Tensor) -> tuple[Tensor, tuple[Tensor, Tensor]]:
        """The outputs h."""
        h = u.sigmoid()
        return h, (u, h)

    @staticmethod
    def backward(saved: tuple[Tensor, Tensor], grad_h: Tensor) -> Tensor:
        """grad_u = grad_h h (1 - h), where 1 - h = sigmoid(-u)."""
        u, h = saved
        return grad_h * h * (-u).sigmoid()
