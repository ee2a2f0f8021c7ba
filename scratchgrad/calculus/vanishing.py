"""Sums that are 0 by the definition, such as the sum of deviations from the mean.

In   Sum(z[j], j) * ...   where z[j] = c[j]/s, c[j] = x[j] - m, m = Sum(x[i], i)/n_i
Out  0

A sum is unfolded, assignment by assignment, until only inputs are left; if its canonical form is 0, it vanishes.
"""

from __future__ import annotations

from functools import partial

import sympy as sp

from scratchgrad.calculus.canonical import canonical
from scratchgrad.calculus.sifting import in_range
from scratchgrad.notation.binding import (
    bound,
    index_names,
    rebuild,
    rename_bound,
    replace_tensors,
    tensor_name,
)
from scratchgrad.notation.definition import Assignment, Definition

__all__ = ["vanish"]


def vanish(e: sp.Expr, definition: Definition) -> tuple[sp.Expr, list[sp.Expr]]:
    """E without the sums of assigned tensors that vanish, and those sums."""
    gone: list[sp.Expr] = []

    def walk(node: sp.Basic) -> sp.Basic:
        if isinstance(node, sp.Sum) and _candidate(node, definition):
            if node in gone or _unfolded(node, definition) == 0:
                gone.append(node)
                return sp.Integer(0)
            return node
        return rebuild(node, walk) if node.args and not isinstance(node, sp.Indexed) else node

    return sp.sympify(walk(e)), list(dict.fromkeys(gone))


def _candidate(e: sp.Sum, definition: Definition) -> bool:
    """Whether the body is one element of an assigned tensor, summed over indices of its own."""
    body = e.function
    if not isinstance(body, sp.Indexed) or definition.assignment(tensor_name(body)) is None:
        return False
    return set(bound(e)) <= set(body.indices)


def _unfolded(e: sp.Expr, definition: Definition) -> sp.Expr:
    """The canonical form of e in terms of inputs alone."""
    for assignment in reversed(definition.assignments):
        e = canonical(sp.sympify(replace_tensors(e, partial(_inserted, assignment=assignment, taken=index_names(e)))))
    return e


def _inserted(t: sp.Expr, assignment: Assignment, taken: set[str]) -> sp.Expr | None:
    at = tuple(getattr(t, "indices", ()))
    if tensor_name(t) != assignment.target.name or not all(map(in_range, assignment.target.indices, at)):
        return None
    return sp.sympify(rename_bound(assignment.at(at), taken))
