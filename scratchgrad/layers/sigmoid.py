"""Sigmoid: every output is the logistic function of its input, a number between 0 and 1.

Where an output is nearly 1, its difference from 1 has lost its digits: the kernel computes it of the negated input.

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
    """The complement of h is computed of -u, which leaves it all its digits where h is nearly 1.  u, h: [n, i]."""

    @staticmethod
    def forward(u: Tensor) -> tuple[Tensor, tuple[Tensor, Tensor]]:
        """The outputs h."""
        h = u.sigmoid()
        return h, (u, h)

    @staticmethod
    def backward(saved: tuple[Tensor, Tensor], grad_h: Tensor) -> Tensor:
        """grad_u = grad_h h s, where s is the sigmoid of -u."""
        u, h = saved
        return grad_h * h * (-u).sigmoid()
