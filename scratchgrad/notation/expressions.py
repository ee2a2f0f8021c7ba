"""Second pass over a text: its syntax trees become SymPy expressions.

In   a syntax tree; the names of the text; the indices in scope
Out  an expression, in which every bound index is fresh
"""

from __future__ import annotations

import math
import re
from collections.abc import Callable, Mapping

import sympy as sp

from scratchgrad.notation.abbreviations import ABBREVIATIONS
from scratchgrad.notation.binding import NO_NUMBERS, element, kinds
from scratchgrad.notation.elementary import build
from scratchgrad.notation.functions import TABLE, Function
from scratchgrad.notation.indices import Index, fresh
from scratchgrad.notation.limits import TooLarge, longest_number
from scratchgrad.notation.mistakes import (
    FreeIndexMissing,
    Misplaced,
    RankMismatch,
    UnknownName,
    counted,
    nearest,
)
from scratchgrad.notation.names import Names
from scratchgrad.notation.nodes import Determinant, InverseElement, LogDeterminant
from scratchgrad.notation.syntax import Node, NotationError
from scratchgrad.notation.vocabulary import BINDERS, CONSTRUCTS, DIGITS, MATRIX, SIZE_OF

__all__ = ["Expressions"]

_COMPARE = {"<": sp.Lt, "<=": sp.Le, ">": sp.Gt, ">=": sp.Ge, "==": sp.Eq, "!=": sp.Ne}
_LOGIC = {"and": sp.And, "or": sp.Or, "not": sp.Not}
_ARITHMETIC: dict[str, Callable[[sp.Expr, sp.Expr], sp.Expr]] = {
    "+": lambda a, b: a + b,
    "-": lambda a, b: a - b,
    "*": lambda a, b: a * b,
    "/": lambda a, b: a / b,
    "**": lambda a, b: a**b,
}
_EXPONENT = 512
_EXACT, _FLOAT = 1000, 308  # digits of an exact number; the largest power of ten in float64
_ORDER = 100  # beyond, zeta(n, x) is x^-n to 30 digits


class Expressions:
    """The expressions of one text."""

    def __init__(self, names: Names) -> None:
        """`names` says what each name of the text is."""
        self.names = names
        self.renamed: dict[str, sp.Expr] = {}

    def index(self, letter: str, place: int) -> Index:
        """The index of this letter, over its axis.  Raises UnknownName where the letter ranges over none."""
        self.names.check_letter(letter, place)
        if not self.names.ranges.known(letter):
            raise self.names.error(
                UnknownName,
                place,
                f"index {letter!r} ranges over no axis: nothing is indexed by it bare; "
                f'name its range: ranges={{"{letter}": "n"}} (command line: --range {letter}=n)',
            )
        return Index(letter, self.names.ranges.size_of(letter))

    def _bindable(self, index: Index, taken: set[str]) -> Index:
        """The index, or another one over its axis where its letter is taken; a letter has one size in a text."""
        if index.name not in taken:
            return index
        elsewhere = {name for name, size in self.renamed.items() if size != index.size}
        new = fresh(index, taken | set(self.names.letters) | elsewhere)
        self.renamed[new.name] = index.size
        return new

    def _expression(self, node: Node, scope: Mapping[str, Index]) -> sp.Basic:
        match node.kind:
            case "number":
                return self._number(node)
            case "name":
                return self._name(node, scope)
            case "element":
                return self._element(node, scope)
            case "sign":
                value = self.value(node.arguments[0], scope)
                return -value if node.value == "-" else value
            case "operation":
                return self._operation(node, *(self.value(a, scope) for a in node.arguments))
            case "comparison":
                return _COMPARE[node.value](*(self.value(a, scope) for a in node.arguments))
            case "logic":
                return _LOGIC[node.value](*(self._condition(a, scope) for a in node.arguments))
            case "matrix element":
                indices = [self._place(a, scope) for a in node.arguments[1:]]
                return InverseElement(sp.Symbol(node.arguments[0].value, real=True), *indices)
            case _:
                return self._real(node, self._call(node, scope))

    def value(self, node: Node, scope: Mapping[str, Index]) -> sp.Expr:
        """An expression that is a number, not a condition."""
        result = self._expression(node, scope)
        if not isinstance(result, sp.Expr):
            raise self.names.error(Misplaced, node.place, "a condition is no value; write where(condition, a, b)")
        return result

    def _condition(self, node: Node, scope: Mapping[str, Index]) -> sp.Basic:
        """An expression that is true or false."""
        result = self._expression(node, scope)
        if isinstance(result, sp.Expr):
            raise self.names.error(Misplaced, node.place, "expected a condition such as x[i] > 0, found a value")
        return result

    def _place(self, node: Node, scope: Mapping[str, Index]) -> sp.Expr:
        """An index expression: whole numbers, indices, sizes and integer-valued tensors, with + - *."""
        self._check_place(node)
        return self.value(node, scope)

    def _check_place(self, node: Node) -> None:
        if node.kind in ("name", "element"):
            return
        whole = node.value.isdigit() if node.kind == "number" else node.value in "+-*"
        if node.kind not in ("number", "sign", "operation") or not whole:
            message = "an index is made of whole numbers, indices and integer-valued tensors with + - *"
            raise self.names.error(Misplaced, node.place, message)
        for part in node.arguments:
            self._check_place(part)

    def _number(self, node: Node) -> sp.Expr:
        exponent = re.split("[eE]", node.value)[1:]
        if len(node.value) > DIGITS or (exponent and abs(int(exponent[0])) > DIGITS):
            raise self.names.error(TooLarge, node.place, "this number is beyond all floating point")
        return sp.Rational(node.value)

    def _operation(self, node: Node, a: sp.Expr, b: sp.Expr) -> sp.Expr:
        """A combination of two values; SymPy would work out a power of numbers however many digits it has."""
        if node.value == "**" and b.is_Rational and abs(b) > _EXPONENT:
            raise self.names.error(TooLarge, node.place, f"a power of {_EXPONENT} is the largest that is taken")
        return self._real(node, _ARITHMETIC[node.value](a, b))

    def _real(self, node: Node, result: sp.Expr) -> sp.Expr:
        """The result, where it is a real number for some values of its tensors."""
        if not kinds(result).isdisjoint(NO_NUMBERS) or any(map(_imaginary, sp.Mul.make_args(result))):
            raise self.names.error(Misplaced, node.place, "this has no real value, whatever the values of the tensors")
        digits, value = longest_number(result)
        if digits > _EXACT:
            message = f"this makes a number of {digits} digits, more than {_EXACT}; {_rounded(value)}"
            raise self.names.error(TooLarge, node.place, message)
        return result

    def _name(self, node: Node, scope: Mapping[str, Index]) -> sp.Expr:
        name = node.value
        if name in scope:
            return scope[name]
        if self.names.declared.get(name) == () or (name in self.names.targets and not self.names.rank.get(name)):
            return element(name, (), integer=name in self.names.integer)
        if name in self.names.sizes:
            return self.names.sizes[name]
        if name == "pi":
            return sp.pi
        if name in self.names.letters:
            raise self.names.error(
                FreeIndexMissing,
                node.place,
                f"index {name!r} is free on the right but missing on the left; "
                f"sum over it, Sum(..., {name}), or give the left side the index",
            )
        size = SIZE_OF.fullmatch(name)
        if size and self.names.ranges.known(size[1]):
            return self.names.ranges.size_of(size[1])
        if name in self.names.rank and self.names.rank[name] > 0:
            has = counted(self.names.rank[name], "axis", "axes")
            raise self.names.error(RankMismatch, node.place, f"{name} has {has}, here it has no index")
        self._check_declared(node)
        return element(name, (), integer=name in self.names.integer)

    def _check_declared(self, node: Node) -> None:
        if self.names.complete and node.value not in self.names.declared and node.value not in self.names.targets:
            raise self._unknown(node, "tensor", list(self.names.declared))

    def _unknown(self, node: Node, what: str, known: list[str]) -> NotationError:
        return self.names.error(
            UnknownName, node.place, f"unknown {what} {node.value!r}{nearest(node.value, known, 'known: ')}"
        )

    def _element(self, node: Node, scope: Mapping[str, Index]) -> sp.Expr:
        self._check_declared(node)
        indices = [self._place(a, scope) for a in node.arguments]
        return element(node.value, indices, integer=node.value in self.names.integer)

    def _call(self, node: Node, scope: Mapping[str, Index]) -> sp.Expr:
        if node.value in BINDERS:
            inner = dict(scope)
            bound: list[Index] = []
            taken = {i.name for i in scope.values()} | set(scope)
            for argument in node.arguments[1:]:
                index = self._bindable(self.index(argument.value, argument.place), taken)
                taken.add(index.name)
                inner[argument.value] = index
                bound.append(index)
            return BINDERS[node.value](self.value(node.arguments[0], inner), *bound)
        if node.value in MATRIX:
            matrix = sp.Symbol(node.arguments[0].value, real=True)
            return Determinant(matrix) if node.value == "Det" else LogDeterminant(matrix)
        row = TABLE.get(node.value)
        if row is None and node.value not in CONSTRUCTS:
            raise self._unknown(node, "function", [*TABLE, *CONSTRUCTS, *ABBREVIATIONS, *BINDERS, *MATRIX])
        arity = row.arity if row is not None else CONSTRUCTS[node.value][0]
        if len(node.arguments) != arity:
            raise self.names.error(
                RankMismatch,
                node.place,
                f"{node.value} takes {arity} argument{'s' * (arity > 1)}, found {len(node.arguments)}",
            )
        if row is not None:
            return self._function(row, node, scope)
        function = CONSTRUCTS[node.value][1]
        if node.value == "delta":
            return function(*(self._place(a, scope) for a in node.arguments))
        first = self._condition if node.value == "where" else self.value
        return function(first(node.arguments[0], scope), *(self.value(a, scope) for a in node.arguments[1:]))

    def _function(self, row: Function, node: Node, scope: Mapping[str, Index]) -> sp.Expr:
        """A function of the table; an order is a whole number that is written out."""
        arguments = [self.value(a, scope) for a in node.arguments]
        for least, order, written in zip(row.orders, arguments, node.arguments, strict=False):
            if not order.is_Integer or not least <= order <= _ORDER:
                message = f"the first argument of {row.name} is a whole number from {least} to {_ORDER}, written out"
                raise self.names.error(Misplaced, written.place, message)
        result = build(row.name, *arguments)
        if row.own and all(a.is_number for a in arguments) and result.evalf().has(sp.nan):
            raise self.names.error(Misplaced, node.place, "this has no real value, whatever the values of the tensors")
        return result


def _imaginary(power: sp.Expr) -> bool:
    """Whether it is a power of a negative number that need not be whole, as (-8)**(1/3)."""
    if not isinstance(power, sp.Pow) or isinstance(power, sp.exp):
        return False
    base, exponent = power.args
    return bool(base.is_Number and base.is_negative and not exponent.is_integer)


def _rounded(value: sp.Rational) -> str:
    """What to write in a number's place."""
    logarithm = math.log10(abs(value.p)) - math.log10(value.q)
    if abs(logarithm) > _FLOAT:
        return "it is beyond all floating point"
    return f"write it rounded: {'-' if value.p < 0 else ''}{10 ** (logarithm % 1):.12g}e{math.floor(logarithm)}"
