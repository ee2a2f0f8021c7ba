"""L2 loss for a program: a constant grad_L becomes a factor, and the total of L is one dot product."""

from __future__ import annotations

from typing import Any

from torch import Tensor

from scratchgrad.recipes import Term

__all__ = ["Kernel", "kernel", "total"]


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
        grad_v = saved * (2 * grad_L).unsqueeze(-1)
        return grad_v, -grad_v


def kernel(unit: frozenset[int]) -> type[Kernel]:
    """The kernel, whatever the rows sum to."""
    return Kernel


def total(inputs: Any, difference: Tensor) -> tuple[Term, ...]:
    """The total of L is <v - y, v - y>."""
    flat = difference.reshape(-1)
    return ((1.0, flat.dot(flat)),)
