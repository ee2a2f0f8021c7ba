"""The functions of the table as SymPy knows them.

    build("tanh", u)        a node; SymPy's own class where the table says so, else a node that never evaluates itself
    row_of(node)            its row, None for anything else
    SYMPY.tanh(u)           the same by attribute, for the formulas of the table, with pi, where and equal

A node of our own is made from its row: RealFunction's subclass of that name, such as Sigmoid.
"""

from __future__ import annotations

from functools import cache
from typing import Any

import mpmath
import sympy as sp

from scratchgrad.notation.functions import TABLE, Function
from scratchgrad.notation.nodes import RealNode, Where

__all__ = ["SYMPY", "RealFunction", "build", "derivatives", "from_sympy_class", "real", "row_of"]


class RealFunction(RealNode):
    """A function of the table, real-valued, which SymPy keeps as it is."""

    __slots__ = ()
    row_name = ""

    def _eval_evalf(self, prec: int) -> sp.Expr | None:
        """The number, by the table's mpmath column; NaN outside the domain."""
        if not all(a.is_number for a in self.args):
            return self
        with mpmath.workprec(prec + 20):
            try:
                arguments = [a._to_mpmath(prec + 20, allow_ints=False) for a in self.args]
            except ValueError:  # a node that SymPy has no number for, such as min(-2, 3)
                return None
            value = real(TABLE[self.row_name])(*arguments)
            return sp.Float(value, precision=prec) if mpmath.isfinite(value) else sp.nan


def real(row: Function) -> Any:
    """The function over mpmath's reals; NaN where it has no real value."""
    function = row.over(mpmath, row.mpmath)

    def call(*arguments: Any) -> Any:
        if any(isinstance(a, mpmath.mpf) and mpmath.isnan(a) for a in arguments):  # at which mpmath's sums do not end
            return mpmath.nan
        try:
            value = function(*arguments)
        except (ValueError, ZeroDivisionError, OverflowError, mpmath.mp.NoConvergence):  # a pole, or outside the domain
            return mpmath.nan
        return mpmath.nan if isinstance(value, mpmath.mpc) else value

    return call


@cache
def _own(name: str) -> type[Any]:
    """The node of ours with that name: sigmoid's is Sigmoid."""
    return type(name.capitalize(), (RealFunction,), {"row_name": name, "__slots__": (), "__module__": __name__})


def __getattr__(name: str) -> Any:
    """The node of a row by its class's name, so that expressions can be pickled."""
    row = TABLE.get(name.lower())
    if row is not None and row.own and name == row.name.capitalize():
        return _own(row.name)
    raise AttributeError(f"module {__name__!r} has no attribute {name!r}")


_NATIVE = {getattr(sp, row.sympy): row.name for row in TABLE.values() if not row.own}


def build(name: str, *arguments: Any) -> sp.Expr:
    """The function of the table at these arguments."""
    row = TABLE[name]
    made = _own(name) if row.own else getattr(sp, row.sympy)
    return made(*arguments)


def row_of(e: sp.Basic) -> Function | None:
    """The row whose function the node is; None for any other node."""
    if isinstance(e, RealFunction):
        return TABLE.get(e.row_name)
    name = _NATIVE.get(type(e))
    return TABLE[name] if name is not None else None


def from_sympy_class(e: sp.Basic) -> Function | None:
    """The row of our own node that stands for a node of SymPy's, such as sympy.asin; None for any other node."""
    return next((row for row in TABLE.values() if row.own and row.sympy and type(e) is getattr(sp, row.sympy)), None)


def derivatives(row: Function, arguments: tuple[sp.Expr, ...]) -> list[sp.Expr]:
    """The derivative by each real argument."""
    return [sp.sympify(formula(SYMPY, *arguments)) for formula in row.derivatives]


class _Sympy:
    """The arithmetic of the table's formulas over SymPy's expressions."""

    pi = sp.pi
    where = staticmethod(Where)
    equal = staticmethod(sp.Eq)

    def __getattr__(self, name: str) -> Any:
        if name not in TABLE:
            raise AttributeError(f"no function of the table is called {name!r}")
        return lambda *arguments: build(name, *arguments)


SYMPY = _Sympy()
