"""Sums that are 0 by the definition, such as the sum of deviations from the mean.

In   Sum(z[j], j) * ...   where z[j] = c[j]/s, c[j] = x[j] - m, m = Sum(x[i], i)/n_i
Out  0

Or a bracket that says the same, n_i*m - Sum(x[i], i).

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
    is_tensor,
    kinds,
    rebuild,
    rename_bound,
    replace_tensors,
    tensor_name,
)
from scratchgrad.notation.definition import Assignment, Definition
from scratchgrad.notation.indices import Size

__all__ = ["vanish"]


def vanish(e: sp.Expr, definition: Definition) -> tuple[sp.Expr, list[sp.Expr]]:
    """E without the sums of assigned tensors, and brackets of them, that vanish; and those."""
    gone: list[sp.Expr] = []

    def walk(node: sp.Basic) -> sp.Basic:
        if sp.Sum not in kinds(node):
            return node
        if _candidate(node, definition):
            if node in gone or _unfolded(node, definition) == 0:
                gone.append(node)
                return sp.Integer(0)
            return node
        return rebuild(node, walk) if node.args and not isinstance(node, sp.Indexed) else node

    return sp.sympify(walk(e)), list(dict.fromkeys(gone))


def _candidate(e: sp.Basic, definition: Definition) -> bool:
    """Whether e is a sum of one assigned tensor over indices of its own, or a bracket of tensors and their sums."""
    if isinstance(e, sp.Add):
        terms = [t for t in map(_without_sizes, e.args) if t is not None]
        assigned = any(definition.assignment(tensor_name(t)) is not None for t in terms if not isinstance(t, sp.Sum))
        return len(terms) == len(e.args) and assigned and any(isinstance(t, sp.Sum) for t in terms)
    if not isinstance(e, sp.Sum):
        return False
    body = e.function
    if not isinstance(body, sp.Indexed) or definition.assignment(tensor_name(body)) is None:
        return False
    return set(bound(e)) <= set(body.indices)


def _without_sizes(term: sp.Expr) -> sp.Expr | None:
    """The tensor, or the sum of one, that a term has beside numbers and sizes; None where it is something else."""
    rest = [f for f in sp.Mul.make_args(term) if not (f.is_number or f.as_base_exp()[0].func is Size)]
    if len(rest) != 1:
        return None
    inner = rest[0].function if isinstance(rest[0], sp.Sum) else rest[0]
    return rest[0] if is_tensor(inner) else None


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
