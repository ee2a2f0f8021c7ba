"""Noise of one ulp: how far rounding may carry a right kernel.

    x  ->  x (1 + s * step),   s = +1 or -1 at random

Moved are the inputs and upstream gradients (nobody knows them better), every value that forward assigns (it is handed
on, or saved, rounded), and every value of a function such as exp, tanh or a square root.  Sums and products are not
moved: a formula whose sums cancel is not forgiven.
"""

from __future__ import annotations

from collections.abc import Callable
from fractions import Fraction
from typing import Any

import mpmath
import numpy as np

from scratchgrad.notation.evaluation import Exact, exact_array

__all__ = ["Noise", "NoisyExact"]

Array = Any


class Noise:
    """Moves numbers by a relative step, up or down at random."""

    def __init__(self, step: Fraction, rng: np.random.Generator) -> None:
        """The step, and where the signs come from."""
        self.factors = (1 - step, 1 + step)
        self.rng = rng

    def __call__(self, values: Array) -> Array:
        """The values moved, as an object array; integers stay."""
        values = np.asarray(values)
        if values.dtype.kind in "iu":
            return values
        exact = exact_array(values)
        up = self.rng.integers(2, size=values.shape)
        for place in np.ndindex(values.shape):
            value, factor = exact[place], self.factors[up[place]]
            exact[place] = value * factor if isinstance(value, Fraction) else value * _real(factor)
        return exact


class NoisyExact(Exact):
    """Exact arithmetic in which every function value is moved."""

    def __init__(self, digits: int, noise: Noise) -> None:
        """Exact arithmetic with this noise."""
        super().__init__(digits)
        self.noise = noise
        self.functions = {kind: self._noisy(function) for kind, function in Exact.functions.items()}

    def power(self, base: Any, exponent: Any) -> Any:
        """Integer powers as they are; roots are moved."""
        value = super().power(base, exponent)
        whole = all(isinstance(e, Fraction) and e.denominator == 1 for e in np.ravel(exponent))
        return value if whole else self.noise(value)

    def _noisy(self, function: Callable[..., Any]) -> Callable[..., Any]:
        return lambda *arguments: self.noise(function(*arguments))


def _real(factor: Fraction) -> Any:
    return mpmath.mpf(factor.numerator) / factor.denominator
