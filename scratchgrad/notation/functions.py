r"""The elementary functions: one row a function, one column for each consumer.

    name, orders      how a text calls it; the least values of those first arguments that are whole numbers
    derivatives       one for each real argument, over any arithmetic `s`:  lambda s, x: 1 - s.tanh(x) ** 2
    domain, range     as a signature writes a domain: "" all reals, ">0", " in (-1,1)"; the range may be given wider
    parity            "odd", "even" or "" (of the first real argument)
    kink              where it has no derivative, in words ({} is the number), and such a number; the convention is what
                      the formula of the derivative gives there; None where it has a derivative everywhere
    at_zero           its value at 0, if that is a rational number; else None
    rational          its value at a Fraction, where all such values are rational; else None
    exact             the same in functions that the prover knows, over any arithmetic; None: the value stays a symbol,
                      one for each argument up to the parity
    sympy, own        SymPy's class for it ("" if none); whether a node of ours, which never evaluates itself, is used
    numpy, mpmath     the name of the function there, or what it is in others; numpy None: mpmath, number by number
    arb               the name of python-flint's method, or what it is in others
    torch             an expression with {0} for the argument, which calls one operation of torch
    c                 an expression in the macros of program/native/emit/prelude.h
    latex             the name of the function, or the whole with {0} for the argument; `powers`: sin^2 x is usual

Add a function: add its row.  Everything from the text grammar to certified kernels reads this table, and
tests/notation/test_functions.py demands every column and holds each against the others.  A C form that libm does not
have is written in prelude.h.  This file imports nothing, so that the runtime may read it, too.
"""

from __future__ import annotations

import re
from collections.abc import Callable
from dataclasses import dataclass
from functools import cached_property
from typing import Any

__all__ = ["TABLE", "Function", "listed", "of_aten"]

Formula = Callable[..., Any]


@dataclass(frozen=True, kw_only=True)
class Function:
    """One elementary function, as every part of the package needs it."""

    name: str
    derivatives: tuple[Formula, ...]
    domain: str = ""
    range: str = ""
    parity: str = ""
    kink: tuple[str, str] | None = None
    at_zero: str | None = None
    rational: Formula | None = None
    exact: Formula | None = None
    sympy: str = ""
    own: bool = True
    numpy: str | Formula | None
    mpmath: str | Formula
    arb: str | Formula
    torch: str
    c: str
    latex: str
    powers: bool = False
    orders: tuple[int, ...] = ()

    @property
    def arity(self) -> int:
        """How many arguments a text gives it."""
        return len(self.orders) + len(self.derivatives)

    @cached_property
    def aten(self) -> str:
        """The name of torch's operation: special_ndtr for torch.special.ndtr({0})."""
        called = re.search(r"(?:torch\.|\})\.?([\w.]+)\(", self.torch)
        assert called is not None, f"{self.name}: {self.torch!r} calls no operation of torch"
        return called[1].replace(".", "_")

    def over(self, library: Any, column: str | Formula) -> Formula:
        """The function as a column has it, over a library: numpy or mpmath."""
        return getattr(library, column) if isinstance(column, str) else lambda *x: column(library, *x)

    def ball(self, *arguments: Any) -> Any:
        """The value at balls of python-flint."""
        if isinstance(self.arb, str):
            return getattr(arguments[0], self.arb)(*arguments[1:])
        return self.arb(*arguments)


def of_aten(name: str) -> Function | None:
    """The function that torch's operation computes; None where the operation is none of the table."""
    return next((row for row in TABLE.values() if row.aten == name), None)


def listed() -> str:
    """The names of all functions as a text calls them: exp log .. atan2(a,b) .. hurwitz(n,a) .."""
    return " ".join(
        row.name if row.arity == 1 else f"{row.name}({','.join([*'n' * len(row.orders), *'abc'][: row.arity])})"
        for row in TABLE.values()
    )


def _rounded_ball(x: Any) -> Any:
    """The nearest whole number, the even one of two, for all numbers of a ball."""
    if not x.is_finite():
        return x
    low, high = (_rounded_half_even(end) for end in (x.lower(), x.upper()))
    return low.union(high)


def _rounded_half_even(x: Any) -> Any:
    below = x.floor()
    twice = 2 * (x - below)
    up = twice > 1 or (twice == 1 and not (below / 2).is_integer())
    return below + 1 if up else below


_HALF_PI = "(-1.5708,1.5708)"

_ROWS = (
    Function(
        name="exp", range=">0", at_zero="1", derivatives=(lambda s, x: s.exp(x),), sympy="exp", own=False,
        numpy="exp", mpmath="exp", arb="exp", torch="{0}.exp()", c="EXP({0})", latex="\\exp",
    ),
    Function(
        name="log", domain=">0", derivatives=(lambda s, x: 1 / x,), sympy="log", own=False,
        numpy="log", mpmath="log", arb="log", torch="{0}.log()", c="LOG({0})", latex="\\log",
    ),
    Function(
        name="sqrt", domain=">=0", range=">=0", at_zero="0", derivatives=(lambda s, x: 1 / (2 * s.sqrt(x)),),
        sympy="sqrt", own=False,  # in SymPy a power
        numpy="sqrt", mpmath="sqrt", arb="sqrt", torch="{0}.sqrt()", c="SQRT({0})", latex="\\sqrt{{{0}}}",
    ),
    Function(
        name="sin", range=" in [-1,1]", parity="odd", at_zero="0", derivatives=(lambda s, x: s.cos(x),),
        sympy="sin", own=False,
        numpy="sin", mpmath="sin", arb="sin", torch="{0}.sin()", c="F(sin)({0})", latex="\\sin", powers=True,
    ),
    Function(
        name="cos", range=" in [-1,1]", parity="even", at_zero="1", derivatives=(lambda s, x: -s.sin(x),),
        sympy="cos", own=False,
        numpy="cos", mpmath="cos", arb="cos", torch="{0}.cos()", c="F(cos)({0})", latex="\\cos", powers=True,
    ),
    Function(
        name="tan", parity="odd", at_zero="0", derivatives=(lambda s, x: 1 + s.tan(x) ** 2,),
        exact=lambda s, x: s.sin(x) / s.cos(x), sympy="tan",
        numpy="tan", mpmath="tan", arb="tan", torch="{0}.tan()", c="F(tan)({0})", latex="\\tan", powers=True,
    ),
    Function(
        name="asin", domain=" in (-1,1)", range=f" in {_HALF_PI}", parity="odd", at_zero="0",
        derivatives=(lambda s, x: 1 / s.sqrt(1 - x**2),), sympy="asin",
        numpy="arcsin", mpmath="asin", arb="asin", torch="{0}.asin()", c="F(asin)({0})", latex="\\arcsin",
    ),
    Function(
        name="acos", domain=" in (-1,1)", range=" in (0,3.1416)", derivatives=(lambda s, x: -1 / s.sqrt(1 - x**2),),
        exact=lambda s, x: s.pi / 2 - s.asin(x), sympy="acos",
        numpy="arccos", mpmath="acos", arb="acos", torch="{0}.acos()", c="F(acos)({0})", latex="\\arccos",
    ),
    Function(
        name="atan", range=f" in {_HALF_PI}", parity="odd", at_zero="0", derivatives=(lambda s, x: 1 / (1 + x**2),),
        sympy="atan",
        numpy="arctan", mpmath="atan", arb="atan", torch="{0}.atan()", c="F(atan)({0})", latex="\\arctan",
    ),
    Function(  # of (y, x): the angle of the point (x, y)
        name="atan2", range=" in [-3.1416,3.1416]", parity="odd",
        derivatives=(lambda s, y, x: x / (x**2 + y**2), lambda s, y, x: -y / (x**2 + y**2)), sympy="atan2",
        numpy="arctan2", mpmath="atan2", arb=lambda y, x: type(y).atan2(y, x),
        torch="torch.atan2({0}, {1})", c="F(atan2)({0}, {1})", latex="\\operatorname{atan2}",
    ),
    Function(
        name="sinh", parity="odd", at_zero="0", derivatives=(lambda s, x: s.cosh(x),),
        exact=lambda s, x: (s.exp(x) - s.exp(-x)) / 2, sympy="sinh",
        numpy="sinh", mpmath="sinh", arb="sinh", torch="{0}.sinh()", c="F(sinh)({0})", latex="\\sinh", powers=True,
    ),
    Function(
        name="cosh", range=">=1", parity="even", at_zero="1", derivatives=(lambda s, x: s.sinh(x),),
        exact=lambda s, x: (s.exp(x) + s.exp(-x)) / 2, sympy="cosh",
        numpy="cosh", mpmath="cosh", arb="cosh", torch="{0}.cosh()", c="F(cosh)({0})", latex="\\cosh", powers=True,
    ),
    Function(
        name="tanh", range=" in (-1,1)", parity="odd", at_zero="0", derivatives=(lambda s, x: 1 - s.tanh(x) ** 2,),
        exact=lambda s, x: (s.exp(2 * x) - 1) / (s.exp(2 * x) + 1), sympy="tanh", own=False,
        numpy="tanh", mpmath="tanh", arb="tanh", torch="{0}.tanh()", c="TANH({0})", latex="\\tanh", powers=True,
    ),
    Function(
        name="asinh", parity="odd", at_zero="0", derivatives=(lambda s, x: 1 / s.sqrt(1 + x**2),), sympy="asinh",
        numpy="arcsinh", mpmath="asinh", arb="asinh", torch="{0}.asinh()", c="F(asinh)({0})",
        latex="\\operatorname{arsinh}",
    ),
    Function(
        name="acosh", domain=">1", range=">0", derivatives=(lambda s, x: 1 / s.sqrt(x**2 - 1),), sympy="acosh",
        numpy="arccosh", mpmath="acosh", arb="acosh", torch="{0}.acosh()", c="F(acosh)({0})",
        latex="\\operatorname{arcosh}",
    ),
    Function(
        name="atanh", domain=" in (-1,1)", parity="odd", at_zero="0", derivatives=(lambda s, x: 1 / (1 - x**2),),
        exact=lambda s, x: (s.log(1 + x) - s.log(1 - x)) / 2, sympy="atanh",
        numpy="arctanh", mpmath="atanh", arb="atanh", torch="{0}.atanh()", c="F(atanh)({0})",
        latex="\\operatorname{artanh}",
    ),
    Function(
        name="sigmoid", range=" in (0,1)", at_zero="1/2", derivatives=(lambda s, x: s.sigmoid(x) * (1 - s.sigmoid(x)),),
        exact=lambda s, x: s.exp(x) / (s.exp(x) + 1),
        numpy=lambda np, x: np.where(x >= 0, 1, np.exp(-np.abs(x))) / (1 + np.exp(-np.abs(x))),
        mpmath=lambda mp, x: 1 / (1 + mp.exp(-x)), arb=lambda x: 1 / (1 + (-x).exp()),
        torch="{0}.sigmoid()", c="1 / (1 + EXP(-{0}))", latex="\\sigma",
    ),
    Function(
        name="log1p", domain=">-1", at_zero="0", derivatives=(lambda s, x: 1 / (1 + x),),
        exact=lambda s, x: s.log(1 + x),
        numpy="log1p", mpmath="log1p", arb="log1p", torch="{0}.log1p()", c="F(log1p)({0})",
        latex="\\operatorname{log1p}",
    ),
    Function(
        name="expm1", range=">-1", at_zero="0", derivatives=(lambda s, x: s.exp(x),),
        exact=lambda s, x: s.exp(x) - 1,
        numpy="expm1", mpmath="expm1", arb="expm1", torch="{0}.expm1()", c="F(expm1)({0})",
        latex="\\operatorname{expm1}",
    ),
    Function(  # torch's sinc, sin(pi x)/(pi x), which is 1 at 0
        name="sinc", range=" in [-0.2173,1]", parity="even", at_zero="1",
        derivatives=(lambda s, x: s.where(s.equal(x, 0), 0, (s.cos(s.pi * x) - s.sinc(x)) / x),),
        exact=lambda s, x: s.where(s.equal(x, 0), 1, s.sin(s.pi * x) / (s.pi * x)),
        numpy="sinc", mpmath="sincpi", arb="sinc_pi", torch="{0}.sinc()", c="SINC({0})",
        latex="\\operatorname{sinc}",
    ),
    Function(
        name="logaddexp", derivatives=(lambda s, x, y: s.sigmoid(x - y), lambda s, x, y: s.sigmoid(y - x)),
        exact=lambda s, x, y: s.log(s.exp(x) + s.exp(y)),
        numpy="logaddexp", mpmath=lambda mp, x, y: mp.log(mp.exp(x) + mp.exp(y)),
        arb=lambda x, y: (x.exp() + y.exp()).log(),
        torch="torch.logaddexp({0}, {1})", c="LOGADDEXP({0}, {1})", latex="\\operatorname{logaddexp}",
    ),
    Function(
        name="erf", range=" in (-1,1)", parity="odd", at_zero="0",
        derivatives=(lambda s, x: 2 / s.sqrt(s.pi) * s.exp(-(x**2)),), sympy="erf", own=False,
        numpy=None, mpmath="erf", arb="erf", torch="{0}.erf()", c="ERF({0})", latex="\\operatorname{erf}",
    ),
    Function(
        name="erfc", range=" in (0,2)", at_zero="1", derivatives=(lambda s, x: -2 / s.sqrt(s.pi) * s.exp(-(x**2)),),
        exact=lambda s, x: 1 - s.erf(x), sympy="erfc",
        numpy=None, mpmath="erfc", arb="erfc", torch="{0}.erfc()", c="F(erfc)({0})", latex="\\operatorname{erfc}",
    ),
    Function(
        name="erfinv", domain=" in (-1,1)", parity="odd", at_zero="0",
        derivatives=(lambda s, x: s.sqrt(s.pi) / 2 * s.exp(s.erfinv(x) ** 2),), sympy="erfinv",
        numpy=None, mpmath="erfinv", arb="erfinv", torch="{0}.erfinv()", c="ERFINV({0})",
        latex="\\operatorname{erf}^{-1}",
    ),
    Function(  # the distribution function of the standard normal law
        name="normcdf", range=" in (0,1)", at_zero="1/2",
        derivatives=(lambda s, x: s.exp(-(x**2) / 2) / s.sqrt(2 * s.pi),),
        exact=lambda s, x: (1 + s.erf(x / s.sqrt(2))) / 2,
        numpy=None, mpmath="ncdf", arb=lambda x: (-x / type(x)(2).sqrt()).erfc() / 2,
        torch="torch.special.ndtr({0})", c="(R)0.5 * F(erfc)(-{0} * (R)0.70710678118654752)", latex="\\Phi",
    ),
    Function(
        name="lgamma", domain=">0", range=">=-0.1215", derivatives=(lambda s, x: s.digamma(x),), sympy="loggamma",
        numpy=None, mpmath="loggamma", arb="lgamma", torch="{0}.lgamma()", c="F(lgamma)({0})",
        latex="\\operatorname{lgamma}",
    ),
    Function(
        name="digamma", domain=">0", derivatives=(lambda s, x: s.hurwitz(2, x),), sympy="digamma",
        numpy=None, mpmath="digamma", arb="digamma", torch="{0}.digamma()", c="DIGAMMA({0})",
        latex="\\operatorname{digamma}",
    ),
    Function(  # Hurwitz's zeta, the sum of 1/(x + k)^n over k = 0, 1, ..; torch's polygamma has ten digits only
        name="hurwitz", orders=(2,), domain=">0", range=">0", derivatives=(lambda s, n, x: -n * s.hurwitz(n + 1, x),),
        sympy="zeta",
        numpy=None, arb="zeta",
        mpmath=lambda mp, n, x: mp.mpf(0) if x == mp.inf else mp.zeta(int(n), x),  # which adds for ever at infinity
        torch="torch.special.zeta({0}, {1})", c="ZETA({0}, {1})", latex="\\zeta",
    ),
    Function(
        name="abs", range=">=0", parity="even", at_zero="0", rational=abs, derivatives=(lambda s, x: s.sign(x),),
        kink=("at {}", "0"), sympy="Abs", own=False,
        numpy="abs", mpmath="fabs", arb="__abs__", torch="{0}.abs()", c="FABS({0})", latex="\\left| {0} \\right|",
    ),
    Function(
        name="sign", range=" in [-1,1]", parity="odd", at_zero="0", rational=lambda x: (x > 0) - (x < 0),
        derivatives=(lambda s, x: 0,),
        kink=("at {}", "0"), sympy="sign", own=False,
        numpy="sign", mpmath="sign", arb="sgn", torch="{0}.sign()", c="({0} > 0) - ({0} < 0)",
        latex="\\operatorname{sgn}",
    ),
    Function(
        name="floor", at_zero="0", rational=lambda x: x // 1, derivatives=(lambda s, x: 0,),
        kink=("at whole numbers", "0"), sympy="floor",
        numpy="floor", mpmath="floor", arb="floor", torch="{0}.floor()", c="F(floor)({0})",
        latex="\\left\\lfloor {0} \\right\\rfloor",
    ),
    Function(
        name="ceil", at_zero="0", rational=lambda x: -(-x // 1), derivatives=(lambda s, x: 0,),
        exact=lambda s, x: -s.floor(-x),
        kink=("at whole numbers", "0"), sympy="ceiling",
        numpy="ceil", mpmath="ceil", arb="ceil", torch="{0}.ceil()", c="F(ceil)({0})",
        latex="\\left\\lceil {0} \\right\\rceil",
    ),
    Function(  # to the nearest whole number, of two equally near ones the even one
        name="round", parity="odd", at_zero="0", rational=round, derivatives=(lambda s, x: 0,),
        kink=("halfway between whole numbers", "1/2"),
        numpy="rint", mpmath="nint", arb=_rounded_ball, torch="{0}.round()", c="F(rint)({0})",
        latex="\\operatorname{round}",
    ),
)  # fmt: skip

TABLE: dict[str, Function] = {row.name: row for row in _ROWS}
