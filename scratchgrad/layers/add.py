"""Add: the sum of two scalars.

    s = a + b

Shapes  a b -> s
Shared  none
Saved   nothing
Kink    none
Source  the sum rule
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from scratchgrad.layer import Layer

if TYPE_CHECKING:
    from torch import Tensor

add = Layer("add", "a b -> s")


@add.define
def definition(s: Any) -> Any:
    """The sum s = a + b."""
    a, b, total = s.tensors
    return s.eq(total, a + b)


@add.kernel
class Kernel:
    """s = a + b, sample by sample.  a, b, s: [n]."""

    @staticmethod
    def forward(a: Tensor, b: Tensor) -> tuple[Tensor, None]:
        """The sum s = a + b."""
        return a + b, None

    @staticmethod
    def backward(saved: None, grad_s: Tensor) -> tuple[Tensor, Tensor]:
        """grad_a = grad_s and grad_b = grad_s, each its own copy: no gradient shares memory with another."""
        return grad_s.clone(), grad_s.clone()
