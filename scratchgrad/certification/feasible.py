"""Sizes at which every axis has a place: where a size is a formula of others, such as n_h - n_k + 1, not all do.

In   sizes that were chosen without looking at formulas
Out  the nearest ones, by single steps, at which every formula is at least 1; None where none can be reached
"""

from __future__ import annotations

from collections.abc import Collection, Mapping

import sympy as sp

from scratchgrad.certification.specification import Specification

__all__ = ["feasible"]

_STEPS = 64


def feasible(
    specification: Specification, sizes: Mapping[sp.Expr, int], pinned: Collection[sp.Expr] = ()
) -> Mapping[sp.Expr, int] | None:
    """The sizes, changed where a formula needs it; the pinned ones stay."""
    formulas = {
        size
        for role in (*specification.inputs, *specification.outputs)
        for size in role.tensor.sizes
        if size not in sizes and not size.is_Integer
    }
    found = dict(sizes)
    for _ in range(_STEPS):
        short = next((f for f in sorted(formulas, key=str) if f.subs(found) < 1), None)
        if short is None:
            return found
        step = _step(short, found, pinned)
        if step is None:
            return None
        found.update(step)
    return None


def _step(formula: sp.Expr, sizes: Mapping[sp.Expr, int], pinned: Collection[sp.Expr]) -> dict[sp.Expr, int] | None:
    """A size that makes the formula larger: one that grows, else one that shrinks."""
    now = formula.subs(sizes)
    for change in (1, 2, -1):
        for size in sorted(formula.free_symbols - set(pinned), key=str):
            there = sizes[size] + change
            if there >= 1 and formula.subs({**sizes, size: there}) > now:
                return {size: there}
    return None
