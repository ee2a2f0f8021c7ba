"""Scale: a scalar times a constant.

    s = c x

Shapes  x c -> s
Shared  c
Saved   x, c
Kink    none
Source  the product rule
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from scratchgrad.layer import Layer

if TYPE_CHECKING:
    from torch import Tensor

scale = Layer("scale", "x c -> s", shared="c")


@scale.define
def definition(s: Any) -> Any:
    """The product s = c x."""
    x, c, product = s.tensors
    return s.eq(product, c * x)


@scale.kernel
class Kernel:
    """s = c x, sample by sample.  x, s: [n], c: a scalar."""

    @staticmethod
    def forward(x: Tensor, c: Tensor) -> tuple[Tensor, tuple[Tensor, Tensor]]:
        """The product s = c x."""
        return c * x, (x, c)

    @staticmethod
    def backward(saved: tuple[Tensor, Tensor], grad_s: Tensor) -> tuple[Tensor, Tensor]:
        """grad_x = c grad_s, grad_c = the sum of grad_s x over the batch."""
        x, c = saved
        return c * grad_s, (grad_s * x).sum()
