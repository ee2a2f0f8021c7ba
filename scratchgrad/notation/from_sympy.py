"""SymPy in: an equation between SymPy expressions becomes a Definition.

    u, W, x = map(sympy.IndexedBase, "uWx")
    Eq(u[i], Sum(W[i, j]*x[j], (j, 0, n - 1)))

A sum must run over a whole axis, (j, 0, n - 1), or (j, 1, n) where j is a bare index; n is the axis's size.  The
equation is written in the text grammar and parsed, so both roads lead to the same objects and the same errors.
"""

from __future__ import annotations

from collections.abc import Iterable
from functools import reduce
from typing import Any

import sympy as sp

from scratchgrad.notation.binding import tensor_name
from scratchgrad.notation.definition import Definition
from scratchgrad.notation.elementary import build, from_sympy_class
from scratchgrad.notation.grammar import parse
from scratchgrad.notation.nodes import Indicator, Maximum, Minimum, Where
from scratchgrad.notation.syntax import NotationError
from scratchgrad.notation.text import to_text

__all__ = ["NotADefinition", "from_sympy"]

_ASSUMPTIONS = {"positive": ">0", "nonnegative": ">=0", "negative": "<0", "nonpositive": "<=0"}


class NotADefinition(NotationError):
    """A SymPy object that is no equation in element form."""


def from_sympy(equations: sp.Basic | Iterable[sp.Basic], **options: Any) -> Definition:
    """The definition that one or several sympy.Eq write; options are those of `grammar.parse`.

    What SymPy was told of an input, Symbol("nu", positive=True), is its domain: SymPy has simplified with it already.
    Raises NotADefinition where something is no equation, or a sum does not run over a whole axis.
    """
    if not isinstance(equations, sp.Basic | list | tuple):
        raise NotADefinition(f"expected text, a layer or sympy.Eq, got {type(equations).__name__}: {equations!r}")
    several = [equations] if isinstance(equations, sp.Basic) else list(equations)
    ranges: dict[str, str | int] = dict(options.pop("ranges", None) or {})
    statements = []
    assumed: dict[str, str] = {}
    for equation in several:
        if not isinstance(equation, sp.Eq):
            raise NotADefinition(f"expected sympy.Eq(left, right), got {type(equation).__name__}: {equation}")
        left, right = (_converted(side, ranges) for side in equation.args)
        statements.append(f"{_text(left)} = {_text(right)}")
        assumed |= _assumed(equation.rhs)
    for equation in several:
        assumed.pop(tensor_name(equation.lhs), None)
    said = [options.pop("domains", ""), *(f"{name}{domain}" for name, domain in assumed.items())]
    return parse("; ".join(statements), ranges=ranges, domains="; ".join(filter(None, said)), **options)


def _assumed(e: sp.Basic) -> dict[str, str]:
    """The domains that SymPy assumes of scalars and tensors; whole numbers are sizes and indices."""
    found: dict[str, str] = {}
    for symbol in sorted(e.atoms(sp.Symbol, sp.IndexedBase), key=str):
        if symbol.is_integer or isinstance(symbol, sp.Idx):
            continue
        for assumption, domain in _ASSUMPTIONS.items():
            if getattr(symbol, f"is_{assumption}"):
                found.setdefault(str(getattr(symbol, "label", symbol)), domain)
    return found


def _text(e: sp.Basic) -> str:
    return to_text(e).replace("\\", "")


def _converted(e: sp.Basic, ranges: dict[str, str | int]) -> sp.Basic:
    """E in the nodes of the notation; the ranges of its sums are noted."""
    if isinstance(e, sp.Indexed):
        return sp.Indexed(sp.IndexedBase(str(e.base.label), real=True), *(_converted(i, ranges) for i in e.indices))
    if isinstance(e, sp.Idx):
        return sp.Symbol(str(e.label))
    if isinstance(e, sp.Symbol):
        return sp.Symbol(e.name)  # whether it is an index or a scalar is for the grammar to say
    if isinstance(e, sp.Sum):
        for limit in e.limits:
            _note_range(limit, e, ranges)
        body = _converted(e.function, ranges)
        return sp.Sum(body, *((sp.Symbol(str(getattr(i[0], "label", i[0]))), 0, 0) for i in e.limits))
    if isinstance(e, (sp.Max, sp.Min)):
        pair = Maximum if isinstance(e, sp.Max) else Minimum
        return reduce(pair, sorted((_converted(a, ranges) for a in e.args), key=lambda a: a.is_number))
    if isinstance(e, sp.Heaviside):
        return Indicator(sp.Gt(_converted(e.args[0], ranges), 0))
    if isinstance(e, sp.Piecewise):
        value: sp.Basic = sp.Integer(0)
        for branch, condition in reversed(e.args):
            value = Where(_converted(condition, ranges), _converted(branch, ranges), value)
        return value
    if (row := from_sympy_class(e)) is not None:
        return build(row.name, *(_converted(a, ranges) for a in e.args))
    return e.func(*(_converted(a, ranges) for a in e.args)) if e.args else e


def _note_range(limit: sp.Tuple, e: sp.Sum, ranges: dict[str, str | int]) -> None:
    if len(limit) == 1 and not isinstance(limit[0], sp.Idx):
        return
    low, high = (limit[1], limit[2]) if len(limit) > 1 else (limit[0].lower, limit[0].upper)
    size = None if low is None or high is None else sp.expand(high - low + 1)
    if size is None or low not in (0, 1) or not (size.is_Integer or size.is_Symbol):
        raise NotADefinition(f"{e}: a sum runs over a whole axis, (j, 0, n - 1) or (j, 1, n); got {limit}")
    if low == 1 and not _bare(e.function, limit[0]):
        raise NotADefinition(f"{e}: {limit[0]} is counted from 1 and is more than a bare index; count it from 0")
    name = str(getattr(limit[0], "label", limit[0]))
    wanted = int(size) if size.is_Integer else str(size)
    if ranges.setdefault(name, wanted) != wanted:
        raise NotADefinition(f"{e}: {name} runs over two ranges, {ranges[name]} and {wanted}; use a letter for each")


def _bare(e: sp.Basic, index: sp.Basic) -> bool:
    """Whether e contains the index only as a whole position of an element, where it does not matter what is first."""
    if isinstance(e, sp.Indexed):
        return all(i == index or not i.has(index) for i in e.indices)
    return e != index and all(_bare(a, index) for a in e.args)
