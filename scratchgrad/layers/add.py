"""Add: the sum of two scalars.

Saved   nothing
Source  the sum rule
"""

from __future__ import annotations

from typing import TYPE_CHECKING

from scratchgrad.layer import Layer

if TYPE_CHECKING:
    from torch import Tensor

add = Layer("add", "a b -> s", "s = a + b")


@add.kernel
class Kernel:
    """Sample by sample.  a, b, s: [n]."""

    @staticmethod
    def forward(a: Tensor, b: Tensor) -> tuple[Tensor, None]:
        """The sum s."""
        return a + b, None

    @staticmethod
    def backward(saved: None, grad_s: Tensor) -> tuple[Tensor, Tensor]:
        """grad_a = grad_s and grad_b = grad_s, each its own copy: no gradient shares memory with another."""
        return grad_s.clone(), grad_s.clone()
