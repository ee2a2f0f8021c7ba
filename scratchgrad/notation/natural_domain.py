"""The natural domain: where the functions of a definition have a value and a derivative, as far as one argument says.

In   h[i] = asin(x[i]) + log(1 - 2*y[i])
Out  x in (-1,1), y < 1/2

An argument that is an element of one input, times a number and plus a number, gives an interval for that input.  Other
arguments, such as those of several tensors, give nothing: then only trying tells.
"""

from __future__ import annotations

from fractions import Fraction

import sympy as sp

from scratchgrad.domain import REALS, Domain, DomainError, Interval
from scratchgrad.notation.binding import is_tensor, tensor_name, tensors_in
from scratchgrad.notation.definition import Definition
from scratchgrad.notation.elementary import row_of
from scratchgrad.notation.functions import TABLE

__all__ = ["natural_domains"]


def natural_domains(definition: Definition) -> dict[str, Domain]:
    """The domain that functions of the table ask of each input, where they ask for one."""
    found: dict[str, Domain] = {}
    inputs = {t.name for t in definition.inputs if not t.integer}
    for assignment in definition.assignments:
        for node in sp.preorder_traversal(assignment.right):
            for argument, domain in _asked(node):
                at = _solved(argument, domain.interval)
                if at is not None and at[0] in inputs:
                    _narrow(found, *at)
    return found


def _narrow(found: dict[str, Domain], name: str, domain: Domain) -> None:
    try:
        found[name] = found.get(name, REALS) & domain
    except DomainError:  # nowhere: the definition says so itself when it is evaluated
        found.pop(name, None)


def _asked(node: sp.Basic) -> list[tuple[sp.Expr, Domain]]:
    """The arguments of a node with the domain that it asks of each, its inside: at an end there is no derivative."""
    row = row_of(node)
    if row is not None:
        return [(a, _inside(Domain.parse(row.domain))) for a in node.args[len(row.orders) :] if row.domain]
    if isinstance(node, sp.Pow) and node.exp.is_number and not node.exp.is_integer:
        return [(node.base, _inside(Domain.parse(TABLE["sqrt"].domain)))]
    if isinstance(node, sp.Pow) and not node.exp.is_number:  # a power with a variable exponent has a logarithm in it
        return [(node.base, Domain.parse(TABLE["log"].domain))]
    return []


def _inside(domain: Domain) -> Domain:
    return Domain(Interval(domain.interval.low, domain.interval.high))


def _solved(argument: sp.Expr, interval: Interval) -> tuple[str, Domain] | None:
    """The tensor of an argument a x + b, and where x lies for the argument to lie in the interval; None for others."""
    elements = {e for e in tensors_in(argument) if is_tensor(e)}
    if len(elements) != 1:
        return None
    x = elements.pop()
    at = sp.Dummy(real=True)
    line = sp.Poly(argument.xreplace({x: at}), at) if argument.xreplace({x: at}).is_polynomial(at) else None
    if line is None or line.degree() != 1 or not all(c.is_Rational for c in line.all_coeffs()):
        return None
    a, b = (Fraction(int(c.p), int(c.q)) for c in line.all_coeffs())
    low, high = (None if end is None else (end - b) / a for end in (interval.low, interval.high))
    return tensor_name(x), Domain(Interval(low, high) if a > 0 else Interval(high, low))
