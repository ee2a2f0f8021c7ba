"""Matrix forms: an expression as products of matrices and vectors, with every vector a column.

A node's shape is a pair of indices, (row, column); None stands for a length of 1, so a column is (i, None), a row
(None, i), a scalar (None, None).  `value` evaluates a node on such two-axis arrays, which is how a form is checked
before anyone sees it.  A form is written in one of two styles: "columns" reads like numpy on columns (`grad_u @ x.T`;
rowsum and colsum give columns), "rows" like torch, where samples are rows and a vector has one axis
(`grad_L[:, None] * o`, `grad_u.sum(0)`, `outer(a, b)`).  A third, "stacked", is torch on matrices that are stacked
along leading axes (forms.stack): transposition is .mT, a sum keeps its axis.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass, fields, replace
from typing import Any

import numpy as np
import sympy as sp

from scratchgrad.forms.node import ATOM, COLUMNS, PLUS, POWER, ROWS, STACKED, TIMES, Node, Shape, once
from scratchgrad.notation.evaluation import Valuation

__all__ = [
    "Apply",
    "Broadcast",
    "Compare",
    "DeterminantOf",
    "DiagonalOf",
    "Hadamard",
    "Identity",
    "Inverse",
    "Largest",
    "Leaf",
    "MatMul",
    "Number",
    "Ones",
    "Plus",
    "Power",
    "PowerOf",
    "Scale",
    "Transpose",
    "assigned",
    "children",
    "is_truth",
    "replaced",
    "transposed",
    "transpositions",
]


@dataclass(frozen=True)
class Leaf(Node):
    """A tensor with at most two axes, a vector as a column."""

    name: str

    def value(self, at: Valuation) -> Any:
        """The tensor itself."""
        values = at.tensors[self.name]
        return values.reshape(values.shape + (1,) * (2 - values.ndim))

    def _text(self, style: str = COLUMNS) -> tuple[str, int]:
        """Its name."""
        return self.name, ATOM


@dataclass(frozen=True)
class Number(Node):
    """A number or a size."""

    number: sp.Expr

    def value(self, at: Valuation) -> Any:
        """The number."""
        return at.value(self.number).reshape(1, 1)

    def _text(self, style: str = COLUMNS) -> tuple[str, int]:
        """The number."""
        atom = self.number.is_Symbol or (self.number.is_Integer and self.number >= 0)
        return str(self.number), ATOM if atom else TIMES


@dataclass(frozen=True)
class Ones(Node):
    """A column of ones."""

    def value(self, at: Valuation) -> Any:
        """Ones."""
        return np.ones([1 if i is None else at.size(i.size) for i in self.shape])

    def _text(self, style: str = COLUMNS) -> tuple[str, int]:
        """The name 1 of the vector, written ones."""
        return "ones", ATOM


@dataclass(frozen=True)
class Identity(Node):
    """The identity matrix."""

    def value(self, at: Valuation) -> Any:
        """Ones on the diagonal."""
        row, column = self.indices
        return np.eye(at.size(row.size), at.size(column.size))

    def _text(self, style: str = COLUMNS) -> tuple[str, int]:
        """The name of the identity."""
        return "eye", ATOM


@dataclass(frozen=True)
class Transpose(Node):
    """Rows and columns exchanged."""

    of: Node

    def value(self, at: Valuation) -> Any:
        """The transpose."""
        return self.of.value(at).T

    def _text(self, style: str = COLUMNS) -> tuple[str, int]:
        """The operand with .T behind it; a row is the vector itself where vectors have one axis."""
        if style == ROWS and self.shape[0] is None:
            return self.of.text(style)
        inner, mark = self.of.wrapped(ATOM, style), ".mT" if style == STACKED else ".T"
        return inner.removesuffix(mark) if inner.endswith(mark) else f"{inner}{mark}", ATOM


@dataclass(frozen=True)
class Inverse(Node):
    """The inverse of a square matrix."""

    of: Node

    def value(self, at: Valuation) -> Any:
        """The inverse."""
        return np.linalg.inv(self.of.value(at))

    def _text(self, style: str = COLUMNS) -> tuple[str, int]:
        """A call of inv."""
        return f"inv({self.of.written(style)})", ATOM


@dataclass(frozen=True)
class DeterminantOf(Node):
    """The determinant of a square matrix, or the logarithm of its absolute value."""

    of: Node
    logarithm: bool = False

    def value(self, at: Valuation) -> Any:
        """The determinant."""
        determinant = np.linalg.det(self.of.value(at))
        return np.log(np.abs(determinant)).reshape(1, 1) if self.logarithm else determinant.reshape(1, 1)

    def _text(self, style: str = COLUMNS) -> tuple[str, int]:
        """A call of det or logdet."""
        return f"{'logdet' if self.logarithm else 'det'}({self.of.written(style)})", ATOM


@dataclass(frozen=True)
class DiagonalOf(Node):
    """The diagonal of a square matrix, a column."""

    of: Node

    def value(self, at: Valuation) -> Any:
        """The diagonal."""
        return np.diagonal(self.of.value(at)).reshape(-1, 1)

    def _text(self, style: str = COLUMNS) -> tuple[str, int]:
        """A call of diag."""
        return f"diag({self.of.written(style)})", ATOM


@dataclass(frozen=True)
class MatMul(Node):
    """A matrix product; a dot product is row @ column, an outer product column @ row."""

    left: Node
    right: Node

    def value(self, at: Valuation) -> Any:
        """The product."""
        return self.left.value(at) @ self.right.value(at)

    def _text(self, style: str = COLUMNS) -> tuple[str, int]:
        """Sums over ones as sums, everything else with @."""
        if isinstance(self.right, Ones):
            return self._sum(self.left, style), ATOM
        if isinstance(self.left, Transpose) and isinstance(self.left.of, Ones):
            column = MatMul((self.shape[1], None), transposed(self.right), self.left.of)
            return Transpose(self.shape, column).text(style)
        if style == ROWS and self.left.shape[1] is None and self.right.shape[0] is None and None not in self.shape:
            return f"outer({self.left.written(style)}, {self.right.written(style)})", ATOM
        left = self.left.wrapped(ATOM if not isinstance(self.left, MatMul) else TIMES, style)
        chain = isinstance(self.right, MatMul) and self.right.is_chain
        return f"{left} @ {self.right.wrapped(TIMES if chain else POWER, style)}", TIMES

    @property
    def is_chain(self) -> bool:
        """Whether this is a product of matrices alone, which reads the same with brackets and without."""
        return all(
            None not in side.shape and (not isinstance(side, MatMul) or side.is_chain)
            for side in (self.left, self.right)
        )

    @staticmethod
    def _sum(inner: Node, style: str) -> str:
        if style == STACKED:
            flipped = transposed(inner)
            if transpositions(flipped) < transpositions(inner):
                return f"{flipped.wrapped(ATOM, style)}.sum(-2, keepdim=True).mT"
            return f"{inner.wrapped(ATOM, style)}.sum(-1, keepdim=True)"
        if inner.shape[0] is None:
            column = transposed(inner)
            if isinstance(column, MatMul) and isinstance(column.right, Ones):
                column = min(column.left, transposed(column.left), key=transpositions)
            return f"{column.wrapped(ATOM, style)}.sum()"
        flipped = transposed(inner)
        over_rows = transpositions(flipped) < transpositions(inner)
        summed = flipped if over_rows else inner
        if style == COLUMNS:
            return f"{'colsum' if over_rows else 'rowsum'}({summed.written(style)})"
        return f"{summed.wrapped(ATOM, style)}.sum({0 if over_rows else 1})"


@dataclass(frozen=True)
class Hadamard(Node):
    """The elementwise product; a column scales the rows of a matrix, a row its columns (diag(v) M, M diag(v))."""

    factors: tuple[Node, ...]

    def value(self, at: Valuation) -> Any:
        """The product, broadcast."""
        result = self.factors[0].value(at)
        for factor in self.factors[1:]:
            result = result * factor.value(at)
        return result

    def _text(self, style: str = COLUMNS) -> tuple[str, int]:
        """Factors with * between them, reciprocals behind /."""
        return _product_text(self, style)


@dataclass(frozen=True)
class Scale(Node):
    """A scalar times a node."""

    by: Node
    of: Node

    def value(self, at: Valuation) -> Any:
        """The product."""
        return self.by.value(at) * self.of.value(at)

    def _text(self, style: str = COLUMNS) -> tuple[str, int]:
        """The scalar in front; -node for -1."""
        return _product_text(self, style)


@dataclass(frozen=True)
class Broadcast(Node):
    """A scalar, column or row repeated to a larger shape; the code leaves that to broadcasting."""

    of: Node

    def value(self, at: Valuation) -> Any:
        """The repeated values."""
        return np.broadcast_to(self.of.value(at), [1 if i is None else at.size(i.size) for i in self.shape])

    def _text(self, style: str = COLUMNS) -> tuple[str, int]:
        """The operand, a vector of samples as a column."""
        text, level = self.of.text(style)
        beside = _beside(self.of, self.shape, style)
        return (text, level) if beside in (text, f"({text})") else (beside, ATOM)


@dataclass(frozen=True)
class Plus(Node):
    """A sum of nodes of one shape."""

    terms: tuple[Node, ...]

    def value(self, at: Valuation) -> Any:
        """The sum."""
        return sum(t.value(at) for t in self.terms)

    def _text(self, style: str = COLUMNS) -> tuple[str, int]:
        """Terms with + and - between them."""
        text = self.terms[0].wrapped(PLUS, style)
        if is_truth(self.terms[0]):  # truth values are added as numbers, not joined by "or"
            text = f"1 * {self.terms[0].wrapped(POWER, style)}"
        for term in self.terms[1:]:
            written = term.wrapped(TIMES, style)
            text += f" - {written[1:]}" if written.startswith("-") else f" + {written}"
        return text, PLUS


@dataclass(frozen=True)
class Power(Node):
    """Every element to a power."""

    of: Node
    exponent: sp.Expr

    def value(self, at: Valuation) -> Any:
        """The power."""
        return np.power(self.of.value(at), float(self.exponent))

    def _text(self, style: str = COLUMNS) -> tuple[str, int]:
        """sqrt, a fraction or **."""
        if self.exponent == sp.Rational(1, 2):
            return f"sqrt({self.of.written(style)})", ATOM
        if self.exponent == -1:
            return f"1 / {self.of.wrapped(POWER, style)}", TIMES
        if self.exponent == sp.Rational(-1, 2):
            return f"1 / sqrt({self.of.written(style)})", TIMES
        number = str(self.exponent) if self.exponent.is_Integer and self.exponent > 0 else f"({self.exponent})"
        return f"{self.of.wrapped(ATOM, style)}**{number}", POWER


@dataclass(frozen=True)
class Largest(Node):
    """The largest element of every row, a column; of a vector or of everything, a scalar."""

    of: Node

    def value(self, at: Valuation) -> Any:
        """The maximum."""
        values = self.of.value(at)
        return values.max(1).reshape(-1, 1) if self.shape[0] is not None else values.max().reshape(1, 1)

    def _text(self, style: str = COLUMNS) -> tuple[str, int]:
        """rowmax, or a call of max."""
        if self.shape[0] is None:
            axes = "(-2, -1), keepdim=True" if style == STACKED else ""
            return f"{self.of.wrapped(ATOM, style)}.{'amax' if axes else 'max'}({axes})", ATOM
        if style == COLUMNS:
            return f"rowmax({self.of.written(style)})", ATOM
        return f"{self.of.wrapped(ATOM, style)}.amax({'-1, keepdim=True' if style == STACKED else 1})", ATOM


@dataclass(frozen=True)
class PowerOf(Node):
    """Every element to a power that is itself a node."""

    of: Node
    exponent: Node

    def value(self, at: Valuation) -> Any:
        """The power."""
        return np.power(self.of.value(at), self.exponent.value(at))

    def _text(self, style: str = COLUMNS) -> tuple[str, int]:
        """Base ** exponent."""
        return (
            f"{_beside(self.of, self.shape, style, ATOM)}**{_beside(self.exponent, self.shape, style, ATOM)}",
            POWER,
        )


@dataclass(frozen=True)
class Apply(Node):
    """A function of every element."""

    function: str
    evaluate: Callable[..., Any]
    arguments: tuple[Node, ...]

    def value(self, at: Valuation) -> Any:
        """The function's values."""
        return self.evaluate(*(a.value(at) for a in self.arguments))

    def _text(self, style: str = COLUMNS) -> tuple[str, int]:
        """A call."""
        return f"{self.function}({', '.join(a.written(style) for a in self.arguments)})", ATOM


@dataclass(frozen=True)
class Compare(Node):
    """1 where a comparison holds, else 0."""

    operator: str
    left: Node
    right: Node

    def value(self, at: Valuation) -> Any:
        """The indicator."""
        compare: Mapping[str, Any] = {
            ">": np.greater,
            ">=": np.greater_equal,
            "<": np.less,
            "<=": np.less_equal,
            "==": np.equal,
            "!=": np.not_equal,
        }
        return compare[self.operator](self.left.value(at), self.right.value(at)).astype(float)

    def _text(self, style: str = COLUMNS) -> tuple[str, int]:
        """The comparison."""
        return f"{self.left.wrapped(PLUS, style)} {self.operator} {self.right.wrapped(PLUS, style)}", PLUS - 1


def assigned(node: Node, style: str, like: str) -> str:
    """The node as code that has the shape of the tensor `like`: repeated along axes that nothing in it has."""
    if style != ROWS or not _repeats(node):
        return node.written(style)
    return f"{_beside(_repeated(node), node.shape, style, ATOM)}.expand_as({like})"


def _repeats(node: Node) -> bool:
    """Whether broadcasting alone gives the node its shape."""
    return isinstance(node, Broadcast) or (isinstance(node, Scale) and _repeats(node.of))


def _repeated(node: Node) -> Node:
    """What is repeated."""
    if isinstance(node, Scale):
        inner = _repeated(node.of)
        return Scale(inner.shape, node.by, inner)
    return node.of if isinstance(node, Broadcast) else node


def _beside(node: Node, shape: Shape, style: str, at_least: int = POWER) -> str:
    """A factor or term of a node of the given shape: among matrices a column of samples is v[:, None]."""
    if style == ROWS and None not in shape and node.shape[1] is None and node.shape[0] is not None:
        return f"{node.wrapped(ATOM, style)}[:, None]"
    return node.wrapped(at_least, style)


def _factors(node: Node, shape: Shape) -> list[tuple[Node, Shape]]:
    """The factors of nested products, each with the shape of the product that it stands in."""
    if isinstance(node, Scale):
        return [*_factors(node.by, shape), *_factors(node.of, shape)]
    if isinstance(node, Hadamard):
        return [f for factor in node.factors for f in _factors(factor, shape)]
    return [(node, shape)]


def _product_text(node: Node, style: str) -> tuple[str, int]:
    """A product as code: number, scalars, the rest; what has a negative power behind /."""
    number = sp.Integer(1)
    over: list[str] = []
    under: list[str] = []
    for factor, shape in _factors(node, node.shape):
        if isinstance(factor, Number):
            number *= factor.number
        elif isinstance(factor, Power) and factor.exponent.is_negative:
            base = factor.of if factor.exponent == -1 else Power(factor.shape, factor.of, -factor.exponent)
            under.append(_beside(base, shape, style))
        else:
            over.append(_beside(factor, shape, style))
    rest = [f for f, _ in _factors(node, node.shape) if not isinstance(f, Number)]
    truth = bool(rest) and is_truth(_foremost(rest[0]))  # the one in front takes the sign
    if len(rest) == 1 and isinstance(rest[0], (MatMul, Broadcast)) and abs(number) == 1 and not truth:
        return ("-" if number < 0 else "") + rest[0].wrapped(TIMES, style), TIMES
    top, bottom = sp.fraction(number)
    sign = "-" if top.could_extract_minus_sign() else ""
    if abs(top) != 1 or not over or (sign and truth):
        over.insert(0, Number((None, None), -top if sign else top).wrapped(TIMES, style))
    if bottom != 1:
        under.append(Number((None, None), bottom).wrapped(POWER, style))
    return sign + " / ".join([" * ".join(over), *under]), TIMES


def _foremost(node: Node) -> Node:
    """What a matrix product begins with."""
    while isinstance(node, MatMul) and not isinstance(node.right, Ones):
        node = node.left
    return node


@once
def is_truth(node: Node) -> bool:
    """Whether the node's code gives truth values, which numpy and torch neither negate nor subtract."""
    if isinstance(node, Hadamard):
        return all(map(is_truth, node.factors))
    return isinstance(node, Compare) or (isinstance(node, (Broadcast, Transpose)) and is_truth(node.of))


@once
def children(node: Node) -> tuple[Node, ...]:
    """The operands of a node."""
    values = [getattr(node, f.name) for f in fields(node)]
    flat = [v for value in values for v in (value if isinstance(value, tuple) else (value,))]
    return tuple(v for v in flat if isinstance(v, Node))


def replaced(node: Node, by: Callable[[Node], Node | None]) -> Node:
    """The node with every part p replaced by by(p), where that is not None."""
    new = by(node)
    if new is not None:
        return new
    changed: dict[str, Any] = {}
    for field in fields(node):
        value = getattr(node, field.name)
        if isinstance(value, Node):
            changed[field.name] = replaced(value, by)
        elif isinstance(value, tuple) and value and all(isinstance(v, Node) for v in value):
            changed[field.name] = tuple(replaced(v, by) for v in value)
    return replace(node, **changed) if changed else node


@once
def transpositions(node: Node) -> int:
    """How often the node's code writes .T."""
    return node.written().count(".T")


def transposed(node: Node, *, deep: bool = False) -> Node:
    """The transpose, pushed inwards: (A B)' = B' A', A'' = A; a scalar is its own.

    That of a sum or an elementwise product stays outside where it is shorter there, of a sum not if `deep`.
    """
    row, column = node.shape
    shape = (column, row)
    if row is None and column is None:
        return node
    if isinstance(node, Transpose):
        return node.of
    if isinstance(node, MatMul):
        return MatMul(shape, transposed(node.right), transposed(node.left))
    if isinstance(node, Scale):
        return Scale(shape, node.by, transposed(node.of, deep=deep))
    if isinstance(node, Plus) and deep:
        return Plus(shape, tuple(transposed(term, deep=True) for term in node.terms))
    if isinstance(node, (Hadamard, Plus)):
        parts = node.factors if isinstance(node, Hadamard) else node.terms
        turned = [transposed(part) for part in parts]
        if all(isinstance(part, (Leaf, Inverse, Transpose)) for part in turned):
            turned.sort(key=lambda part: isinstance(part, Transpose))  # A + A.T is its own transpose
        inside = type(node)(shape, tuple(turned))
        return inside if transpositions(inside) <= transpositions(node) else Transpose(shape, node)
    if isinstance(node, Power) and node.exponent.is_negative:
        return Power(shape, transposed(node.of), node.exponent)
    if isinstance(node, Broadcast):
        return Broadcast(shape, transposed(node.of, deep=deep))
    return Transpose(shape, node)
