r"""Matrix forms as LaTeX: every vector a column, products side by side, \odot for the elementwise product.

grad_u @ x.T              ->   \frac{\partial J}{\partial u}\, x^{\top}
o * (grad_o - <grad_o, o>) ->  o \odot \left( \frac{\partial J}{\partial o} - \left( ... \right) \mathbf{1} \right)
"""

from __future__ import annotations

from collections.abc import Callable, Mapping

import sympy as sp

from scratchgrad.forms.matrix import (
    Apply,
    Broadcast,
    Compare,
    DeterminantOf,
    DiagonalOf,
    Hadamard,
    Identity,
    Inverse,
    Largest,
    Leaf,
    MatMul,
    Number,
    Ones,
    Plus,
    Power,
    PowerOf,
    Scale,
    Transpose,
    transposed,
    transpositions,
)
from scratchgrad.forms.node import Node
from scratchgrad.forms.picking import Gather, OneHot, Triangle
from scratchgrad.forms.stack import Stack
from scratchgrad.notation.functions import TABLE
from scratchgrad.notation.limits import tick
from scratchgrad.sheets.latex import OPERATORS, parse
from scratchgrad.sheets.names import indexed, latex_name
from scratchgrad.sheets.printer import element_latex, gradient_symbol

__all__ = ["MatrixPrinter", "UnprintableForm"]

_GRADIENTS = ("grad_", "bar_")
_PLUS, _ODOT, _TIMES, _POWER, _ATOM = range(5)
_EXTREMA = {"maximum": "\\max", "minimum": "\\min"}
_COMPARISONS = {"==": "=", "!=": "\\neq", ">": ">", ">=": "\\geq", "<": "<", "<=": "\\leq"}


class UnprintableForm(TypeError):
    """A node of a matrix form that this printer does not know."""


class MatrixPrinter:
    """The printer, with the sheet's names for tensors."""

    def __init__(self, names: Mapping[str, str] | None = None) -> None:
        """A printer that writes names as `names` says."""
        self.names = names
        # By identity: a node's hash walks through all of the node.
        self._written: dict[int, tuple[Node, tuple[str, int]]] = {}

    def latex(self, node: Node) -> str:
        """The form as LaTeX."""
        return self.write(node)[0]

    def write(self, node: Node) -> tuple[str, int]:
        """The LaTeX, and how tightly it binds; a node is written once, however often its text is asked for."""
        if id(node) not in self._written:
            tick()
            self._written[id(node)] = node, self._new(node)
        return self._written[id(node)][1]

    def _new(self, node: Node) -> tuple[str, int]:
        for kind in type(node).__mro__:
            writer: Callable[[Node], tuple[str, int]] | None = getattr(self, f"_{kind.__name__.lower()}", None)
            if writer is not None:
                return writer(node)
        raise UnprintableForm(f"matrix form: no LaTeX for {type(node).__name__}; add it to sheets/matrix_printer.py")

    def wrapped(self, node: Node, at_least: int) -> str:
        """The node, in brackets where it binds less tightly than wanted."""
        text, level = self.write(node)
        return text if level >= at_least and not text.startswith("-") else f"\\left( {text} \\right)"

    def _leaf(self, node: Leaf) -> tuple[str, int]:
        """A tensor's name; a gradient is the partial derivative."""
        if node.name.startswith(_GRADIENTS):
            return gradient_symbol(node.name, self.names), _POWER if node.name.startswith("grad_") else _ATOM
        name = latex_name(node.name, self.names)
        return name, _POWER if "^" in name else _ATOM

    def _number(self, node: Number) -> tuple[str, int]:
        """A number or a size."""
        text = element_latex(node.number, self.names)
        whole = isinstance(node.number, (sp.Mul, sp.Pow)) and len(parse(text)) == 1  # one fraction, one root
        level = _ATOM if node.number.is_Atom else _PLUS if node.number.is_Add else _POWER if whole else _TIMES
        return text, level

    def _ones(self, node: Ones) -> tuple[str, int]:
        """The vector of ones."""
        row = node.shape[0] is None and node.shape[1] is not None
        return ("\\mathbf{1}^{\\top}", _POWER) if row else ("\\mathbf{1}", _ATOM)

    def _transpose(self, node: Transpose) -> tuple[str, int]:
        """The transpose; that of a gradient in brackets."""
        if isinstance(node.of, Inverse):
            return f"{self.wrapped(node.of.of, _ATOM)}^{{-\\top}}", _POWER
        return f"{self.wrapped(node.of, _ATOM)}^{{\\top}}", _POWER

    def _matmul(self, node: MatMul) -> tuple[str, int]:
        """Factors side by side; a sum of squares is a squared norm."""
        squares = _sum_of_squares(node)
        if squares is not None:
            inside = self.latex(squares)
            tall = "\\begin" in inside
            norm = f"\\left\\lVert {inside} \\right\\rVert" if tall else f"\\lVert {inside} \\rVert"
            return f"{norm}_{{F}}^{{2}}" if len(squares.indices) == 2 else f"{norm}^{{2}}", _POWER
        if isinstance(node.right, Ones) and node.shape == (None, None):
            column = transposed(node.left)
            if isinstance(column, MatMul) and isinstance(column.right, Ones):  # the sum of all elements of a matrix
                matrix = min(column.left, transposed(column.left), key=transpositions)
                inner = _beside("\\mathbf{1}^{\\top}", self.wrapped(matrix, _POWER))
                return _beside(inner, "\\mathbf{1}"), _TIMES
            return _beside("\\mathbf{1}^{\\top}", self.wrapped(column, _POWER)), _TIMES
        left = self.wrapped(node.left, _TIMES if isinstance(node.left, MatMul) else _POWER)
        right = self.wrapped(node.right, _TIMES if isinstance(node.right, MatMul) else _POWER)
        return _beside(left, right), _TIMES

    def _hadamard(self, node: Hadamard) -> tuple[str, int]:
        """Elementwise products; a vector that scales a matrix is a diagonal matrix before or behind it."""
        same = [f for f in node.factors if f.shape == node.shape]
        before = [f for f in node.factors if f.shape != node.shape and f.shape[1] is None]
        behind = [f for f in node.factors if f.shape != node.shape and f.shape[1] is not None]
        if len(same) == len(node.factors) or not same:
            return " \\odot ".join(self.wrapped(f, _POWER) for f in node.factors), _ODOT
        core = (
            self.wrapped(same[0], _POWER)
            if len(same) == 1
            else f"\\left( {self._hadamard(Hadamard(node.shape, tuple(same)))[0]} \\right)"
        )
        text = "\\, ".join([f"\\operatorname{{diag}}\\left( {self.latex(f)} \\right)" for f in before] + [core])
        for factor in behind:
            text += f"\\, \\operatorname{{diag}}\\left( {self.latex(transposed(factor))} \\right)"
        return text, _TIMES

    def _scale(self, node: Scale) -> tuple[str, int]:
        """A scalar times a node; gradients behind numbers, in front of everything else."""
        scalars: list[Node] = []
        rest: Node = node
        while isinstance(rest, Scale):
            scalars += [rest.by]
            rest = rest.of
        flat = [f for s in scalars for f in (s.factors if isinstance(s, Hadamard) else (s,))]
        number = sp.Mul(*(n.number for n in flat if isinstance(n, Number)))
        others = [n for n in flat if not isinstance(n, Number)]
        below = [n for n in others if isinstance(n, Power) and n.exponent.could_extract_minus_sign()]
        others = [n for n in others if n not in below]
        others.sort(key=lambda n: not (isinstance(n, Leaf) and n.name.startswith(_GRADIENTS)))
        sign = "-" if number.could_extract_minus_sign() else ""
        size = -number if sign else number
        text = "" if size == 1 else self.wrapped(Number((None, None), size), _TIMES)
        for other in others:
            text = _beside(text, self.wrapped(other, _TIMES if not isinstance(other, MatMul) else _POWER))
        if below:
            under = "".join(
                self.wrapped(_inverted(n), _TIMES) if len(below) > 1 else self.latex(_inverted(n)) for n in below
            )
            above = self.latex(rest)
            if "\\frac" in above:  # at its full size beside the fraction
                fraction = _beside(f"\\frac{{1}}{{{under}}}", self.wrapped(rest, _TIMES))
            else:
                fraction = f"\\frac{{{above}}}{{{under}}}"
            return f"{sign}{_beside(text, fraction)}", _TIMES
        return f"{sign}{_beside(text, self.wrapped(rest, _TIMES))}", _TIMES

    def _broadcast(self, node: Broadcast) -> tuple[str, int]:
        """A repeated value is a product with ones."""
        row, column = node.shape
        inner = node.of
        one = isinstance(inner, Number) and inner.number == 1
        if inner.shape == (None, None):
            ones = (
                "\\mathbf{1}"
                if column is None
                else "\\mathbf{1}^{\\top}"
                if row is None
                else "\\mathbf{1} \\mathbf{1}^{\\top}"
            )
            if isinstance(inner, Number) and inner.number.could_extract_minus_sign():
                return f"-{self._broadcast(Broadcast(node.shape, Number(inner.shape, -inner.number)))[0]}", _TIMES
            return ones if one else _beside(self.wrapped(inner, _POWER), ones), _TIMES
        if inner.shape[1] is None:
            return _beside(self.wrapped(inner, _TIMES), "\\mathbf{1}^{\\top}"), _TIMES
        return _beside("\\mathbf{1}", self.wrapped(inner, _TIMES)), _TIMES

    def _plus(self, node: Plus) -> tuple[str, int]:
        """Terms with + and - between them."""
        terms = sorted(node.terms, key=_added_late)
        text = self.latex(terms[0])
        for term in terms[1:]:
            written, level = self.write(term)
            if level == _PLUS:
                written = f"\\left( {written} \\right)"
            text += f" - {written[1:]}" if written.startswith("-") else f" + {written}"
        return text, _PLUS

    def _power(self, node: Power) -> tuple[str, int]:
        """Every element to a power."""
        if node.exponent == sp.Rational(1, 2):
            return f"\\sqrt{{{self.latex(node.of)}}}", _ATOM
        if node.exponent.could_extract_minus_sign() and not node.indices:
            below = node.of if node.exponent == -1 else Power(node.shape, node.of, -node.exponent)
            return f"\\frac{{1}}{{{self.latex(below)}}}", _POWER
        mark = "" if not node.indices else "\\odot "
        return f"{self.wrapped(node.of, _ATOM)}^{{{mark}{element_latex(node.exponent)}}}", _POWER

    def _apply(self, node: Apply) -> tuple[str, int]:
        """A function of every element."""
        function = TABLE[node.function].latex if node.function in TABLE else _EXTREMA[node.function]
        if "{0}" in function:
            return function.format(*map(self.latex, node.arguments)), _ATOM
        only = node.arguments[0]
        if len(node.arguments) == 1 and isinstance(only, Leaf) and function[1:] in OPERATORS and function != "\\exp":
            return f"{function} {self.wrapped(only, _POWER)}", _POWER
        return f"{function}\\left( {', '.join(map(self.latex, node.arguments))} \\right)", _POWER

    def _compare(self, node: Compare) -> tuple[str, int]:
        """1 where a comparison holds."""
        relation = f"{self.latex(node.left)} {_COMPARISONS[node.operator]} {self.latex(node.right)}"
        return f"\\mathbf{{1}}\\!\\left[ {relation} \\right]", _ATOM

    def _identity(self, node: Identity) -> tuple[str, int]:
        """The identity matrix."""
        return "I", _ATOM

    def _inverse(self, node: Inverse) -> tuple[str, int]:
        """The inverse matrix."""
        return f"{self.wrapped(node.of, _ATOM)}^{{-1}}", _POWER

    def _determinantof(self, node: DeterminantOf) -> tuple[str, int]:
        """The determinant, or the logarithm of its absolute value."""
        inner = self.wrapped(node.of, _POWER)
        if node.logarithm:
            return f"\\log \\left| \\det {inner} \\right|", _TIMES
        return f"\\det {inner}", _TIMES

    def _stack(self, node: Stack) -> tuple[str, int]:
        """One form for every value of the leading indices, which its tensors have as subscripts; or the sum of them."""
        names = dict(self.names or {})
        for name, indices in node.carried:
            of = name.partition("_")[2] if name.startswith(_GRADIENTS) else name
            names[of] = indexed(latex_name(of, self.names), [latex_name(i.name) for i in indices])
        text, level = MatrixPrinter(names).write(node.of)
        if not node.summed:
            return text, level
        if text.startswith("-") and level > _PLUS:
            return f"-\\sum_{{{latex_name(node.leading[0].name)}}} {text[1:]}", _TIMES
        inner = text if level > _PLUS else f"\\left( {text} \\right)"
        return f"\\sum_{{{latex_name(node.leading[0].name)}}} {inner}", _PLUS

    def _onehot(self, node: OneHot) -> tuple[str, int]:
        """A row with a 1 at each class."""
        return f"\\operatorname{{onehot}}\\left( {latex_name(node.classes, self.names)} \\right)", _POWER

    def _gather(self, node: Gather) -> tuple[str, int]:
        """The rows that an index vector names."""
        return indexed(latex_name(node.name, self.names), [latex_name(node.rows, self.names)]), _POWER

    def _triangle(self, node: Triangle) -> tuple[str, int]:
        """1 where the column is not behind the row."""
        row, column = (latex_name(i.name) for i in node.indices)
        shift = f" + {node.above}" if node.above > 0 else f" - {-node.above}" if node.above else ""
        return f"\\mathbf{{1}}\\!\\left[ {column} \\leq {row}{shift} \\right]", _ATOM

    def _largest(self, node: Largest) -> tuple[str, int]:
        """The largest element, of every row where the result is a column."""
        function = "\\operatorname{rowmax}" if node.shape[0] is not None else "\\max"
        return f"{function}\\left( {self.latex(node.of)} \\right)", _POWER

    def _powerof(self, node: PowerOf) -> tuple[str, int]:
        """Every element to a power that is a formula."""
        mark = "" if not node.indices else "\\odot "
        return f"{self.wrapped(node.of, _ATOM)}^{{{mark}{self.latex(node.exponent)}}}", _POWER

    def _diagonalof(self, node: DiagonalOf) -> tuple[str, int]:
        """The diagonal as a vector."""
        return f"\\operatorname{{diag}}\\left( {self.latex(node.of)} \\right)", _POWER


def _added_late(term: Node) -> int:
    """Positive products before what is added to them (W x + b), negative terms behind."""
    if isinstance(term, Scale) and isinstance(term.by, Number) and term.by.number.could_extract_minus_sign():
        return 2
    if isinstance(term, Broadcast) and isinstance(term.of, Number) and term.of.number.could_extract_minus_sign():
        return 2
    return int(isinstance(term, Leaf) and not term.name.startswith(_GRADIENTS))


def _inverted(node: Node) -> Node:
    """One over a power with a negative exponent."""
    assert isinstance(node, Power)
    return node.of if node.exponent == -1 else Power(node.shape, node.of, -node.exponent)


def _beside(left: str, right: str) -> str:
    if not left:
        return right
    airy = ("\\frac", "\\operatorname", "\\mathbf", "\\mathrm")
    thin = left.rsplit("\\, ", 1)[-1].startswith(airy) or right.startswith(airy)
    return f"{left}\\, {right}" if thin and not right.startswith("\\left") else f"{left} {right}"


def _sum_of_squares(node: MatMul) -> Node | None:
    """M where the product sums all elements of M squared, else None."""
    inner: Node = node
    found = 0
    while isinstance(inner, MatMul):
        if isinstance(inner.right, Ones):
            inner, found = inner.left, found + 1
        elif isinstance(inner.left, Ones) or (isinstance(inner.left, Transpose) and isinstance(inner.left.of, Ones)):
            inner, found = inner.right, found + 1
        else:
            break
    if isinstance(inner, Transpose) and isinstance(inner.of, Power):
        inner = inner.of
    if isinstance(inner, Power) and inner.exponent == 2 and node.shape == (None, None) and len(inner.indices) == found:
        return inner.of
    if isinstance(node.left, Transpose) and node.left.of == node.right and node.shape == (None, None):
        return node.right
    return None
