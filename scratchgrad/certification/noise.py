"""Noise of one ulp: how far rounding may carry a right kernel.

    x  ->  x (1 + s * step),   s = +1 or -1 at random

Moved are the inputs and upstream gradients (nobody knows them better), every value that forward assigns (it is handed
on, or saved, rounded), every quotient, and every value of a function such as exp, tanh or a square root.  Sums and
products are not moved: a formula whose sums cancel is not forgiven.
"""

from __future__ import annotations

from collections.abc import Sequence
from fractions import Fraction
from typing import Any

import numpy as np

from scratchgrad.certification.exact.balls import ball

__all__ = ["Noise"]

Array = Any


class Noise:
    """Moves the numbers of every point by its own relative step, up or down at random."""

    def __init__(self, steps: Sequence[Fraction], rng: np.random.Generator) -> None:
        """The step of every point, and where the signs come from."""
        factors = {step: (ball(1 - step), ball(1 + step)) for step in set(steps)}
        self.down, self.up = np.empty(len(steps), dtype=object), np.empty(len(steps), dtype=object)
        self.down[:] = [factors[step][0] for step in steps]
        self.up[:] = [factors[step][1] for step in steps]
        self.rng = rng

    def __call__(self, values: Array) -> Array:
        """The values, one for each point, moved."""
        return values * np.where(self.rng.integers(2, size=len(values), dtype=np.int8), self.up, self.down)
