"""One assignment for every contraction inside a nonlinear function.

    h[i] = tanh(Sum(W[i,j]*x[j], j))      z[i] = Sum(W[i,j]*x[j], j);  h[i] = tanh(z[i])

So each has one gradient, computed once.  A softmax stays whole: exp(v[i]) / Sum(exp(v[k]), k) is recognised as it is.
"""

from __future__ import annotations

from dataclasses import replace

import sympy as sp

from scratchgrad.notation.binding import bound, free_indices, rebuild
from scratchgrad.notation.definition import Assignment, Definition, Tensor
from scratchgrad.notation.indices import Index
from scratchgrad.notation.nodes import MaxOver, Where

__all__ = ["flatten"]


def flatten(definition: Definition) -> Definition:
    """The definition with its inner contractions named z1, z2, ..."""
    names = set(definition.tensors)
    assignments: list[Assignment] = []
    found: dict[sp.Basic, sp.Expr] = {}
    current: list[Index] = []

    def name(e: sp.Expr) -> sp.Expr:
        if e not in found:
            number = len(found) + 1
            while f"z{number}" in names:
                number += 1
            names.add(f"z{number}")
            order = [*([definition.batch] if definition.batch else []), *current]
            indices = sorted(free_indices(e), key=lambda i: order.index(i) if i in order else len(order))
            target = Tensor(f"z{number}", tuple(indices))
            assignments.append(Assignment(target, e))
            found[e] = target.element
        return found[e]

    def walk(e: sp.Basic, nonlinear: bool) -> sp.Basic:
        if not e.args or isinstance(e, sp.Indexed):
            return e
        if isinstance(e, (sp.Sum, MaxOver)):
            inner = sp.sympify(rebuild(e, lambda child: walk(child, nonlinear and not bound(child))))
            return name(inner) if nonlinear else inner
        if isinstance(e, sp.Mul) and _softmax(e):
            return e
        linear = isinstance(e, (sp.Add, sp.Mul))
        return rebuild(e, lambda child: walk(child, nonlinear or not linear))

    for assignment in definition.assignments:
        current[:] = assignment.target.indices
        right = sp.sympify(walk(assignment.right, False))
        assignments.append(Assignment(assignment.target, right))
    return replace(definition, assignments=tuple(assignments))


def _softmax(e: sp.Mul) -> bool:
    """Whether a product divides an exponential by a sum of exponentials; some may be left out by a condition."""
    exponential = any(_exponential(f) for f in e.args)
    return exponential and any(
        isinstance(f, sp.Pow) and f.exp == -1 and isinstance(f.base, sp.Sum) and _exponential(f.base.function)
        for f in e.args
    )


def _exponential(e: sp.Basic) -> bool:
    """exp(v), or where(c, exp(v), 0)."""
    return isinstance(e, sp.exp) or (isinstance(e, Where) and isinstance(e.args[1], sp.exp) and e.args[2] == 0)
