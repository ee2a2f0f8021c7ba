r"""Numbers as LaTeX: exact where they are, else rounded and said to be.

Fraction(3, 2)       \frac{3}{2}
mpf("4.8312e-68")    4.831 \cdot 10^{-68}
"""

from __future__ import annotations

import math
from fractions import Fraction
from typing import Any

import mpmath
import numpy as np

__all__ = ["array_latex", "exact", "is_exact", "number_latex"]

_DIGITS = 4
_LONGEST = 5  # digits of a numerator or denominator that still reads as a fraction


def exact(values: Any) -> Any:
    """Nested lists of numbers as an object array of fractions; 0.1 is 1/10, as it was written."""
    array = np.asarray(values, dtype=object)
    out = np.empty(array.shape, dtype=object)
    for place in np.ndindex(array.shape):
        out[place] = Fraction(str(array[place]))
    return out


def is_exact(values: Any) -> bool:
    """Whether every number is printed as what it is."""
    return all(_printed(v)[1] for v in np.asarray(values, dtype=object).flat)


def number_latex(value: Any) -> str:
    """One number."""
    return _printed(value)[0]


def array_latex(values: Any) -> str:
    """A number, a column or a matrix; where one element is rounded, all are decimals; fractions share a denominator."""
    array = np.asarray(values, dtype=object)
    if array.ndim == 0:
        return number_latex(array[()])
    rounded = not is_exact(array)
    rows = array.reshape(array.shape[0], -1) if array.ndim < 3 else array.reshape(-1, array.shape[-1])
    below = 1 if rounded else math.lcm(*(Fraction(v).denominator for v in rows.flat if isinstance(v, Fraction)))
    factor = ""
    if 1 < below < 10**_LONGEST and all(isinstance(v, Fraction) for v in rows.flat):
        rows, factor = rows * below, f"\\frac{{1}}{{{below}}} "
    cells = [" & ".join(_decimal(v) if rounded else number_latex(v) for v in row) for row in rows]
    return f"{factor}\\begin{{bmatrix}} " + " \\\\ ".join(cells) + " \\end{bmatrix}"


def _printed(value: Any) -> tuple[str, bool]:
    """The number, and whether what is printed is all of it."""
    if isinstance(value, Fraction):
        if value.denominator == 1 and len(str(abs(value.numerator))) <= 2 * _LONGEST:
            return str(value.numerator), True
        if max(len(str(abs(value.numerator))), len(str(value.denominator))) <= _LONGEST:
            sign = "-" if value < 0 else ""
            return f"{sign}\\frac{{{abs(value.numerator)}}}{{{value.denominator}}}", True
    number = _real(value)
    if number == 0:
        return "0", True
    if not mpmath.isfinite(number):
        return ("-\\infty" if number < 0 else "\\infty") if mpmath.isinf(number) else "\\text{NaN}", True
    return _decimal(value), False


def _real(value: Any) -> Any:
    return mpmath.mpf(value.numerator) / value.denominator if isinstance(value, Fraction) else mpmath.mpf(value)


def _decimal(value: Any) -> str:
    """Four significant digits, with a power of ten where the number is very large or small."""
    number = _real(value)
    if number == 0 or not mpmath.isfinite(number):
        return _printed(value)[0]
    size = int(mpmath.floor(mpmath.log10(abs(number))))
    if -3 <= size < 6:
        text = str(mpmath.nstr(number, max(_DIGITS, size + 1)))
        return text.removesuffix(".0")
    mantissa = str(mpmath.nstr(number / mpmath.mpf(10) ** size, _DIGITS)).removesuffix(".0")
    return f"{mantissa} \\cdot 10^{{{size}}}"
