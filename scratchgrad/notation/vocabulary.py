"""The words of the text grammar beside the functions of the table: constructs, binders, determinants, sizes."""

from __future__ import annotations

import re
from collections.abc import Callable

import sympy as sp

from scratchgrad.notation.binding import max_over, sum_over
from scratchgrad.notation.functions import TABLE
from scratchgrad.notation.nodes import Maximum, Minimum, Where

__all__ = ["BINDERS", "CONSTRUCTS", "DIGITS", "MATRIX", "NO_REAL", "RESERVED", "SIZE_OF"]

CONSTRUCTS: dict[str, tuple[int, Callable[..., sp.Expr]]] = {
    "max": (2, Maximum),
    "min": (2, Minimum),
    "where": (3, Where),
    "delta": (2, sp.KroneckerDelta),
}
BINDERS: dict[str, Callable[..., sp.Expr]] = {"Sum": sum_over, "Max": max_over}
MATRIX = ("Inv", "Det", "LogDet")
SIZE_OF = re.compile(r"n_([A-Za-z]\w*)")
"""The size of the axis over which a letter ranges."""

RESERVED = frozenset({*TABLE, *CONSTRUCTS, *BINDERS, *MATRIX})
"""What no tensor is called."""

NO_REAL = frozenset({"inf", "Infinity", "nan", "NaN", "oo", "zoo"})
"""What Python and SymPy write where there is no real number."""

DIGITS = 400
"""No number has more digits, nor a larger power of ten, where it is written: float64 ends at 1.8e308."""
