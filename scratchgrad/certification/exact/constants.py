"""Which exact number a float in a kernel's source stands for; whatever is recognised is recorded.

    0.044715                the shortest decimal
    0.3333333333333333      a fraction with a small denominator
    0.7978845608028654      a square root of one, possibly times or divided by the square root of pi
    0.1070322244089482      a short decimal times such a root
    3.141592653589793       a multiple of pi; 0.6931471805599453, a logarithm of a small integer

A float that is none of these stands for itself, bit for bit.  A proof says what was recognised.
"""

from __future__ import annotations

import math
from fractions import Fraction

from scratchgrad.certification.exact.scalar import Graph, Scalar

__all__ = ["Constants"]

# TRUST: constants-read
_DIGITS = 12
"""A decimal with fewer digits was written by a person."""

_DENOMINATOR = 5000
_SHORT = 8
_UNDER_ROOT = 512
_LOGARITHMS = 100


class Constants:
    """Floats read as exact numbers of a graph."""

    def __init__(self, graph: Graph) -> None:
        """Nothing recognised yet."""
        self.graph = graph
        self.recognised: dict[float, str] = {}

    def node(self, value: float) -> Scalar:
        """The number that a float stands for; NaN is undefined."""
        if math.isnan(value):
            return self.graph.undefined
        if math.isinf(value):
            return self.graph.infinity if value > 0 else self.graph.minus_infinity
        exact = Fraction(repr(value)) if value != int(value) or abs(value) < 2**53 else Fraction(value)
        if len(str(exact.numerator).strip("-0")) <= _DIGITS:
            if exact != Fraction(value):
                self.recognised[value] = str(exact)
            return self.graph.number(exact)
        short = Fraction(value).limit_denominator(_DENOMINATOR)
        if float(short) == value:
            self.recognised[value] = str(short)
            return self.graph.number(short)
        return (
            self._root(value) or self._logarithm(value) or self._multiple(value) or self.graph.number(Fraction(value))
        )

    def _root(self, value: float) -> Scalar | None:
        """Sqrt(p/q), possibly with pi, or a multiple of pi."""
        graph, size = self.graph, abs(value)
        for words, scale, factor in (
            ("sqrt({})", 1.0, None),
            ("sqrt({}/pi)", math.pi, graph.div(graph.one, graph.sqrt(graph.pi))),
            ("sqrt({}*pi)", 1 / math.pi, graph.sqrt(graph.pi)),
            ("pi*sqrt({})", 1 / math.pi**2, graph.pi),
            ("sqrt({})/pi", math.pi**2, graph.div(graph.one, graph.pi)),
        ):
            square = Fraction(size * size * scale).limit_denominator(_UNDER_ROOT)
            if square <= 0 or square.numerator > _UNDER_ROOT:
                continue
            if abs(math.sqrt(square / Fraction(scale)) - size) > 2 * math.ulp(size):
                continue
            node = graph.sqrt(graph.number(square))
            node = node if factor is None else graph.mul(node, factor)
            self.recognised[value] = ("-" if value < 0 else "") + words.format(square)
            return node if value > 0 else graph.mul(graph.minus_one, node)
        return None

    def _multiple(self, value: float) -> Scalar | None:
        """A short decimal times sqrt(2/pi), 1/sqrt(pi), sqrt(2) or pi."""
        graph = self.graph
        root = graph.sqrt(graph.pi)
        for words, size, node in (
            ("sqrt(2/pi)", math.sqrt(2 / math.pi), graph.div(graph.sqrt(graph.number(2)), root)),
            ("sqrt(2*pi)", math.sqrt(2 * math.pi), graph.mul(graph.sqrt(graph.number(2)), root)),
            ("1/sqrt(pi)", 1 / math.sqrt(math.pi), graph.div(graph.one, root)),
            ("sqrt(2)", math.sqrt(2), graph.sqrt(graph.number(2))),
            ("pi", math.pi, graph.pi),
        ):
            short = float(f"{value / size:.{_SHORT}g}")
            if abs(short * size - value) <= 4 * math.ulp(abs(value)):
                self.recognised[value] = f"{short}*{words}"
                return graph.mul(graph.number(Fraction(repr(short))), node)
        return None

    def _logarithm(self, value: float) -> Scalar | None:
        size = abs(value)
        argument = round(math.exp(size)) if size < math.log(_LOGARITHMS) else 0
        if argument < 2 or abs(math.log(argument) - size) > math.ulp(size):
            return None
        self.recognised[value] = f"{'-' if value < 0 else ''}log({argument})"
        node = self.graph.log(self.graph.number(argument))
        return node if value > 0 else self.graph.mul(self.graph.minus_one, node)
