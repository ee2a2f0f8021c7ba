"""A graph of scalars as a machine computes it plainly: node by node, in one dtype, at many points at once.

In   a Program; for every symbol an array of floats, one for each point; a dtype
Out  the roots' values, rounded at every step, as arrays of float64

What overflows or cancels on the way does so here, too: it is one way to compute the definition and its gradients, not
the best one.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from fractions import Fraction
from typing import Any

import torch

from scratchgrad.certification.exact.balls import Program
from scratchgrad.certification.exact.scalar import Scalar
from scratchgrad.notation.functions import TABLE

__all__ = ["computed", "every_value"]

Array = Any
Tensor = torch.Tensor

_ARITHMETIC: dict[str, Callable[..., Tensor]] = {
    "add": lambda a, b: a + b,
    "mul": lambda a, b: a * b,
    "div": lambda a, b: a / b,
    "choice": torch.where,
    "positive": lambda a: a > 0,
    "nonnegative": lambda a: a >= 0,
    "zero": lambda a: a == 0,
    "not": torch.logical_not,
    "and": torch.logical_and,
}

_CONSTANTS: dict[str, Callable[..., float | bool]] = {
    "number": lambda value: float(Fraction(value)),
    "pi": lambda: torch.pi,
    "infinity": lambda sign: float("inf") * sign,
    "undefined": lambda: float("nan"),
    "true": lambda: True,
    "false": lambda: False,
}


def computed(program: Program, symbols: Mapping[str, Array], points: int, dtype: str) -> list[Array]:
    """The values of the roots, one array for each."""
    value = every_value(program, symbols, points, dtype)
    return [value[root.key].double().numpy() for root in program.roots]


def every_value(program: Program, symbols: Mapping[str, Array], points: int, dtype: str) -> dict[int, Tensor]:
    """The value of every node, by its key."""
    kind: torch.dtype = getattr(torch, dtype)
    given = {name: torch.tensor(values).to(kind) for name, values in symbols.items()}
    value: dict[int, Tensor] = {}
    for node in program.nodes:
        value[node.key] = _value(node, [value[a.key] for a in node.operands], given, (points, kind))
    return value


def _value(node: Scalar, args: list[Tensor], symbols: Mapping[str, Tensor], filled: tuple[int, torch.dtype]) -> Tensor:
    if node.op in _ARITHMETIC:
        return _ARITHMETIC[node.op](*args)
    if node.op == "symbol":
        return symbols[node.args[0]]
    if node.op == "power":
        return torch.pow(args[0], node.args[1])
    if node.op in _CONSTANTS:
        number = _CONSTANTS[node.op](*node.args)
        return torch.full(filled[:1], number, dtype=torch.bool if isinstance(number, bool) else filled[1])
    found: Tensor = getattr(torch.ops.aten, TABLE[node.op].aten)(*args)
    return found
