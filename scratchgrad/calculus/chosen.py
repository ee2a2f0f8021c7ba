"""One chosen element, written out for a small size: what a student does before extrapolating.

For W in u_i = sum_j W_ij x_j + b_i with two outputs and three inputs, choose W_12: only u_1 contains it, so the scalar
chain rule is enough.  For x_1 both outputs contain it, so the multivariate chain rule sums over them.  Everything
here is computed on the written-out equations, apart from the general derivation, which must agree with it.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass
from itertools import product

import sympy as sp

from scratchgrad.calculus import rules
from scratchgrad.calculus.differentiate import differentiate
from scratchgrad.calculus.naming import name_elements
from scratchgrad.calculus.steps import Rule
from scratchgrad.notation.binding import bound, element, operands, rebuild, replace_tensors, substitute, tensor_name
from scratchgrad.notation.definition import Assignment, Definition, Tensor
from scratchgrad.notation.indices import Size
from scratchgrad.notation.nodes import Maximum, MaxOver

__all__ = ["ChosenElement", "Contribution", "choose", "small_sizes", "write_out"]

_MOST_WRITTEN = 12
_MOST_TERMS = 60
_STEPS = 64  # more than the formulas of a layer's sizes ever need


@dataclass(frozen=True)
class Contribution:
    """One output element that contains the chosen one: its gradient, and its partial."""

    output: sp.Expr
    upstream: sp.Expr
    partial: sp.Expr


@dataclass(frozen=True)
class ChosenElement:
    """The chosen element, the equations written out, the outputs that it touches, and its gradient."""

    element: sp.Expr
    sizes: Mapping[sp.Expr, int]
    equations: tuple[tuple[sp.Expr, sp.Expr], ...]
    touched: tuple[Contribution, ...]

    @property
    def rule(self) -> Rule:
        """The scalar chain rule where one output contains the element, else the multivariate one."""
        return rules.CHAIN if len(self.touched) == 1 else rules.MULTIVARIATE_CHAIN

    @property
    def gradient(self) -> sp.Expr:
        """The gradient of J with respect to the chosen element, by the chain rule over the touched outputs."""
        return sp.Add(*(c.upstream * c.partial for c in self.touched))


def small_sizes(definition: Definition) -> dict[sp.Expr, int]:
    """A small size for every axis, distinct where there are several: 2, 3, 4, ...; 3 where there is only one.

    A size that is a formula of others has its value; these grow until it is at least 1, and larger than a window.
    """
    every = dict.fromkeys(s for t in definition.tensors.values() for s in reversed(t.sizes))
    targets = [s for a in definition.assignments for s in a.target.sizes if s in every]
    order = list(dict.fromkeys([*targets, *every]))
    free = list(dict.fromkeys(s for size in order for s in sorted(size.atoms(Size), key=str)))
    first = 3 if len(free) == 1 else 2
    sizes: dict[sp.Expr, int] = {size: first + position for position, size in enumerate(free)}
    formulas = [size for size in order if not isinstance(size, Size) and not size.is_Integer]
    for _ in range(_STEPS):
        short = next((f for f in formulas if f.subs(sizes) < 1), None)
        if short is None:
            break
        for size in sorted(short.free_symbols, key=str):
            if short.subs({**sizes, size: sizes[size] + 2}) > short.subs(sizes):
                sizes[size] += 1
    return sizes | {formula: int(formula.subs(sizes)) for formula in formulas}


def write_out(e: sp.Basic, sizes: Mapping[sp.Expr, int]) -> sp.Expr:
    """E with every sum and maximum written out at the given sizes, and sizes replaced by numbers."""
    own = bound(e)
    if own:
        ranges = [range(int(i.size.subs(sizes))) for i in own]
        terms = [
            write_out(substitute(e.args[0], dict(zip(own, map(sp.Integer, at), strict=True))), sizes)
            for at in product(*ranges)
        ]
        if isinstance(e, MaxOver):
            result = terms[0]
            for term in terms[1:]:
                result = Maximum(result, term)
            return result
        return sp.Add(*terms)
    if e in sizes:
        return sp.Integer(sizes[e])
    return sp.sympify(rebuild(e, lambda child: write_out(child, sizes)) if e.args else e)


def choose(
    definition: Definition, tensor: Tensor, consumers: tuple[Assignment, ...], adjoint: Callable[[Tensor], Tensor]
) -> ChosenElement | None:
    """The chosen element of a tensor, or None where it is a scalar, has no value, or is too much to write out.

    A matrix's chosen element is (1, 2), a vector's is 1: small, and a transposition would show.
    """
    if definition.batch is not None or not tensor.indices:
        return None
    sizes = small_sizes(definition)
    if any(not s.is_Integer and s not in sizes for t in definition.tensors.values() for s in t.sizes):
        return None
    at = tuple(sp.Integer(min(position, int(i.size.subs(sizes)) - 1)) for position, i in enumerate(tensor.indices))
    written = [_count(a.target, sizes) for a in consumers]
    most = sum(count * _terms_written(a.right, sizes) for count, a in zip(written, consumers, strict=True))
    if sum(written) > _MOST_WRITTEN or most > _MOST_TERMS:
        return None
    if any(isinstance(n, MaxOver) for a in consumers for n in sp.preorder_traversal(a.right)):
        return None
    chosen = element(tensor.name, at)
    equations: list[tuple[sp.Expr, sp.Expr]] = []
    touched: list[tuple[sp.Expr, sp.Expr, sp.Expr]] = []
    for consumer in consumers:
        for place in product(*(range(int(i.size.subs(sizes))) for i in consumer.target.indices)):
            where = tuple(map(sp.Integer, place))
            output = element(consumer.target.name, where)
            right = _one_equation(consumer, where, definition, sizes)
            if right is None:
                return None
            equations.append((output, right))
            partial = differentiate(right, tensor, at)
            if partial != 0:
                touched.append((output, element(adjoint(consumer.target).name, where), partial))
    contributions = [Contribution(o, g, name_elements(partial, equations)) for o, g, partial in touched]
    return ChosenElement(chosen, sizes, tuple(equations), tuple(contributions)) if touched else None


def _one_equation(
    consumer: Assignment, where: tuple[sp.Expr, ...], definition: Definition, sizes: Mapping[sp.Expr, int]
) -> sp.Expr | None:
    """The right side at one place, written out; None where it has no finite value there, as 1/i where i is 0."""
    try:
        right = _without_outside(write_out(consumer.at(where), sizes), definition, sizes)
    except TypeError:  # SymPy compares nothing with infinity
        return None
    return None if right.has(sp.zoo, sp.oo, sp.nan, sp.I) else right


def _without_outside(e: sp.Expr, definition: Definition, sizes: Mapping[sp.Expr, int]) -> sp.Expr:
    """E with 0 for every element whose place is out of range."""

    def by(t: sp.Expr) -> sp.Expr | None:
        tensor = definition.tensors.get(tensor_name(t))
        at = getattr(t, "indices", ())
        if tensor is None or len(at) != len(tensor.indices) or not all(getattr(i, "is_Integer", False) for i in at):
            return None
        lengths = [int(s.subs(sizes)) for s in tensor.sizes]
        return None if all(0 <= i < n for i, n in zip(at, lengths, strict=True)) else sp.Integer(0)

    return sp.sympify(replace_tensors(e, by))


def _terms_written(e: sp.Basic, sizes: Mapping[sp.Expr, int]) -> int:
    """How many terms the sums of e have once they are written out."""
    count = sum(_terms_written(part, sizes) for part in operands(e) if part.has(sp.Sum, MaxOver))
    for index in bound(e):
        count = max(count, 1) * int(index.size.subs(sizes))
    return count or 1


def _count(tensor: Tensor, sizes: Mapping[sp.Expr, int]) -> int:
    count = 1
    for index in tensor.indices:
        count *= int(index.size.subs(sizes))
    return count
