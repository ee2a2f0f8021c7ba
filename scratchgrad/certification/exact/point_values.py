"""The float values of nodes at one point: what torch must have computed there if a rule is right."""

from __future__ import annotations

import math
from collections.abc import Callable, Mapping, Sequence
from functools import cache
from typing import Any

import numpy as np

from scratchgrad.certification.exact.scalar import Scalar
from scratchgrad.notation.arithmetic import Float
from scratchgrad.notation.functions import TABLE

__all__ = ["Values"]


class Values:
    """The values of the nodes that were asked for, and of all that they are made of."""

    def __init__(self) -> None:
        """Nothing is known yet; the values of symbols are entered in `known`, by their keys."""
        self.known: dict[int, float] = {}

    def of(self, node: Scalar) -> float:
        """The float value of a node; a truth value is 1 or 0."""
        known = self.known
        if node.key not in known:
            pending = [node]
            while pending:
                last = pending[-1]
                missing = [a for a in last.operands if a.key not in known]
                if missing:
                    pending += missing
                else:
                    known[last.key] = _float(last, [known[a.key] for a in last.operands])
                    pending.pop()
        return known[node.key]


def _float(node: Scalar, args: Sequence[float]) -> float:
    op = node.op
    try:
        if op == "symbol":
            return math.nan
        if op == "number":
            return float(node.args[0])
        if op == "infinity":
            return math.inf if node.args[0] > 0 else -math.inf
        if op == "power":
            return float(args[0] ** node.args[1])
        if op == "div":
            return _quotient(*args)
        return float(_FLOATS[op](*args) if op in _FLOATS else _function(op)(*map(np.float64, args)))
    except (OverflowError, ValueError, ZeroDivisionError):
        return math.nan


def _quotient(a: float, b: float) -> float:
    """As torch has it where Python raises."""
    if b != 0:
        return a / b
    return math.nan if a == 0 else math.copysign(math.inf, a) * math.copysign(1, b)


@cache
def _function(op: str) -> Callable[..., Any]:
    """The function of the table over floats."""
    return Float().function(TABLE[op])


_FLOATS: Mapping[str, Callable[..., Any]] = {
    "pi": lambda: math.pi,
    "undefined": lambda: math.nan,
    "add": lambda a, b: a + b,
    "mul": lambda a, b: a * b,
    "positive": lambda a: a > 0,
    "nonnegative": lambda a: a >= 0,
    "zero": lambda a: a == 0,
    "not": lambda c: not c,
    "and": lambda c, d: bool(c) and bool(d),
    "true": lambda: True,
    "false": lambda: False,
    "choice": lambda c, a, b: a if c else b,
    "stop": lambda a, b: a,
}
