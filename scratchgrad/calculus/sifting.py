"""Collapse Kronecker deltas inside sums.

    In   sum_k delta(k, j) f(k), with k ranging over axis I
    Out  f(j)

Where j was declared on the same axis it is in range and nothing else is needed.  Where the delta picks an affine place
(`delta(m, 2*i + k)`), the place may lie outside: an element of a tensor there is 0, which guards the result; without
such an element an Indicator does.  A place is solved for an index only where its coefficient is 1 or -1, so that
divisibility is never lost.
"""

from __future__ import annotations

from collections.abc import Iterable, Sequence

import sympy as sp

from scratchgrad.notation.binding import (
    bound,
    free_indices,
    index_names,
    kinds,
    rebuild,
    rename_bound,
    replace_tensors,
    substitute,
    sum_over,
)
from scratchgrad.notation.indices import Index
from scratchgrad.notation.nodes import Indicator, MaxOver

_ZERO = sp.Float(0)  # what is worked out with it stays short: exactly, ((0 + 1)**2 + 1)**2... has millions of digits

__all__ = ["in_range", "inside", "pull_out", "sift", "terms_with_deltas"]


def sift(e: sp.Expr) -> tuple[sp.Expr, list[tuple[Index, sp.Expr]]]:
    """E with one level of deltas collapsed (innermost sums first), and what replaced which index."""
    survivors: list[tuple[Index, sp.Expr]] = []

    def walk(node: sp.Basic) -> tuple[sp.Basic, bool]:
        """The node, and whether something collapsed inside it."""
        if isinstance(node, (MaxOver, sp.Indexed)) or sp.KroneckerDelta not in kinds(node):
            return node, False
        done: list[bool] = []

        def child(inner: sp.Basic) -> sp.Basic:
            new, changed = walk(inner)
            done.append(changed)
            return new

        new = rebuild(node, child)
        if any(done):
            return (pull_out(new) if isinstance(new, sp.Sum) else new), True
        if isinstance(node, sp.Sum):
            collapsed = _collapse(node, survivors)
            if collapsed is not None:
                return collapsed, True
        return node, False

    result, _ = walk(e)
    return sp.sympify(result), survivors


def terms_with_deltas(body: sp.Expr) -> tuple[sp.Expr, ...]:
    """The terms of a body, products distributed over those sums of terms that contain deltas."""
    if isinstance(body, sp.Add):
        return tuple(t for part in body.args for t in terms_with_deltas(part))
    if isinstance(body, sp.Mul):
        for factor in body.args:
            if isinstance(factor, sp.Add) and any(d.atoms(Index) for d in factor.atoms(sp.KroneckerDelta)):
                rest = sp.Mul(*(f for f in body.args if f is not factor))
                return tuple(t for part in factor.args for t in terms_with_deltas(rest * part))
    return (body,)


def _collapse(e: sp.Sum, survivors: list[tuple[Index, sp.Expr]]) -> sp.Expr | None:
    """The sum without the deltas that its own indices collapse; None where there are none."""
    if sp.KroneckerDelta not in kinds(e.function):
        return None
    terms = terms_with_deltas(e.function)
    collapsed, changed = [], False
    for whole in terms:
        term, inner = _joined(whole, bound(e))
        indices, hit = [*bound(e), *inner], True
        while hit:
            term, hit = _collapse_one(term, indices, survivors)  # one term, delta after delta
            changed |= hit
        collapsed.append(pull_out(sum_over(term, *indices)))
    return sp.Add(*collapsed) if changed else None


def _joined(term: sp.Expr, outer: Sequence[Index]) -> tuple[sp.Expr, tuple[Index, ...]]:
    """The term with the sums in it opened whose deltas contain an outer index, and their indices, named apart."""
    factors: list[sp.Expr] = []
    opened: list[Index] = []
    for factor in sp.Mul.make_args(term):
        deltas = factor.function.atoms(sp.KroneckerDelta) if isinstance(factor, sp.Sum) else set()
        if any(set(free_indices(d)) & set(outer) for d in deltas):
            apart = rename_bound(factor, index_names(term) | {i.name for i in (*outer, *opened)})
            opened += bound(apart)
            factors.append(sp.sympify(apart.args[0]))
        else:
            factors.append(factor)
    return (sp.Mul(*factors), tuple(opened)) if opened else (term, ())


def _collapse_one(term: sp.Expr, indices: list[Index], survivors: list[tuple[Index, sp.Expr]]) -> tuple[sp.Expr, bool]:
    factors = sp.Mul.make_args(term)
    for delta in factors:
        if not isinstance(delta, sp.KroneckerDelta):
            continue
        for index in indices:
            place = _solve(delta, index)
            if place is None:
                continue
            rest = sp.Mul(*(f for f in factors if f is not delta))
            kept = rename_bound(rest, {i.name for i in free_indices(place)})
            new = sp.sympify(substitute(kept, {index: place}))
            condition = inside([(index, place)])
            if condition != 1 and not _guarded(rest, index):
                new *= condition
            indices.remove(index)
            if (index, place) not in survivors:
                survivors.append((index, place))
            return new, True
    return term, False


def _solve(delta: sp.Expr, index: Index) -> sp.Expr | None:
    """The place p such that the delta is delta(index, p), None where the index has no coefficient 1 or -1."""
    difference = sp.expand(delta.args[0] - delta.args[1])
    if index not in free_indices(difference) or any(
        index in free_indices(i) for t in difference.atoms(sp.Indexed) for i in t.indices
    ):
        return None
    coefficient = difference.coeff(index)
    if coefficient not in (1, -1):
        return None
    return sp.expand(index - difference * coefficient)


def in_range(index: Index, place: sp.Expr) -> bool:
    """Whether the place surely lies on the index's axis, such as another index of that axis."""
    return not _doubts(index, place)


def inside(places: Iterable[tuple[Index, sp.Expr]]) -> sp.Expr:
    """1 where every place lies on the axis of its index, else 0."""
    return Indicator(sp.And(*(doubt for index, place in places for doubt in _doubts(index, place))))


def _doubts(index: Index, place: sp.Expr) -> list[sp.Basic]:
    """The conditions under which the place lies on the axis, without those that hold for all values of its indices."""
    least = most = place = sp.expand(place)
    for other in free_indices(place):
        factor = place.coeff(other)
        if factor.is_Integer and other not in free_indices(sp.expand(place - factor * other)):
            low, high = (0, other.size - 1) if factor > 0 else (other.size - 1, 0)
            least, most = least.subs(other, low), most.subs(other, high)
    doubts = [] if least.is_nonnegative else [sp.Ge(place, 0)]
    return doubts if (most - index.size + 1).is_nonpositive else [*doubts, sp.Le(place, index.size - 1)]


def _guarded(term: sp.Expr, index: Index) -> bool:
    """Whether the term is 0 where the index is out of its range: an element is, and nothing beside it is infinite."""
    guard = False
    for factor in sp.Mul.make_args(term):
        base = factor.base if isinstance(factor, sp.Pow) and factor.exp.is_positive else factor
        guard |= isinstance(base, sp.Indexed) and index in base.indices
        if index in free_indices(factor) and _infinite_outside(factor, index):
            return False
    return guard


def _infinite_outside(e: sp.Expr, index: Index) -> bool:
    """Whether e is infinite, or compares something infinite, where the elements at the index are 0."""
    try:
        outside = replace_tensors(e, lambda t: _ZERO if index in free_indices(t) else None)
    except TypeError:  # SymPy compares nothing with infinity
        return True
    return bool(outside.has(sp.zoo, sp.oo, sp.nan))


def pull_out(e: sp.Expr) -> sp.Expr:
    """A sum with its constant factors in front; an index that nothing depends on counts its axis."""
    if not isinstance(e, sp.Sum):
        return e
    indices = bound(e)
    outside: list[sp.Expr] = []
    inside: list[sp.Expr] = []
    for factor in sp.Mul.make_args(e.function):
        hit = set(free_indices(factor)) & set(indices)
        (inside if hit else outside).append(factor)
    used = _used(inside, indices)
    outside += [i.size for i in indices if i not in used]
    return sp.Mul(*outside) * sum_over(sp.Mul(*inside), *used)


def _used(factors: Iterable[sp.Basic], indices: Sequence[Index]) -> tuple[Index, ...]:
    free = {i for f in factors for i in free_indices(f)}
    return tuple(i for i in indices if i in free)
