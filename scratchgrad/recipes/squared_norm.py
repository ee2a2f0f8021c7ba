"""Squared norm for a program: s as one dot product, which it shares with other weights that lie beside it."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

from torch import Tensor

from scratchgrad.recipes import Term, Value

__all__ = ["total"]


def total(inputs: Sequence[Tensor], saved: Any) -> tuple[Term, ...]:
    """The constant lambda times <W, W>."""
    flat = inputs[0].reshape(-1)
    return ((Value(1), flat.dot(flat)),)
