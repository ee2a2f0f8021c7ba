"""The values that a parameter starts from: a function of its shape, the network's seed and its own name.

The numbers are drawn in float64 and rounded to the network's dtype: a float32 and a float64 network of one seed start
at the same point.  Each name has its own stream, so one parameter more changes none of the others.
"""

from __future__ import annotations

import hashlib
import math
from collections.abc import Callable

import torch

__all__ = [
    "INITIALIZERS",
    "Initializer",
    "constant",
    "default_initializer",
    "generator",
    "he_normal",
    "he_uniform",
    "zeros",
]

Initializer = Callable[[tuple[int, ...], torch.Generator], torch.Tensor]


def he_uniform(shape: tuple[int, ...], generator: torch.Generator) -> torch.Tensor:
    """Uniform in ±sqrt(6 / fan_in): the variance of a signal survives a ReLU (He et al., ICCV 2015, eq. 10)."""
    bound = math.sqrt(6 / max(1, _fan_in(shape)))
    return (2 * torch.rand(shape, generator=generator, dtype=torch.float64) - 1) * bound


def he_normal(shape: tuple[int, ...], generator: torch.Generator) -> torch.Tensor:
    """Normal with variance 2 / fan_in (He et al., ICCV 2015, eq. 10)."""
    deviation = math.sqrt(2 / max(1, _fan_in(shape)))
    return torch.randn(shape, generator=generator, dtype=torch.float64) * deviation


def zeros(shape: tuple[int, ...], generator: torch.Generator) -> torch.Tensor:
    """All zeros."""
    return torch.zeros(shape, dtype=torch.float64)


def constant(value: float) -> Initializer:
    """Everywhere this value."""
    return lambda shape, _: torch.full(shape, value, dtype=torch.float64)


INITIALIZERS: dict[str, Initializer] = {"he_uniform": he_uniform, "he_normal": he_normal, "zeros": zeros}


def default_initializer(shape: tuple[int, ...]) -> Initializer:
    """he_uniform for weights (two axes or more, outputs first), zeros for vectors and scalars."""
    return he_uniform if len(shape) > 1 else zeros


def generator(seed: int, name: str) -> torch.Generator:
    """The random stream of the parameter `name` in a network of this seed."""
    number = int.from_bytes(hashlib.sha256(f"{seed}/{name}".encode()).digest()[:8], "big")
    return torch.Generator().manual_seed(number >> 1)


def _fan_in(shape: tuple[int, ...]) -> int:
    return math.prod(shape[1:])
