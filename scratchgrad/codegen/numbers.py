"""Numbers, sizes and shapes as Python writes them: 0.5, n_j - 1, (n_h - n_k)//2 + 1, math.log(n_i), [N, i]."""

from __future__ import annotations

import math
import re
from collections.abc import Iterable
from enum import IntEnum

import sympy as sp

from scratchgrad.notation.indices import Size

__all__ = ["Binding", "is_python", "number_text", "shape_comment", "size_text"]

_WHOLE = 2**63
"""What torch takes as a whole number is smaller; a larger one is written as a float."""


class Binding(IntEnum):
    """How tightly an expression binds, loosest first."""

    COMPARE = 0
    SUM = 1
    MATMUL = 2
    PRODUCT = 3
    SIGN = 4
    POWER = 5
    ATOM = 6


def shape_comment(sizes: Iterable[sp.Expr]) -> str:
    """A shape as a comment writes it: [N, i] for sizes N and n_i."""
    return "[" + ", ".join(re.sub(r"\bn_", "", size_text(s)) for s in sizes) + "]"


def size_text(size: sp.Expr) -> str:
    """A size as Python computes it: (n_h - n_k)//2 + 1."""
    for floor in size.atoms(sp.floor):
        over, under = sp.fraction(sp.together(floor.args[0]))
        size = size.subs(floor, sp.Symbol(f"(({over})//{under})" if isinstance(over, sp.Add) else f"({over}//{under})"))
    return str(size)


def number_text(value: sp.Expr) -> tuple[str, int]:
    """A number, which sizes may stand in, as Python computes it, and how tightly it binds; see is_python."""
    if value.is_Integer and abs(value) < _WHOLE:
        return str(value), Binding.ATOM if value >= 0 else Binding.SIGN
    if value.is_Rational:
        number = float(value)
        if math.isinf(number):
            return f"{'-' * (number < 0)}math.inf", Binding.ATOM if number > 0 else Binding.SIGN
        if value.is_Integer or sp.Rational(repr(number)) == value:
            return repr(number), Binding.ATOM if number >= 0 else Binding.SIGN
        return f"{value.p} / {value.q}", Binding.PRODUCT
    if not value.atoms(Size):
        return repr(float(value)), Binding.ATOM if value > 0 else Binding.SIGN
    if isinstance(value, Size):
        return size_text(value), Binding.ATOM
    value = value.replace(_is_a_float, lambda number: sp.Float(repr(float(number))))
    text = size_text(value)
    for name in ("sqrt", "log", "exp"):
        text = re.sub(rf"\b{name}\(", f"math.{name}(", text)
    return text, Binding.SUM


def is_python(value: sp.Expr) -> bool:
    """Whether Python's arithmetic and its square root, logarithm and exponential suffice to compute the number."""
    known = (sp.Add, sp.Mul, sp.Pow, sp.floor, sp.log, sp.exp)
    pending = [value]
    while pending:
        e = pending.pop()
        if e.is_number and not e.is_Rational:
            if not e.is_comparable:  # SymPy has no float of a function of ours
                return False
        elif e.args and not isinstance(e, known):
            return False
        else:
            pending.extend(e.args)
    return True


def _is_a_float(e: sp.Basic) -> bool:
    """Whether the number is one that Python or torch has as a float only."""
    if not isinstance(e, sp.Expr) or not e.is_number or e.is_Float:
        return False
    return not e.is_Rational or (bool(e.is_Integer) and abs(e) >= _WHOLE)
