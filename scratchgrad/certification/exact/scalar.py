"""Exact scalars: a hash-consed graph of operations on real numbers, of which every output entry of a layer is a node.

    symbol(name)  number(p/q)  pi  infinity(1 or -1)  undefined
    add  mul  div  power(integer)  and the functions of the table in notation/functions.py
    positive(a): a > 0   nonnegative(a): a >= 0   zero(a): a = 0   not  and        truth values
    choice(c, a, b)                                                                a where c holds, else b
    stop(a, b)                                            a, whose derivative is taken for that of b: see stopping.py

Equal nodes are one node.  Nothing is simplified beyond constants and units (0 + a, 1 * a): a graph is cheap to build,
and all algebra belongs to the proof.  Arithmetic operators work on nodes, so numpy's object arrays do, too.
"""

from __future__ import annotations

import math
import numbers
from collections.abc import Callable, Iterable, Mapping
from fractions import Fraction
from functools import partial
from typing import Any

from scratchgrad.notation.functions import TABLE

__all__ = ["COMPARISONS", "TRUTHS", "Graph", "Scalar", "is_rounded", "ordered"]

COMPARISONS = ("positive", "nonnegative", "zero")
TRUTHS = (*COMPARISONS, "not", "and", "true", "false")


def is_rounded(op: str) -> bool:
    """Whether values of the operation are rounded, whoever computes them; sums and products may be computed exactly."""
    return op == "div" or op in TABLE


class Scalar:
    """A node; two nodes of a graph are equal only where they are the same object."""

    __slots__ = ("args", "graph", "key", "op", "operands")

    def __init__(self, graph: Graph, op: str, args: tuple[Any, ...], key: int) -> None:
        """Made by its graph only."""
        self.graph, self.op, self.args, self.key = graph, op, args, key
        self.operands: tuple[Scalar, ...] = tuple(a for a in args if isinstance(a, Scalar))
        """The nodes that it is made of."""

    @property
    def is_truth(self) -> bool:
        """Whether it is a truth value."""
        return self.op in TRUTHS

    def __add__(self, other: Any) -> Any:
        """A + other."""
        return self._with(other, self.graph.add)

    def __radd__(self, other: Any) -> Any:
        """The sum."""
        return self._with(other, self.graph.add)

    def __mul__(self, other: Any) -> Any:
        """The product."""
        return self._with(other, self.graph.mul)

    def __rmul__(self, other: Any) -> Any:
        """The product."""
        return self._with(other, self.graph.mul)

    def __sub__(self, other: Any) -> Any:
        """The difference."""
        return self._with(other, self.graph.sub)

    def __rsub__(self, other: Any) -> Any:
        """Other - a."""
        return self._with(other, lambda a, b: self.graph.sub(b, a))

    def __truediv__(self, other: Any) -> Any:
        """The quotient."""
        return self._with(other, self.graph.div)

    def __rtruediv__(self, other: Any) -> Any:
        """Other / a."""
        return self._with(other, lambda a, b: self.graph.div(b, a))

    def _with(self, other: Any, combine: Callable[[Scalar, Scalar], Scalar]) -> Any:
        """Combined with a node or a rational number; numpy takes over where `other` is an array."""
        if isinstance(other, Scalar | numbers.Rational):
            return combine(self, self.graph.node(other))
        return NotImplemented

    def __pow__(self, exponent: int) -> Scalar:
        """The power."""
        return self.graph.power(self, exponent)

    def __neg__(self) -> Scalar:
        """The negative."""
        return self.graph.mul(self.graph.number(-1), self)

    def __int__(self) -> int:
        """The integer that the node is; TypeError where it is none."""
        if self.op != "number" or self.args[0].denominator != 1:
            raise TypeError(f"{self} is no integer")
        return int(self.args[0])

    def __repr__(self) -> str:
        """The node as a formula, cut off at some depth."""
        return _shown(self, 6)


class Graph:
    """The nodes of one computation."""

    def __init__(self) -> None:
        """A graph with the constants only."""
        self._nodes: dict[tuple[Any, ...], Scalar] = {}
        self.sorted: dict[int, Scalar] = {}
        self.zero, self.one = self.number(0), self.number(1)
        self.minus_one = self.number(-1)
        self.pi = self._made("pi")
        self.true, self.false = self._made("true"), self._made("false")
        self.infinity, self.minus_infinity = self._made("infinity", 1), self._made("infinity", -1)
        self.undefined = self._made("undefined")

    def __len__(self) -> int:
        """How many nodes there are."""
        return len(self._nodes)

    def _made(self, op: str, *args: Any) -> Scalar:
        key = (op, *(a.key if isinstance(a, Scalar) else a for a in args))
        found = self._nodes.get(key)
        if found is None:
            found = self._nodes[key] = Scalar(self, op, args, len(self._nodes))
        return found

    def symbol(self, name: str) -> Scalar:
        """A real unknown."""
        return self._made("symbol", name)

    def number(self, value: int | Fraction) -> Scalar:
        """A rational number."""
        key = ("number", value.numerator, value.denominator)  # the hash of a fraction takes long
        found = self._nodes.get(key)
        if found is None:
            found = self._nodes[key] = Scalar(self, "number", (Fraction(value),), len(self._nodes))
        return found

    def node(self, value: Any) -> Scalar:
        """The value as a node: a node as it is, a truth value as 1 or 0, an integer or fraction as a number."""
        if isinstance(value, Scalar):
            return self.choice(value, self.one, self.zero) if value.is_truth else value
        return self.number(value)

    def add(self, a: Scalar, b: Scalar) -> Scalar:
        """A + b."""
        if a is self.zero:
            return b
        if b is self.zero:
            return a
        if a.op == "number" and b.op == "number":
            return self.number(a.args[0] + b.args[0])
        if a.op == "infinity" or b.op == "infinity":
            return self.undefined if a.op == b.op and a is not b else a if a.op == "infinity" else b
        return self._made("add", a, b) if a.key <= b.key else self._made("add", b, a)

    def mul(self, a: Scalar, b: Scalar) -> Scalar:
        """A * b; zero where one of them is the number 0."""
        if a is self.one:
            return b
        if b is self.one:
            return a
        if a is self.zero or b is self.zero:
            return self.zero
        if a.op == "number" and b.op == "number":
            return self.number(a.args[0] * b.args[0])
        for x, y in ((a, b), (b, a)):
            if x.op == "infinity" and y.op == "number":
                return x if y.args[0] > 0 else self.minus_infinity if x is self.infinity else self.infinity
        if a.op == "mul" and a.args[0].op == "number" and b.op == "number":
            return self.mul(self.number(a.args[0].args[0] * b.args[0]), a.args[1])
        if b.op == "mul" and b.args[0].op == "number" and a.op == "number":
            return self.mul(b, a)
        if b.op == "div" and b.args[0] is self.one:
            return self.div(a, b.args[1])
        if a.op == "div" and a.args[0] is self.one:
            return self.div(b, a.args[1])
        if b.op == "number" or (a.op != "number" and a.key > b.key):
            a, b = b, a
        return self._made("mul", a, b)

    def sub(self, a: Scalar, b: Scalar) -> Scalar:
        """A - b."""
        return self.zero if a is b else self.add(a, self.mul(self.minus_one, b))

    def div(self, a: Scalar, b: Scalar) -> Scalar:
        """A / b."""
        if b.op == "number" and b.args[0] != 0:
            return self.mul(a, self.number(1 / b.args[0]))
        return self._made("div", a, b)  # 0/b stays: it has no value where b is 0

    def power(self, base: Scalar, exponent: Fraction | int) -> Scalar:
        """The base to a rational exponent; other exponents than halves are exp(e log(base))."""
        exponent = Fraction(exponent)
        if exponent.denominator == 2:
            return self.power(self.sqrt(base), exponent.numerator)
        if exponent.denominator != 1:
            return self.exp(self.mul(self.number(exponent), self.log(base)))
        n = int(exponent)
        if n == 0:
            return self.one
        if n == 1:
            return base
        if n < 0:
            return self.div(self.one, self.power(base, -n))
        return self.number(base.args[0] ** n) if base.op == "number" else self._made("power", base, n)

    def raised(self, base: Scalar, exponent: Scalar) -> Scalar:
        """The base to a node; exp(e log(base)) where that is no number."""
        if exponent.op == "number":
            return self.power(base, exponent.args[0])
        return self.exp(self.mul(exponent, self.log(base)))

    def exp(self, a: Scalar) -> Scalar:
        """E to the a."""
        if a.op == "infinity":
            return a if a is self.infinity else self.zero
        return self.one if a is self.zero else self._made("exp", a)

    def log(self, a: Scalar) -> Scalar:
        """The natural logarithm."""
        return self.zero if a is self.one else self._made("log", a)

    def sqrt(self, a: Any) -> Scalar:
        """The square root; rational where it can be."""
        a = self.node(a)
        if a.op == "number" and a.args[0] >= 0:
            p, q = math.isqrt(a.args[0].numerator), math.isqrt(a.args[0].denominator)
            if p * p == a.args[0].numerator and q * q == a.args[0].denominator:
                return self.number(Fraction(p, q))
        return self._made("sqrt", a)

    def function(self, name: str, *arguments: Any) -> Scalar:
        """A function of the table; absolute values and signs are choices."""
        row, given = TABLE[name], [self.node(a) for a in arguments]
        if name in _BUILT:
            return _BUILT[name](self, *given)
        if row.rational is not None and all(a.op == "number" for a in given):
            return self.number(Fraction(row.rational(*(a.args[0] for a in given))))
        if row.at_zero is not None and all(a is self.zero for a in given):
            return self.number(Fraction(row.at_zero))
        return self._made(name, *given)

    def __getattr__(self, name: str) -> Callable[..., Scalar]:
        """A function of the table by its name, for the table's formulas."""
        if name not in TABLE:
            raise AttributeError(f"exact scalars have no {name!r}")
        return partial(self.function, name)

    def where(self, c: Scalar, a: Any, b: Any) -> Scalar:
        """The choice, of nodes or numbers."""
        return self.choice(c, self.node(a), self.node(b))

    def equal(self, a: Any, b: Any) -> Scalar:
        """Whether two values are equal."""
        return self.is_zero(self.sub(self.node(a), self.node(b)))

    def positive(self, a: Scalar) -> Scalar:
        """A > 0."""
        return self._compared("positive", a, lambda v: v > 0)

    def nonnegative(self, a: Scalar) -> Scalar:
        """A >= 0."""
        return self._compared("nonnegative", a, lambda v: v >= 0)

    def is_zero(self, a: Scalar) -> Scalar:
        """A = 0."""
        return self._compared("zero", a, lambda v: v == 0)

    def _compared(self, op: str, a: Scalar, holds: Callable[[Fraction], bool]) -> Scalar:
        if a.op == "number":
            return self.truth(holds(a.args[0]))
        if a.op == "infinity":
            return self.truth(holds(Fraction(a.args[0])))
        return self._made(op, a)

    def truth(self, value: bool) -> Scalar:
        """The truth value."""
        return self.true if value else self.false

    def condition(self, a: Any) -> Scalar:
        """The value as a truth value: a number counts as true where it is not 0."""
        if isinstance(a, Scalar):
            return a if a.is_truth else self.negation(self.is_zero(a))
        return self.truth(bool(a))

    def negation(self, c: Scalar) -> Scalar:
        """Not c."""
        if c.op in ("true", "false"):
            return self.truth(c is self.false)
        found: Scalar = c.args[0] if c.op == "not" else self._made("not", c)
        return found

    def both(self, c: Scalar, d: Scalar) -> Scalar:
        """C and d."""
        if c is self.false or d is self.false:
            return self.false
        if c is self.true or c is d:
            return d
        return c if d is self.true else self._made("and", c, d)

    def either(self, c: Scalar, d: Scalar) -> Scalar:
        """C or d."""
        return self.negation(self.both(self.negation(c), self.negation(d)))

    def choice(self, c: Scalar, a: Scalar, b: Scalar) -> Scalar:
        """A where c holds, else b."""
        if c is self.true or a is b:
            return a
        if c is self.false:
            return b
        if c.op == "not":
            return self.choice(c.args[0], b, a)
        return self._made("choice", c, a, b)

    def stopped(self, a: Scalar, instead: Scalar) -> Scalar:
        """A, of which derivatives say what they say of the other node."""
        return (
            a if a is instead or a.is_truth or (not a.operands and a.op != "symbol") else self._made("stop", a, instead)
        )

    def maximum(self, a: Scalar, b: Scalar) -> Scalar:
        """The larger one; a where they are equal."""
        return self.choice(self.positive(self.sub(b, a)), b, a)

    def minimum(self, a: Scalar, b: Scalar) -> Scalar:
        """The smaller one; a where they are equal."""
        return self.choice(self.positive(self.sub(a, b)), b, a)

    def absolute(self, a: Scalar) -> Scalar:
        """The absolute value."""
        return self.choice(self.nonnegative(a), a, self.mul(self.minus_one, a))

    def sign(self, a: Scalar) -> Scalar:
        """1, 0 or -1."""
        return self.choice(self.positive(a), self.one, self.choice(self.is_zero(a), self.zero, self.minus_one))


_BUILT: Mapping[str, Callable[..., Scalar]] = {
    "exp": Graph.exp,
    "log": Graph.log,
    "sqrt": Graph.sqrt,
    "abs": Graph.absolute,
    "sign": Graph.sign,
}
"""Functions that are made otherwise than as a value of their own."""


def ordered(roots: Iterable[Scalar]) -> list[Scalar]:
    """All nodes that the roots are made of, operands first."""
    seen: set[int] = set()
    found: list[Scalar] = []
    pending = [(root, False) for root in roots]
    while pending:
        node, done = pending.pop()
        if done:
            found.append(node)
        elif node.key not in seen:
            seen.add(node.key)
            pending.append((node, True))
            pending.extend((a, False) for a in node.operands if a.key not in seen)
    return found


def _shown(node: Scalar, depth: int) -> str:
    if node.op == "symbol":
        return str(node.args[0])
    if node.op == "number":
        return str(node.args[0])
    if not depth:
        return "..."
    parts = [_shown(a, depth - 1) if isinstance(a, Scalar) else str(a) for a in node.args]
    signs = {"add": " + ", "mul": "*", "div": "/", "power": "**", "and": " and "}
    if node.op in signs:
        return f"({signs[node.op].join(parts)})"
    return f"{node.op}({', '.join(parts)})" if parts else node.op
