"""Exact scalars at many points at once, in ball arithmetic (Arb, through python-flint).

In   nodes; for every symbol an object array of balls, one for each point
Out  for every node an array of balls that contain the exact values

A comparison whose ball contains 0 is a tie.  Rational points within the working precision make it an exact one; the
proof never asks.  With noise, the values of functions, and of nodes that forward keeps, are moved.  With `hull`, a
choice at a tie is the hull of both branches: so one-sided derivatives give the interval that holds every legal one.
"""

from __future__ import annotations

import functools
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, replace
from fractions import Fraction
from typing import Any, TypeVar, cast

import flint
import numpy as np

from scratchgrad.certification.exact.scalar import COMPARISONS, Scalar, is_rounded, ordered
from scratchgrad.notation.functions import TABLE

__all__ = ["BITS", "Near", "Program", "ball", "balls", "precisely", "short_fraction"]

BITS = 256
"""The working precision."""

Array = Any
Moved = Callable[[Array], Array]

_NAN = flint.arb("nan")
_UNKNOWN = 2


_Function = TypeVar("_Function", bound=Callable[..., Any])


def precisely(function: _Function) -> _Function:
    """The function, computed at the working precision."""

    @functools.wraps(function)
    def call(*arguments: Any, **named: Any) -> Any:
        before, flint.ctx.prec = flint.ctx.prec, BITS
        try:
            return function(*arguments, **named)
        finally:
            flint.ctx.prec = before

    return cast(_Function, call)


def ball(value: Any) -> Any:
    """The exact ball of a float, an integer or a fraction (a fraction is rounded outwards)."""
    if isinstance(value, Fraction):
        return flint.arb(flint.fmpq(value.numerator, value.denominator))
    return flint.arb(value)


@precisely
def short_fraction(value: Any, largest: int) -> Fraction | None:
    """The fraction of a small denominator in a ball, None where there is none."""
    if not value.is_finite():
        return None
    short = Fraction(float(value)).limit_denominator(largest)
    return short if value.overlaps(ball(short)) else None


def balls(values: Array) -> Array:
    """The exact balls of an array of floats or integers, flattened."""
    found = np.empty(np.size(values), dtype=object)
    found[:] = [flint.arb(v) for v in np.ravel(values).tolist()]
    return found


@dataclass
class Near:
    """At every point, how small a difference may be, beside what it is a difference of, that rounding decides it."""

    within: Array
    found: Array

    def close(self, value: Array, parts: Sequence[Array]) -> Array:
        """Where the value is a difference of nearly equal parts."""
        close = np.zeros(len(value), dtype=bool)
        if len(parts) == 2 and all(isinstance(part, np.ndarray) for part in parts):
            sizes = [_SIZE(part).astype(np.float64) for part in (value, *parts)]
            close = sizes[0] <= self.within * np.maximum(sizes[1], sizes[2])
        return close


class Program:
    """The nodes that some roots are made of, in the order of their evaluation."""

    def __init__(self, roots: Sequence[Scalar], kept: frozenset[int] = frozenset()) -> None:
        """`kept` are the keys of nodes that forward assigns."""
        self.roots = list(roots)
        self.nodes = ordered(self.roots)
        self.kept = kept
        self.turns = any(node.op in COMPARISONS or (node.op in TABLE and TABLE[node.op].kink) for node in self.nodes)
        """Whether a value may jump, or turn: only where something is compared, or a function has a kink."""
        last: dict[int, int] = {}
        for place, node in enumerate(self.nodes):
            for operand in node.operands:
                last[operand.key] = place
        for place, node in enumerate(self.nodes):
            if node.op in COMPARISONS:  # what is compared says how near a tie is
                for operand in node.args[0].operands:
                    last[operand.key] = max(place, last[operand.key])
        for root in self.roots:
            last[root.key] = len(self.nodes)
        self._over: list[list[int]] = [[] for _ in self.nodes]
        for key, place in last.items():
            if place < len(self.nodes):
                self._over[place].append(key)

    @precisely
    def run(
        self,
        symbols: Mapping[str, Array],
        points: int,
        *,
        moved: Moved | None = None,
        hull: bool = False,
        tied: Array | None = None,
        near: Near | None = None,
        settled: Mapping[int, Array] | None = None,
    ) -> list[Array]:
        """The values of the roots, one array of balls for each; `tied` gets True where a comparison is a tie.

        `settled` says where a condition, by its key, is no tie: the values on both sides differ, and one is taken.
        """
        with np.errstate(all="ignore"):
            return self._run(symbols, points, moved=moved, hull=hull, tied=tied, near=near, settled=settled or {})

    @precisely
    def jumps(self, symbols: Mapping[str, Array], points: int) -> dict[int, Array]:
        """Where each condition is a tie at which a choice between other values jumps."""
        found: dict[int, Array] = {}

        def seen(node: Scalar, args: list[Any]) -> None:
            c, a, b = args
            apart = c.tie & np.array([not x.overlaps(y) for x, y in zip(a, b, strict=True)], dtype=bool)
            if apart.any():
                key = node.operands[0].key
                found[key] = found.get(key, np.zeros(points, dtype=bool)) | apart

        with np.errstate(all="ignore"):
            self._run(symbols, points, moved=None, hull=True, tied=None, near=None, settled={}, seen=seen)
        return found

    def _run(
        self,
        symbols: Mapping[str, Array],
        points: int,
        *,
        moved: Moved | None,
        hull: bool,
        tied: Array | None,
        near: Near | None,
        settled: Mapping[int, Array],
        seen: Callable[[Scalar, list[Any]], None] | None = None,
    ) -> list[Array]:
        value: dict[int, Array] = {}
        for place, node in enumerate(self.nodes):
            args = [value[a.key] for a in node.operands]
            if node.op == "choice" and seen is not None:
                seen(node, args)
            if node.op == "choice" and node.operands[0].key in settled:
                args[0] = replace(args[0], tie=args[0].tie & ~settled[node.operands[0].key])
            found = _value(node, args, symbols, points, hull)
            if tied is not None and node.op in COMPARISONS:
                tied |= found.tie
            if near is not None and node.op in COMPARISONS:
                close = near.close(value[node.args[0].key], [value[a.key] for a in node.args[0].operands])
                close &= ~found.tie
                near.found |= close
                found = replace(found, tie=found.tie | close)
            if moved is not None and (is_rounded(node.op) or node.key in self.kept):
                found = moved(found)
            value[node.key] = found
            for key in self._over[place]:
                del value[key]
        return [value[root.key] for root in self.roots]


@dataclass(frozen=True)
class _Truth:
    """Truth values at many points: which hold, which are ties, which are known at all."""

    holds: Array
    tie: Array
    known: Array


def _value(node: Scalar, args: list[Any], symbols: Mapping[str, Array], points: int, hull: bool) -> Any:
    """The value of a node: an array of balls, or a _Truth."""
    op = node.op
    if op == "add":
        return args[0] + args[1]
    if op == "mul":
        return args[0] * args[1]
    if op == "div":
        return args[0] / args[1]
    if op == "symbol":
        return symbols[node.args[0]]
    if op == "number":
        return _filled(points, ball(node.args[0]))
    if op == "pi":
        return _filled(points, flint.arb.pi())
    if op == "infinity":
        return _filled(points, flint.arb("inf") * node.args[0])
    if op == "undefined":
        return _filled(points, _NAN)
    if op == "power":
        return _power(args[0], node.args[1])
    if op == "choice":
        return _chosen(*args, hull=hull)
    if node.is_truth:
        return _truth(op, args, points)
    return np.asarray(np.frompyfunc(TABLE[op].ball, len(args), 1)(*args), dtype=object)


def _truth(op: str, args: list[Any], points: int) -> _Truth:
    every, none = np.ones(points, dtype=bool), np.zeros(points, dtype=bool)
    if op in ("true", "false"):
        return _Truth(every if op == "true" else none, none, every)
    if op == "not":
        return _Truth(~args[0].holds, args[0].tie, args[0].known)
    if op == "and":
        a, b = args
        tie = (a.tie & (b.tie | b.holds)) | (b.tie & (a.tie | a.holds))
        return _Truth(a.holds & b.holds, tie, a.known & b.known)
    sign = _SIGN(args[0]).astype(np.int8)
    holds = {"positive": sign == 1, "nonnegative": (sign == 1) | (sign == 0), "zero": sign == 0}[op]
    return _Truth(holds, sign == 0, sign != _UNKNOWN)


def _signs(value: Any) -> int:
    if value > 0:
        return 1
    if value < 0:
        return -1
    return 0 if value.is_finite() else _UNKNOWN


_SIGN = np.frompyfunc(_signs, 1, 1)
_SIZE = np.frompyfunc(lambda v: abs(float(v)), 1, 1)


def _chosen(c: _Truth, a: Array, b: Array, *, hull: bool) -> Array:
    found: Array = np.where(c.holds, a, b)
    if hull and c.tie.any():
        found[c.tie] = [x.union(y) for x, y in zip(a[c.tie], b[c.tie], strict=True)]
    found[~c.known] = _NAN
    return found


def _filled(points: int, value: Any) -> Array:
    found = np.empty(points, dtype=object)
    found[:] = value
    return found


def _power(base: Array, exponent: int) -> Array:
    """By squaring: arb's own power takes a logarithm where the base is not positive."""
    found: Array = None
    while exponent:
        if exponent & 1:
            found = base if found is None else found * base
        exponent >>= 1
        if exponent:
            base = base * base
    return found
