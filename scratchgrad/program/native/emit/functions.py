"""The functions that prelude.h computes itself, each compared with torch where it bends, before a program runs.

In   a compiled library, the type of its numbers
Out  what is wrong with the first function that is wrong; "" where none is

A step compares whole tensors to the rounding of a step; a polynomial with a wrong coefficient hides below that.
"""

from __future__ import annotations

import ctypes
from collections.abc import Callable
from dataclasses import dataclass

import torch
from torch import Tensor

__all__ = ["FUNCTIONS", "SOURCE", "wrong_function"]


@dataclass(frozen=True)
class Function:
    """An expression in x, what torch has for it, where it is compared, and from which size on an error is relative."""

    expression: str
    right: Callable[[Tensor], Tensor]
    low: float
    high: float
    floor: float = 0.0


FUNCTIONS = (
    Function("EXP(x)", torch.exp, -80, 80),
    Function("ERF(x)", torch.erf, -5, 5),
    Function("TANH(x)", torch.tanh, -11, 11),
    Function("SINC(x)", torch.sinc, -6, 6, 1.0),
    Function("LOGADDEXP(x, 1)", lambda x: torch.logaddexp(x, torch.ones_like(x)), -20, 20),
    Function("ERFINV(x)", torch.erfinv, -0.999, 0.999),
    Function("DIGAMMA(x)", torch.digamma, 0.1, 30, 1.0),
    Function("ZETA(2, x)", lambda x: torch.special.zeta(torch.full_like(x, 2), x), 0.1, 30),
)
# TRUST: native-functions
TOLERANCES = {torch.float32: 2e-6, torch.float64: 1e-11}
_POINTS = 513

SOURCE = (
    "void sg_function(int which, const R *at, R *found, long n) {\n"
    "    for (long k = 0; k < n; k++) {\n        R x = at[k];\n        switch (which) {\n"
    + "".join(f"        case {k}: found[k] = {f.expression}; break;\n" for k, f in enumerate(FUNCTIONS))
    + "        }\n    }\n}\n"
)


def wrong_function(library: ctypes.CDLL, dtype: torch.dtype) -> str:
    """The first function that is wrong, and where; "" where none is."""
    call = library.sg_function
    call.argtypes, call.restype = [ctypes.c_int, ctypes.c_void_p, ctypes.c_void_p, ctypes.c_long], None
    for which, function in enumerate(FUNCTIONS):
        x = torch.linspace(function.low, function.high, _POINTS, dtype=torch.float64).to(dtype)
        found = torch.empty_like(x)
        call(which, x.data_ptr(), found.data_ptr(), len(x))
        right = function.right(x.double())
        off = ~((found - right).abs() <= TOLERANCES[dtype] * right.abs().clamp(min=function.floor) + 1e-30)
        if off.any():
            k = int(off.nonzero()[0])
            where = f"at x = {float(x[k]):.9g} it is {float(found[k]):.9g}, by torch {float(right[k]):.9g}"
            return f"{function.expression} in prelude.h: {where}"
    return ""
