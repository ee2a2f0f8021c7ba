"""Sizes at which every axis has a place: where a size is a formula of others, such as n_h - n_k + 1, not all do.

In   sizes that were chosen without looking at formulas
Out  the nearest ones, one size after the other, at which every formula is at least 1; None where none can be reached
"""

from __future__ import annotations

from collections.abc import Callable, Collection, Mapping
from functools import lru_cache

import sympy as sp

from scratchgrad.certification.specification import Specification

__all__ = ["at_sizes", "feasible"]

_STEPS = 64
_CHANGES = (1, 2, -1, *range(3, 65))
"""By how much one size is changed: with a stride of 3, two more places may give no further window."""


def feasible(
    specification: Specification, sizes: Mapping[sp.Expr, int], pinned: Collection[sp.Expr] = ()
) -> Mapping[sp.Expr, int] | None:
    """The sizes, changed where a formula needs it; the pinned ones stay."""
    formulas = _formulas(specification, frozenset(sizes))
    found = dict(sizes)
    for _ in range(_STEPS):
        short = next((f for f in formulas if at_sizes(f, found) < 1), None)
        if short is None:
            return found
        step = _step(short, found, pinned)
        if step is None:
            return None
        found.update(step)
    return None


def at_sizes(formula: sp.Expr, sizes: Mapping[sp.Expr, int]) -> int:
    """The number that a formula of sizes is."""
    symbols, function = _compiled(formula)
    return int(function(*(sizes[symbol] for symbol in symbols)))


@lru_cache(4096)
def _compiled(formula: sp.Expr) -> tuple[tuple[sp.Symbol, ...], Callable[..., int]]:
    """The formula as a function of its symbols: SymPy substitutes slowly."""
    symbols = tuple(sorted(formula.free_symbols, key=str))
    return symbols, sp.lambdify(symbols, formula, "math")


@lru_cache(256)
def _formulas(specification: Specification, known: frozenset[sp.Expr]) -> tuple[sp.Expr, ...]:
    """The sizes that follow from others, in a fixed order."""
    every = {size for role in (*specification.inputs, *specification.outputs) for size in role.tensor.sizes}
    return tuple(sorted((size for size in every if size not in known and not size.is_Integer), key=str))


def _step(formula: sp.Expr, sizes: Mapping[sp.Expr, int], pinned: Collection[sp.Expr]) -> dict[sp.Expr, int] | None:
    """A size that makes the formula larger: one that grows, else one that shrinks."""
    now = at_sizes(formula, sizes)
    for change in _CHANGES:
        for size in _compiled(formula)[0]:
            there = sizes[size] + change
            if size not in pinned and there >= 1 and at_sizes(formula, {**sizes, size: there}) > now:
                return {size: there}
    return None
