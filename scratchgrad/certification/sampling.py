"""Values chosen to hurt: magnitudes, exact zeros, ties, kinks, one-hot rows; all from recorded seeds.

In   a kind, a seed, a shape, the domain of the tensor
Out  an array of float64 (the point rounds it to its dtype)

Random float64 numbers of size 1 notice three quarters of the gradients that are wrong in public code.  The rest shows
at zeros, ties, large magnitudes, and rows that do not sum to 1.
"""

from __future__ import annotations

from collections.abc import Iterable
from enum import Enum
from typing import Any

import numpy as np
import sympy as sp
from sympy.core.relational import Relational

from scratchgrad.notation.definition import Definition
from scratchgrad.notation.nodes import Maximum, Minimum

__all__ = ["KINDS", "Domain", "domain_of", "one_hot", "palette", "sample"]

Array = Any

KINDS = (
    "normal",
    "small",
    "near ±1000",
    "near +1000",
    "spread",
    "mixed magnitudes",
    "rows apart",
    "zeros",
    "ties",
    "all zero",
)
"""What the inputs look like; every kind is tried in every dtype."""


_SEVERAL = 3


class Domain(Enum):
    """Where the values of a tensor lie: all reals, unless the definition or the example says otherwise."""

    REAL = "real"
    NONNEGATIVE = "not negative"
    POSITIVE = "positive"
    SIMPLEX = "not negative, with rows that sum to 1"
    ONE_HOT = "rows with a single 1"
    BINARY = "0 or 1"
    SIGNS = "1 or -1"

    def clip(self, values: Array) -> Array:
        """Values of the same size, in the domain."""
        if self is Domain.REAL:
            return values
        if self is Domain.NONNEGATIVE:
            return np.abs(values)
        if self is Domain.POSITIVE:
            return np.where(values == 0, 0.5, np.abs(values))
        if self is Domain.BINARY:
            return (values > 0).astype(values.dtype)
        if self is Domain.SIGNS:
            return np.where(values > 0, 1, -1).astype(values.dtype)
        if self is Domain.ONE_HOT:
            return np.eye(values.shape[-1])[values.argmax(axis=-1)] if values.size else values
        sums = np.abs(values).sum(axis=-1, keepdims=True) if values.ndim else np.abs(values)
        even = 1 / max(values.shape[-1], 1) if values.ndim else 1.0
        return np.where(sums == 0, even, np.abs(values) / np.where(sums == 0, 1, sums))


# TRUST: domain-of-examples
def domain_of(examples: Iterable[Array]) -> Domain:
    """The narrowest domain that holds all the examples; a single zero or sign says nothing beyond itself."""
    arrays = [np.asarray(a, dtype=np.float64) for a in examples]
    every = set(np.unique(np.concatenate([a.ravel() for a in arrays])).tolist()) if arrays else set()
    several = sum(a.size for a in arrays) > _SEVERAL
    if every == {-1.0, 1.0} and several:
        return Domain.SIGNS
    if any(v < 0 for v in every):
        return Domain.REAL
    if all(a.ndim and a.shape[-1] > 1 and np.allclose(a.sum(axis=-1), 1, atol=1e-6) for a in arrays):
        return Domain.ONE_HOT if every == {0.0, 1.0} else Domain.SIMPLEX
    if every == {0.0, 1.0} and several:
        return Domain.BINARY
    return Domain.POSITIVE if 0.0 not in every else Domain.NONNEGATIVE


def palette(definition: Definition | None) -> tuple[float, ...]:
    """Few numbers, so that ties are frequent; where the definition compares with a constant, that constant, too."""
    constants: set[float] = set()
    for assignment in definition.assignments if definition is not None else ():
        for kink in assignment.right.atoms(Relational, Maximum, Minimum):
            constants |= {float(n) for n in kink.atoms(sp.Number) if n.is_finite}
    return (0.0, 1.0, -1.0, 2.0, *sorted(constants - {0.0, 1.0, -1.0, 2.0}))


def sample(kind: str, rng: np.random.Generator, shape: tuple[int, ...], few: tuple[float, ...]) -> Array:
    """Values of a kind."""
    normal = rng.standard_normal(shape)
    if kind == "small":
        return 1e-3 * normal
    if kind == "near ±1000":
        return 1000 * rng.choice([-1.0, 1.0], shape) + normal
    if kind == "near +1000":
        return 1000 + normal
    if kind == "mixed magnitudes":
        return normal * 10.0 ** rng.uniform(-3, 3, shape)
    if kind == "rows apart":
        return normal + 1000 * (np.arange(shape[0]) % 2).reshape(-1, *[1] * (len(shape) - 1)) if shape else normal
    if kind == "spread":  # between and beyond the numbers that the definition compares with
        return rng.choice(few, shape) * rng.uniform(0.5, 2.5, shape) + 2 * normal
    if kind == "zeros":
        return np.where(rng.random(shape) < 0.5, 0.0, normal)
    if kind == "ties":
        return rng.choice(few, shape)
    if kind == "all zero":
        return np.zeros(shape)
    return normal


def one_hot(rng: np.random.Generator, shape: tuple[int, ...]) -> Array:
    """Rows with a single 1; a scalar is 1."""
    if not shape or not shape[-1]:
        return np.ones(shape)
    return np.eye(shape[-1])[rng.integers(shape[-1], size=shape[:-1])]
