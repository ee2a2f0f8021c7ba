"""The nodes that a definition may use beyond SymPy's own.

SymPy's Heaviside(0) is 1/2, its Max reorders and its Piecewise simplifies behind our back; these nodes do nothing of
the kind.  None evaluates itself, and a kink's convention belongs to the rule that differentiates the node.

    Indicator(c)          1 where the condition c holds, else 0; a product with it is 0 where c fails, whatever the
                          rest is
    Where(c, a, b)        a where c holds, else b
    Maximum(a, b), Minimum(a, b)
    Attains(a, m)         the condition that a is the maximum m
    MaxOver(e, i, ..)     the largest e over the whole range of the bound indices
    InverseElement(A, i, j), Determinant(A), LogDeterminant(A)      of a square tensor named A
    Partial(a, b)         the opaque partial derivative of a with respect to b, for printing
"""

from __future__ import annotations

from typing import Any

import sympy as sp

__all__ = [
    "Attains",
    "Determinant",
    "Indicator",
    "InverseElement",
    "LogDeterminant",
    "MaxOver",
    "Maximum",
    "Minimum",
    "Partial",
    "RealNode",
    "Where",
]


class RealNode(sp.Expr):
    """An expression that SymPy keeps as it is, real-valued."""

    __slots__ = ()
    is_commutative = True
    is_extended_real = True

    def __new__(cls, *args: Any) -> Any:
        """The node as it is."""
        return sp.Expr.__new__(cls, *map(sp.sympify, args))


class Indicator(RealNode):
    """1 where the condition holds, else 0."""

    def __new__(cls, condition: Any) -> Any:
        """The node, or 1 or 0 where the condition is already decided."""
        condition = sp.sympify(condition)
        if condition in (sp.true, sp.false):
            return sp.Integer(condition is sp.true)
        return sp.Expr.__new__(cls, condition)

    def _eval_power(self, exponent: sp.Expr) -> sp.Expr | None:
        return self if exponent.is_positive else None


class Where(RealNode):
    """The second argument where the first, a condition, holds, else the third."""

    def __new__(cls, condition: Any, then: Any, otherwise: Any) -> Any:
        """The node, or the branch that a decided condition leaves."""
        condition, then, otherwise = map(sp.sympify, (condition, then, otherwise))
        if condition in (sp.true, sp.false):
            return then if condition is sp.true else otherwise
        if then == otherwise:
            return then
        if then == 1 and otherwise == 0:
            return Indicator(condition)
        if then == 0 and otherwise == 1:
            return Indicator(sp.Not(condition))
        return sp.Expr.__new__(cls, condition, then, otherwise)


class Attains(sp.Eq):
    """Whether the first value is the maximum that stands second, up to rounding: the two may be summed differently."""


class Maximum(RealNode):
    """The larger of two values."""


class Minimum(RealNode):
    """The smaller of two values."""


class MaxOver(RealNode):
    """The largest value of the first argument over the whole range of the bound indices that follow."""


class InverseElement(RealNode):
    """Element (i, j) of the inverse of the square tensor named by the first argument."""


class Determinant(RealNode):
    """The determinant of the square tensor named by the argument."""


class LogDeterminant(RealNode):
    """The logarithm of the absolute value of the determinant of the named square tensor."""


class Partial(RealNode):
    """The partial derivative of the first argument with respect to the second, written but not evaluated.

    SymPy's own Derivative(J, W[i, j]).doit() is 0, hence this opaque node.
    """
