"""Write an expression in the text grammar, so that it parses back.

The inverse of `grammar`.  This is the program's own notation, not typeset mathematics: sheets.printer does that.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from functools import lru_cache
from typing import Any

import sympy as sp
from sympy.core.relational import Relational

from scratchgrad.notation.binding import bound, rebuild, tensor_name
from scratchgrad.notation.elementary import row_of
from scratchgrad.notation.indices import Index
from scratchgrad.notation.limits import tick
from scratchgrad.notation.nodes import (
    Determinant,
    Indicator,
    InverseElement,
    LogDeterminant,
    Maximum,
    MaxOver,
    Minimum,
    Partial,
    Where,
)

__all__ = ["to_text"]

_ADD, _MUL, _UNARY, _POW, _ATOM = range(5)

_NAMES: dict[type[Any], str] = {
    Maximum: "max",
    Minimum: "min",
    sp.KroneckerDelta: "delta",
    Determinant: "Det",
    LogDeterminant: "LogDet",
    Partial: "partial",
}


def to_text(e: sp.Basic, axes: Mapping[str, tuple[sp.Expr, ...]] | None = None) -> str:
    """The expression in the text grammar.

    An integer-valued scalar is written t[], because a bare t at an index's place would be an index.  A bare index says
    that its range is the axis that it indexes.  Where that is not so, as for x[k] after k took the
    place of an index of another axis, `axes` (tensor -> sizes of its axes) has it written x[k+0], which parses back.
    """
    return _write(_shifted(e, axes) if axes else e)[0]


def _shifted(e: sp.Basic, axes: Mapping[str, tuple[sp.Expr, ...]]) -> sp.Basic:
    """E with every bare index that does not range over the axis where it stands marked as no bare one."""

    def marked(index: sp.Basic, size: sp.Expr) -> sp.Basic:
        foreign = isinstance(index, Index) and index.size != size
        return sp.Symbol(f"{index}+0", integer=True) if foreign else _shifted(index, axes)

    if isinstance(e, sp.Indexed) and tensor_name(e) in axes:
        return e.func(e.base, *map(marked, e.indices, axes[tensor_name(e)]))
    if isinstance(e, InverseElement) and tensor_name(e.args[0]) in axes:
        return e.func(e.args[0], *map(marked, e.args[1:], axes[tensor_name(e.args[0])][-2:]))
    return rebuild(e, lambda child: _shifted(child, axes)) if e.args else e


def _wrap(e: sp.Basic, at_least: int) -> str:
    text, level = _write(e)
    return text if level >= at_least else f"({text})"


@lru_cache(maxsize=1 << 16)  # a sum writes its terms to order them, a derivation writes the same terms at each step
def _write(e: Any) -> tuple[str, int]:
    tick()
    if type(e) is sp.Symbol and e.is_integer and e.name.isidentifier():
        return f"{e}[]", _ATOM
    for kind, write in _WRITERS.items():
        if isinstance(e, kind):
            return write(e)
    row = row_of(e)
    name = row.name if row is not None else _NAMES.get(type(e))
    if name is not None:
        return f"{name}({', '.join(map(to_text, e.args))})", _ATOM
    return str(e), _ATOM


def _rational(e: sp.Rational) -> tuple[str, int]:
    text = str(e)
    return text, _UNARY if e < 0 else _MUL if "/" in text else _ATOM


def _add(e: sp.Add) -> tuple[str, int]:
    terms = sorted(e.as_ordered_terms(), key=lambda t: t.could_extract_minus_sign())
    text = _wrap(terms[0], _ADD)
    for term in terms[1:]:
        if term.could_extract_minus_sign():
            text += f" - {_wrap(-term, _MUL)}"
        else:
            text += f" + {_wrap(term, _MUL)}"
    return text, _ADD


def _mul(e: sp.Mul) -> tuple[str, int]:
    if e.could_extract_minus_sign():
        return f"-{_wrap(-e, _MUL)}", _UNARY
    over: list[sp.Expr] = []
    under: list[sp.Expr] = []
    for factor in e.as_ordered_factors():
        if isinstance(factor, sp.Rational):
            over += [sp.Integer(factor.p)] if factor.p != 1 else []
            under += [sp.Integer(factor.q)] if factor.q != 1 else []
        elif isinstance(factor, sp.Pow) and factor.exp.could_extract_minus_sign():
            under.append(1 / factor)
        else:
            over.append(factor)
    top = "*".join(_wrap(f, _MUL if position == 0 else _UNARY) for position, f in enumerate(over)) or "1"
    for factor in under:
        top += f"/{_wrap(factor, _POW)}"
    return top, _MUL


def _pow(e: sp.Pow) -> tuple[str, int]:
    if e.exp == sp.Rational(1, 2):
        return f"sqrt({to_text(e.base)})", _ATOM
    if e.exp.could_extract_minus_sign():
        return f"1/{_wrap(1 / e, _POW)}", _MUL
    return f"{_wrap(e.base, _ATOM)}**{_wrap(e.exp, _POW)}", _POW


def _binder(name: str) -> Callable[[sp.Basic], tuple[str, int]]:
    def write(e: sp.Basic) -> tuple[str, int]:
        return f"{name}({to_text(e.args[0])}, {', '.join(_ranged(i, e.args[0]) for i in bound(e))})", _ATOM

    return write


def _ranged(index: sp.Symbol, body: sp.Basic) -> str:
    """The index behind a sum: with its range, r<3, where that is a number and no axis that r indexes bare says it."""
    if not isinstance(index, Index) or not isinstance(index.size, sp.Integer):
        return str(index)
    bare = any(index in e.args[1:] for e in body.atoms(sp.Indexed, InverseElement))
    return index.name if bare else f"{index.name}<{index.size}"


def _where(e: sp.Basic) -> tuple[str, int]:
    condition, then, otherwise = (*e.args, sp.Integer(1), sp.Integer(0))[:3]
    return f"where({to_text(condition)}, {to_text(then)}, {to_text(otherwise)})", _ATOM


def _relation(e: Relational) -> tuple[str, int]:
    return f"{to_text(e.lhs)} {e.rel_op} {to_text(e.rhs)}", _ATOM


def _indexed(e: sp.Indexed) -> tuple[str, int]:
    return f"{e.base.label}[{','.join(map(to_text, e.indices))}]", _ATOM


_WRITERS: dict[type, Callable[..., tuple[str, int]]] = {
    type(sp.E): lambda _: ("exp(1)", _ATOM),
    sp.Rational: _rational,
    sp.Add: _add,
    sp.exp: lambda e: (f"exp({to_text(e.args[0])})", _ATOM),
    sp.Mul: _mul,
    sp.Pow: _pow,
    sp.Sum: _binder("Sum"),
    MaxOver: _binder("Max"),
    Indicator: _where,
    Where: _where,
    sp.And: lambda e: (f"({' and '.join(map(to_text, e.args))})", _ATOM),
    sp.Or: lambda e: (f"({' or '.join(map(to_text, e.args))})", _ATOM),
    sp.Not: lambda e: (f"not ({to_text(e.args[0])})", _ATOM),
    Relational: _relation,
    sp.Indexed: _indexed,
    InverseElement: lambda e: (f"Inv({e.args[0]})[{to_text(e.args[1])},{to_text(e.args[2])}]", _ATOM),
}
