"""Rational numbers (Fraction) while only + - * / and integer powers occur, else mpmath at `digits` digits."""

from __future__ import annotations

import math
from collections.abc import Callable
from fractions import Fraction
from typing import Any

import mpmath
import numpy as np
import sympy as sp

from scratchgrad.notation.arithmetic import Objects, elementwise
from scratchgrad.notation.elementary import real
from scratchgrad.notation.functions import Function

__all__ = ["Exact", "exact_array"]


def exact_array(values: Any) -> Any:
    """The values as exact rationals (a float is the rational it stands for), an object array.

    Infinities and NaN are mpmath's.
    """
    array = np.asarray(values)
    out = np.empty(array.shape, dtype=object)
    value: Any
    for place in np.ndindex(array.shape):
        value = array[place]
        if isinstance(value, (float, np.floating)):
            out[place] = Fraction(float(value)) if np.isfinite(value) else mpmath.mpf(float(value))
        elif isinstance(value, sp.Rational):
            out[place] = Fraction(int(value.p), int(value.q))
        elif isinstance(value, (Fraction, mpmath.mpf)):
            out[place] = value
        else:
            out[place] = Fraction(int(value))
    return out


def _real(value: Any) -> Any:
    return mpmath.mpf(value.numerator) / value.denominator if isinstance(value, Fraction) else mpmath.mpf(value)


def _is_nan(value: Any) -> bool:
    return isinstance(value, mpmath.mpf) and bool(mpmath.isnan(value))


def _less(a: Any, b: Any) -> bool:
    return bool(a < b) if type(a) is type(b) else bool(_real(a) < _real(b))


def _power(base: Any, exponent: Any) -> Any:
    if isinstance(exponent, Fraction) and exponent.denominator == 1:
        if base == 0 and exponent < 0:
            return mpmath.inf
        return base ** int(exponent)
    base, exponent = _real(base), _real(exponent)
    return base**exponent if base >= 0 else mpmath.nan


class Exact(Objects):
    """Rational numbers where possible, else mpmath at `digits` significant digits."""

    zero = Fraction(0)

    def maximum(self, a: Any, b: Any) -> Any:
        """The larger one, as it is; NaN where one is, as in floating point."""
        return elementwise(lambda p, q: p if _is_nan(p) else q if _is_nan(q) or _less(p, q) else p, 2)(a, b)

    def minimum(self, a: Any, b: Any) -> Any:
        """The smaller one, as it is; NaN where one is."""
        return elementwise(lambda p, q: p if _is_nan(p) else q if _is_nan(q) or _less(q, p) else p, 2)(a, b)

    def function(self, row: Function) -> Callable[..., Any]:
        """Exact where the table says so, else mpmath's function."""
        value = real(row)

        def one(*arguments: Any) -> Any:
            if row.rational is not None and all(isinstance(a, Fraction) for a in arguments):
                return Fraction(row.rational(*arguments))
            if row.at_zero is not None and all(a == 0 for a in arguments):
                return Fraction(row.at_zero)
            return value(*map(_real, arguments))

        return elementwise(one, row.arity)

    def __init__(self, digits: int = 50) -> None:
        """Exact arithmetic; call within mpmath.workdps(digits), as Valuation does."""
        self.digits = digits

    def number(self, value: sp.Expr) -> Any:
        """A Fraction, or mpmath's value of a constant such as pi."""
        if isinstance(value, sp.Rational):
            return Fraction(int(value.p), int(value.q))
        return mpmath.mpf(sp.N(value, self.digits + 10)._mpf_)

    def array(self, values: Any) -> Any:
        """An object array of exact rationals."""
        return exact_array(values)

    def power(self, base: Any, exponent: Any) -> Any:
        """Exact for integer exponents."""
        return elementwise(_power, 2)(base, exponent)

    def compare(self, relation: Callable[[Any, Any], Any], a: Any, b: Any) -> Any:
        """Exact between rationals."""
        return np.asarray(np.frompyfunc(lambda p, q: bool(relation(_sign(p, q), 0)), 2, 1)(a, b), dtype=bool)

    def tied(self, a: Any, b: Any) -> Any:
        """Exact between rationals, else up to ten digits fewer than are computed."""
        return np.asarray(np.frompyfunc(self._tied, 2, 1)(a, b), dtype=bool)

    def _tied(self, a: Any, b: Any) -> bool:
        if isinstance(a, Fraction) and isinstance(b, Fraction):
            return a == b
        a, b = _real(a), _real(b)
        return bool(a == b or abs(a - b) <= mpmath.mpf(10) ** (10 - self.digits) * max(abs(a), abs(b)))

    def inverse(self, matrix: Any) -> Any:
        """By Gauss's elimination over the rationals (SymPy)."""
        inverse = sp.Matrix(matrix.shape[0], matrix.shape[1], [_symbol(v) for v in matrix.ravel()]).inv()
        return self.array(np.array(inverse.tolist(), dtype=object))

    def determinant(self, matrix: Any) -> Any:
        """Over the rationals (SymPy)."""
        value = sp.Matrix(matrix.shape[0], matrix.shape[1], [_symbol(v) for v in matrix.ravel()]).det()
        return Fraction(int(value.p), int(value.q))


def _sign(a: Any, b: Any) -> float:
    if _is_nan(a) or _is_nan(b):  # NaN compares with nothing
        return math.nan
    return int(_less(b, a)) - int(_less(a, b))


def _symbol(value: Any) -> sp.Rational:
    value = value if isinstance(value, Fraction) else Fraction(str(value))
    return sp.Rational(value.numerator, value.denominator)
