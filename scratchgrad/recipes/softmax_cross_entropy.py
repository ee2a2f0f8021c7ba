"""Softmax with cross-entropy for a program: o from log o, and the sum of L as one dot product.

Where the rows of y are known to sum to 1 (one-hot rows made of class numbers), grad_v = grad_L (o - y).
"""

from __future__ import annotations

from typing import Any

import torch
from torch import Tensor

from scratchgrad.recipes import Term

__all__ = ["Kernel", "UnitRows", "kernel", "total"]


class Kernel:
    """Row by row.  v, y, o: [n, i], L: [n]."""

    @staticmethod
    def forward(v: Tensor, y: Tensor) -> tuple[tuple[Tensor, Tensor], tuple[Tensor, Tensor, Tensor]]:
        """Log o comes first, o is its exponential."""
        log_o = v.log_softmax(-1)
        o = log_o.exp()
        return (o, -(y * log_o).sum(-1)), (o, log_o, y)

    @classmethod
    def backward(cls, saved: Any, grad_o: Tensor | None, grad_L: Tensor | None) -> tuple[Tensor, Tensor]:
        """grad_v = grad_L (o sum(y) - y) + o * (grad_o - <grad_o, o>), grad_y = -grad_L log o, row by row."""
        o, log_o, y = saved
        through_o = None if grad_o is None else o * (grad_o - (grad_o * o).sum(-1, keepdim=True))
        if grad_L is None:
            return torch.zeros_like(o) if through_o is None else through_o, torch.zeros_like(y)
        grad_v = cls.difference(o, y) * grad_L.unsqueeze(-1)
        return grad_v if through_o is None else grad_v + through_o, log_o * -grad_L.unsqueeze(-1)

    @staticmethod
    def difference(o: Tensor, y: Tensor) -> Tensor:
        """O sum(y) - y."""
        return o * y.sum(-1, keepdim=True) - y


class UnitRows(Kernel):
    """The same, where every row of y sums to 1."""

    @staticmethod
    def difference(o: Tensor, y: Tensor) -> Tensor:
        """O - y."""
        return o - y


def kernel(unit: frozenset[int]) -> type[Kernel]:
    """The kernel for whatever y is known to be."""
    return UnitRows if 1 in unit else Kernel


def total(inputs: Any, saved: tuple[Tensor, Tensor, Tensor]) -> tuple[Term, ...]:
    """The total of L is -<y, log o>."""
    _, log_o, y = saved
    return ((-1.0, y.reshape(-1).dot(log_o.reshape(-1))),)
