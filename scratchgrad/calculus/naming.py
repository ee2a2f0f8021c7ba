"""Give values that forward computed their names back.

    In   exp(v_i) / Sum_k exp(v_k)   where the definition says o_i = exp(v_i) / Sum_k exp(v_k)
    Out  o_i

A product matches if it contains all factors of a right side at some indices; exp(a + b) counts as exp(a) exp(b).
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from itertools import permutations

import sympy as sp

from scratchgrad.calculus.canonical import canonical
from scratchgrad.notation.binding import (
    bound,
    free_indices,
    kinds,
    rebuild,
    substitute,
    sum_over,
    tensor_names,
)
from scratchgrad.notation.definition import Assignment
from scratchgrad.notation.indices import Index
from scratchgrad.notation.limits import tick
from scratchgrad.notation.nodes import MaxOver

__all__ = ["name_elements", "name_values"]

Factors = dict[sp.Expr, sp.Expr]
_BINDERS = {sp.Sum, MaxOver}


@dataclass(frozen=True)
class _Named:
    """`left = right` for every value of the indices."""

    left: sp.Expr
    right: sp.Expr
    indices: tuple[Index, ...] = ()


def name_values(e: sp.Expr, assignments: Sequence[Assignment]) -> sp.Expr:
    """E with the right sides of the assignments replaced by their left sides, as often as they occur."""
    return _all_named(e, [_Named(a.left, a.right, a.target.indices) for a in assignments])


def name_elements(e: sp.Expr, equations: Sequence[tuple[sp.Expr, sp.Expr]]) -> sp.Expr:
    """The same for equations between single elements, written out: o[0] = exp(v[0])/(exp(v[0]) + exp(v[1]))."""
    return _all_named(e, [_Named(left, right) for left, right in equations])


def _all_named(e: sp.Expr, values: Sequence[_Named]) -> sp.Expr:
    for value in reversed(values):
        if _worth_a_name(value.right):
            e = sp.sympify(_walk(e, value, _factors(value.right), {}))
    return e


def _worth_a_name(right: sp.Expr) -> bool:
    """Whether the right side is a product or function that holds more than tensors and numbers."""
    return not isinstance(right, sp.Add) and any(
        not isinstance(f, sp.Indexed)
        and bool(f.args)
        and (not isinstance(f, sp.Pow) or f.exp.is_negative or bool(f.base.args))
        for f in sp.Mul.make_args(right)
    )


def _walk(e: sp.Basic, value: _Named, pattern: Factors, done: dict[sp.Basic, sp.Basic]) -> sp.Basic:
    """E with the value's name wherever its right side stands; `done` remembers the nodes."""
    if not e.args or isinstance(e, sp.Indexed) or not tensor_names(value.right) <= tensor_names(e):
        return e
    if e not in done:
        done[e] = _named_inside(e, value, pattern, done)
    return done[e]


def _named_inside(e: sp.Basic, value: _Named, pattern: Factors, done: dict[sp.Basic, sp.Basic]) -> sp.Basic:
    if isinstance(e, (sp.Mul, sp.Pow, sp.exp)) or type(e) is type(value.right):
        named = _replace(sp.sympify(e), value, pattern)
        if named is not None:
            return _walk(named, value, pattern, done)
    if isinstance(e, sp.Sum):
        return sum_over(sp.sympify(_walk(e.function, value, pattern, done)), *bound(e))
    return rebuild(e, lambda child: _walk(child, value, pattern, done))


def _factors(e: sp.Expr) -> Factors:
    """The bases of a product with their exponents; exp(a + b) as two factors."""
    found: Factors = {}
    for factor in sp.Mul.make_args(e):
        base, exponent = factor.as_base_exp()
        if base == sp.E:
            for part in sp.Add.make_args(exponent):
                count, rest = part.as_coeff_Mul()
                if not count.is_Integer:
                    count, rest = sp.Integer(1), part
                found[sp.exp(rest)] = found.get(sp.exp(rest), sp.Integer(0)) + count
        else:
            found[base] = found.get(base, sp.Integer(0)) + exponent
    return found


def _replace(e: sp.Expr, value: _Named, pattern: Factors) -> sp.Expr | None:
    present = _factors(e)
    for sign in (1, -1):
        wanted = sorted(((b, sign * x) for b, x in pattern.items()), key=lambda item: bool(_BINDERS & kinds(item[0])))
        for by, used in _matches(wanted, present, value.indices, {}, {}):
            left = {b: x - used.get(b, 0) for b, x in present.items()}
            name = sp.sympify(substitute(value.left, by))
            return name**sign * sp.Mul(*(b**x for b, x in left.items()))
    return None


def _matches(
    wanted: list[tuple[sp.Expr, sp.Expr]],
    present: Factors,
    indices: Sequence[Index],
    by: dict[Index, sp.Expr],
    used: Factors,
) -> Iterator[tuple[dict[Index, sp.Expr], Factors]]:
    """Every way to choose the indices so that all wanted factors are present, and which factors those use up."""
    if not wanted:
        if all(i in by for i in indices):
            yield by, used
        return
    (base, exponent), rest = wanted[0], wanted[1:]
    for other, power in present.items():
        left = power - used.get(other, 0)
        if not left.is_number or not exponent.is_number or left * exponent <= 0 or abs(left) < abs(exponent):
            continue
        extended = _unify(base, other, indices, by)
        if extended is not None:
            yield from _matches(rest, present, indices, extended, {**used, other: used.get(other, 0) + exponent})


def _unify(
    pattern: sp.Basic, e: sp.Basic, indices: Sequence[Index], by: dict[Index, sp.Expr]
) -> dict[Index, sp.Expr] | None:
    """The indices at which the pattern is e, given those chosen already; None where there are none."""
    if isinstance(pattern, Index) and pattern in indices:
        # Only an index of the same axis is surely in range: o[2*i] may lie outside, where it is 0, its formula not.
        if not isinstance(e, Index) or e.size != pattern.size:
            return None
        if pattern in by:
            return by if by[pattern] == e else None
        return {**by, pattern: e}
    if not set(free_indices(pattern)) & set(indices):
        return by if _same(pattern, e) else None
    if type(pattern) is not type(e) or len(pattern.args) != len(e.args):
        return None
    if bound(pattern):
        return _unify_bound(pattern, e, indices, by)
    if isinstance(pattern, (sp.Add, sp.Mul)):
        return _unify_unordered(pattern.args, e.args, indices, by)
    for one, other in zip(pattern.args, e.args, strict=True):
        result = _unify(one, other, indices, by)
        if result is None:
            return None
        by = result
    return by


def _unify_unordered(
    patterns: tuple[sp.Basic, ...], others: tuple[sp.Basic, ...], indices: Sequence[Index], by: dict[Index, sp.Expr]
) -> dict[Index, sp.Expr] | None:
    """Unify the operands of a sum or product, whose order means nothing."""
    tick()
    if not patterns:
        return by
    for position, other in enumerate(others):
        result = _unify(patterns[0], other, indices, by)
        if result is not None:
            whole = _unify_unordered(patterns[1:], others[:position] + others[position + 1 :], indices, result)
            if whole is not None:
                return whole
    return None


def _unify_bound(
    pattern: sp.Basic, e: sp.Basic, indices: Sequence[Index], by: dict[Index, sp.Expr]
) -> dict[Index, sp.Expr] | None:
    """Unify two sums or maxima: their bound indices in some order, then their bodies."""
    own, others = bound(pattern), bound(e)
    for order in permutations(others):
        if [i.size for i in order] != [i.size for i in own]:
            continue
        body = substitute(pattern.args[0], dict(zip(own, order, strict=True)))
        result = _unify(body, e.args[0], indices, by)
        if result is not None and not any(set(free_indices(v)) & set(others) for k, v in result.items() if k not in by):
            return result
    return None


def _same(a: sp.Basic, b: sp.Basic) -> bool:
    if a == b:
        return True
    comparable = isinstance(a, sp.Expr) and isinstance(b, sp.Expr) and type(a) is type(b) and bool(_BINDERS & kinds(a))
    return comparable and bool(canonical(a) == canonical(b))
