"""The local partial of an expression with respect to one element of a tensor.

In   e, and the element T[i, j] whose letters i, j are free and distinct from every bound index of e
Out  de/dT[i, j], with a Kronecker delta for every index position: dT[a, b]/dT[i, j] = delta(a, i) delta(b, j)

One rule per node.  A kink has a declared convention, torch's: relu, abs and sign 0 at 0; a tie of max(a, b) counts half
each; max(a, c) with a constant c counts 0 at the tie (as relu does); ties of Max over an index share evenly.  Where a
definition has its kinks is said in `kinks`.
"""

from __future__ import annotations

from collections.abc import Sequence

import sympy as sp

from scratchgrad.notation.binding import (
    bound,
    free_indices,
    index_names,
    rename_bound,
    sum_over,
    tensor_name,
    tensor_names,
)
from scratchgrad.notation.definition import Tensor
from scratchgrad.notation.elementary import derivatives, row_of
from scratchgrad.notation.functions import Function
from scratchgrad.notation.indices import Index
from scratchgrad.notation.limits import tick
from scratchgrad.notation.nodes import (
    Attains,
    Determinant,
    Indicator,
    InverseElement,
    LogDeterminant,
    Maximum,
    MaxOver,
    Minimum,
    Where,
)

__all__ = ["DerivationStuck", "depends_on", "differentiate"]


class DerivationStuck(ArithmeticError):
    """No rule differentiates a node."""


def depends_on(e: sp.Basic, name: str) -> bool:
    """Whether the tensor `name` occurs in e."""
    return name in tensor_names(e)


def differentiate(e: sp.Expr, tensor: Tensor, at: Sequence[sp.Expr]) -> sp.Expr:
    """De/dT[at].  Raises DerivationStuck where a node has no rule, naming it."""
    e = sp.sympify(rename_bound(e, {i.name for position in at for i in free_indices(position)}))
    return _Partial(tensor.name, tuple(at))(e)


class _Partial:
    """The partial with respect to one element, as a walk over the expression."""

    def __init__(self, name: str, at: tuple[sp.Expr, ...]) -> None:
        self.name = name
        self.at = at
        self.found: dict[sp.Expr, sp.Expr] = {}

    def __call__(self, e: sp.Expr) -> sp.Expr:
        if e not in self.found:
            tick()
            self.found[e] = self.partial(e)
        return self.found[e]

    def partial(self, e: sp.Expr) -> sp.Expr:
        if not depends_on(e, self.name):
            return sp.Integer(0)
        if isinstance(e, (sp.Indexed, sp.Symbol)):
            return self.element(e)
        row = row_of(e)
        if row is not None:
            return self.function(row, e)
        for kind, rule in self.rules.items():
            if isinstance(e, kind):
                return rule(self, e)
        raise DerivationStuck(
            f"d/d{self.name}: no rule differentiates {type(e).__name__} in {e}; "
            f"add one to notation/functions.py or calculus/differentiate.py"
        )

    def function(self, row: Function, e: sp.Expr) -> sp.Expr:
        """The chain rule, with the table's derivatives."""
        inner = [self(a) for a in e.args[len(row.orders) :]]
        return sp.Add(*(d * i for d, i in zip(derivatives(row, e.args), inner, strict=True) if i != 0))

    def element(self, e: sp.Expr) -> sp.Expr:
        if tensor_name(e) != self.name:
            return sp.Integer(0)
        return sp.Mul(*(sp.KroneckerDelta(a, i) for a, i in zip(getattr(e, "indices", ()), self.at, strict=True)))

    def add(self, e: sp.Expr) -> sp.Expr:
        return sp.Add(*map(self, e.args))

    def mul(self, e: sp.Expr) -> sp.Expr:
        terms = []
        for position, factor in enumerate(e.args):
            inner = self(factor)
            if inner != 0:
                terms.append(sp.Mul(*e.args[:position], *e.args[position + 1 :], inner))
        return sp.Add(*terms)

    def pow(self, e: sp.Expr) -> sp.Expr:
        base, exponent = e.args
        if isinstance(base, Determinant) and not depends_on(exponent, self.name):
            return exponent * e * self.log_determinant(base)
        result = exponent * base ** (exponent - 1) * self(base)
        if depends_on(exponent, self.name):
            result += e * sp.log(base) * self(exponent)
        return result

    def sum(self, e: sp.Expr) -> sp.Expr:
        return sum_over(self(e.args[0]), *bound(e))

    def where(self, e: sp.Expr) -> sp.Expr:
        condition, then, otherwise = e.args
        return _indicator(condition) * self(then) + _indicator(sp.Not(condition)) * self(otherwise)

    def maximum(self, e: sp.Expr) -> sp.Expr:
        relation = sp.Gt if isinstance(e, Maximum) else sp.Lt
        a, b = e.args
        tie = Indicator(sp.Eq(a, b)) / 2 if _has_tensor(a) and _has_tensor(b) else sp.Integer(0)
        return (Indicator(relation(a, b)) + tie) * self(a) + (Indicator(relation(b, a)) + tie) * self(b)

    def max_over(self, e: sp.Expr) -> sp.Expr:
        body, indices = e.args[0], bound(e)
        taken = index_names(e) | {i.name for position in self.at for i in free_indices(position)}
        count = rename_bound(sum_over(Indicator(Attains(body, e)), *indices), taken)
        outer = rename_bound(e, taken)
        return sum_over(Indicator(Attains(body, outer)) / count * self(body), *indices)

    def inverse(self, e: sp.Expr) -> sp.Expr:
        matrix, i, j = e.args
        row, column = self.at[-2:]
        return -self.same_sample(matrix) * InverseElement(matrix, i, row) * InverseElement(matrix, column, j)

    def determinant(self, e: sp.Expr) -> sp.Expr:
        return e * self.log_determinant(e)

    def log_determinant(self, e: sp.Expr) -> sp.Expr:
        row, column = self.at[-2:]
        return self.same_sample(e.args[0]) * InverseElement(e.args[0], column, row)

    def same_sample(self, matrix: sp.Expr) -> sp.Expr:
        """1 where the matrix S[n] of a batch is the one that `at` is an element of; 1 where there is no batch."""
        return sp.Mul(*(sp.KroneckerDelta(a, i) for a, i in zip(getattr(matrix, "indices", ()), self.at, strict=False)))

    rules = {  # noqa: RUF012  # a table, never changed
        sp.Add: add,
        sp.Mul: mul,
        sp.Pow: pow,
        sp.Sum: sum,
        Where: where,
        Maximum: maximum,
        Minimum: maximum,
        MaxOver: max_over,
        Indicator: lambda self, e: sp.Integer(0),
        sp.KroneckerDelta: lambda self, e: sp.Integer(0),
        InverseElement: inverse,
        Determinant: determinant,
        LogDeterminant: log_determinant,
    }


def _indicator(condition: sp.Basic) -> sp.Expr:
    """1 where the condition holds, else 0; for equal indices that is a Kronecker delta, which a sum can sift."""
    if isinstance(condition, (sp.Eq, sp.Ne)) and any(isinstance(side, Index) for side in condition.args):
        index, place = sorted(condition.args, key=lambda side: not isinstance(side, Index))
        if not _has_tensor(place):
            if isinstance(condition, sp.Eq):
                return sp.KroneckerDelta(index, place)
            if index.size == 2 and place in (0, 1):
                return sp.KroneckerDelta(index, 1 - place)
    return sp.sympify(Indicator(condition))


def _has_tensor(e: sp.Basic) -> bool:
    return bool(tensor_names(e))
