"""The backward that torch reaches through a user's autograd.Function: the one place that asks torch for a gradient.

It serves to examine somebody's Function, never to compute a gradient of ours.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import torch
from torch.autograd import Function, grad  # noqa: TID251  # a user's own autograd.Function is what is examined

__all__ = ["by_autograd", "is_function"]


def is_function(thing: Any) -> bool:
    """Whether it is a torch.autograd.Function."""
    return isinstance(thing, type) and issubclass(thing, Function)


def by_autograd(apply: Callable[..., Any]) -> Callable[..., tuple[Any, ...]]:
    """backward(grad_out, *tensors), one gradient for each real tensor, as torch finds them through `apply`."""

    def backward(grad_out: Any, *tensors: torch.Tensor) -> tuple[Any, ...]:
        watched = [t.detach().requires_grad_(t.is_floating_point()) for t in tensors]
        real = [t for t in watched if t.requires_grad]
        with torch.enable_grad():
            outputs = apply(*watched)
        found = iter(grad(outputs, real, grad_out, allow_unused=True))
        return tuple(next(found) if t.requires_grad else None for t in watched)

    return backward
