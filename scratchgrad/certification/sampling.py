"""Values chosen to hurt: magnitudes, exact zeros, ties, kinks, one-hot rows, the ends of a domain; from recorded seeds.

In   a kind, a seed, a shape; the domain of the tensor
Out  an array of float64 (the battery moves it into the domain, the point rounds it to its dtype)

Random float64 numbers of size 1 notice three quarters of the gradients that are wrong in public code.  The rest shows
at zeros, ties, large magnitudes, and rows that do not sum to 1.
"""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

import numpy as np
import sympy as sp
from sympy.core.relational import Relational

from scratchgrad.domain import Domain
from scratchgrad.membership import inside
from scratchgrad.notation.definition import Definition
from scratchgrad.notation.nodes import Maximum, Minimum

__all__ = ["FINE", "KINDS", "TAILS_BESIDE", "at_the_ends", "one_hot", "palette", "sample"]

Array = Any

KINDS = (
    "normal",
    "small",
    "near ±1000",
    "near +1000",
    "tails",
    "spread",
    "mixed magnitudes",
    "rows apart",
    "zeros",
    "ties",
    "all zero",
)
"""What the inputs look like; every kind is tried in every dtype."""

FINE = ("near +8", "near -8")
"""Where 1 - erf(u) and 1 + tanh(u) have lost digits, and other forms have not: tried in float64 only."""

_TAILS = (0.5, 2.5)
"""Powers of ten between which the tails of exp, tanh and erf lie in every dtype."""

# TRUST: magnitudes-probed
TAILS_BESIDE = 1.0
"""In the tails half of the digits are asked of a number that is not smaller."""

_NEAR = (-2.5, -1.0)
"""Powers of ten by which values near an end are away from it: far enough for 8 bits of significand."""


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
    if kind in FINE:
        return (8 if kind == "near +8" else -8) + normal
    if kind == "tails":
        return rng.choice([-1.0, 1.0], shape) * 10.0 ** rng.uniform(*_TAILS, shape)
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


def at_the_ends(domain: Domain, rng: np.random.Generator, shape: tuple[int, ...]) -> Iterator[tuple[str, Array]]:
    """Values at the ends of a domain that belong to it, and near all its ends, each with its name."""
    normal = inside(domain, rng.standard_normal(shape))
    if domain.structure == "simplex":
        corners = one_hot(rng, shape)
        if domain.interval.low_closed:
            yield "at corners of the simplex", corners
        yield "near corners of the simplex", inside(domain, 0.95 * corners + 0.05 * normal)
        return
    interval = domain.interval
    if domain.structure not in ("", "probability"):
        return
    for name, end, way, closed in (
        ("the lower end", interval.low, 1, interval.low_closed),
        ("the upper end", interval.high, -1, interval.high_closed),
    ):
        if end is None or not normal.size:
            continue
        some = np.asarray(rng.random(shape) < 0.5)
        some[(0,) * len(shape)] = True
        away = max(1.0, abs(float(end))) * 10.0 ** rng.uniform(*_NEAR, shape)
        if closed:
            yield f"at {name}", np.where(some, float(end), normal)
        yield f"near {name}", inside(domain, np.where(some, float(end) + way * away, normal))
