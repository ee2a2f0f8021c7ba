"""The text grammar: `u[i] = Sum(W[i,j]*x[j], j) + b[i]` becomes a Definition.

`;` separates assignments, the last left side is the output.  `T[i,j]` is an element, whose index may be affine
(`x[2*i+k]`, 0 where out of range).  `Sum(e, i, ..)` and `Max(e, i, ..)` run over the whole range of an index, which
may be said there: `Sum(x[i+r], r<3)`.
`delta(i,j)`, `max(a,b) min(a,b) where(condition,a,b)`, `Inv(A)[i,j] Det(A) LogDet(A)`, `**` is power, `pi` is pi.
A tensor used as an index is integer-valued.  A name without brackets is a scalar input, the value of an index in
scope, or the size of an axis (`n_i`, or as declared).

The functions are those of the table in notation/functions.py: `{functions}`.
`sinc` is sin(pi x)/(pi x), `normcdf` the distribution function of the normal law, `hurwitz(n,a)` the sum of
1/(a + k)^n, which has the derivatives of `digamma`; `round` goes to the even one of two equally near numbers.
"""

from __future__ import annotations

import difflib
import math
import re
from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence

import sympy as sp

from scratchgrad.domain import INTEGERS, REALS
from scratchgrad.notation.binders import StatedRange, without_ranges
from scratchgrad.notation.binding import NO_NUMBERS, element, kinds, max_over, sum_over
from scratchgrad.notation.declaration import combined, declared_domains, declared_size, declared_tensors
from scratchgrad.notation.definition import Assignment, Definition, Tensor
from scratchgrad.notation.elementary import build
from scratchgrad.notation.functions import TABLE, Function, listed
from scratchgrad.notation.indices import Index, Size, fresh
from scratchgrad.notation.limits import TooLarge, longest_number, working
from scratchgrad.notation.nodes import (
    Determinant,
    InverseElement,
    LogDeterminant,
    Maximum,
    Minimum,
    Where,
)
from scratchgrad.notation.options import with_options
from scratchgrad.notation.ranges import IndexSizeConflict, Ranges
from scratchgrad.notation.syntax import Node, NotationError, Statement, pointing_at, read

__all__ = [
    "AssignmentOrder",
    "FreeIndexMissing",
    "Misplaced",
    "RankMismatch",
    "ReservedName",
    "TooLarge",
    "UnknownName",
    "UnusedName",
    "parse",
]

__doc__ = (__doc__ or "").format(functions=listed())


class UnknownName(NotationError):
    """A function, tensor or index that nothing declares."""


class UnusedName(NotationError):
    """A size or a range that is given for what the definition does not have."""


class FreeIndexMissing(NotationError):
    """An index is free on the right but missing on the left."""


class RankMismatch(NotationError):
    """A tensor is used with different numbers of indices, or a function with a wrong number of arguments."""


class Misplaced(NotationError):
    """A condition where a value is wanted, a value where a condition is, a fraction as an index, an infinite value."""


class ReservedName(NotationError):
    """A tensor is called like a function, or like the gradient of another tensor."""


class AssignmentOrder(NotationError):
    """A tensor is assigned twice, or used before it is assigned."""


_CONSTRUCTS: dict[str, tuple[int, Callable[..., sp.Expr]]] = {
    "max": (2, Maximum),
    "min": (2, Minimum),
    "where": (3, Where),
    "delta": (2, sp.KroneckerDelta),
}
_BINDERS: dict[str, Callable[..., sp.Expr]] = {"Sum": sum_over, "Max": max_over}
_MATRIX = {"Inv": 1, "Det": 1, "LogDet": 1}
_COMPARE = {"<": sp.Lt, "<=": sp.Le, ">": sp.Gt, ">=": sp.Ge, "==": sp.Eq, "!=": sp.Ne}
_LOGIC = {"and": sp.And, "or": sp.Or, "not": sp.Not}
_ARITHMETIC: dict[str, Callable[[sp.Expr, sp.Expr], sp.Expr]] = {
    "+": lambda a, b: a + b,
    "-": lambda a, b: a - b,
    "*": lambda a, b: a * b,
    "/": lambda a, b: a / b,
    "**": lambda a, b: a**b,
}
_DIGITS, _EXPONENT = 400, 512  # float64 ends at 1.8e308
_EXACT, _FLOAT = 1000, 308  # digits of an exact number; the largest power of ten in float64
_ORDER = 100  # beyond, zeta(n, x) is x^-n to 30 digits
_SIZE_OF = re.compile(r"n_([A-Za-z]\w*)")


@working("reading the definition")
def parse(
    text: str,
    *,
    tensors: str = "",
    ranges: Mapping[str, str | int] | None = None,
    outputs: Sequence[str] | None = None,
    domains: str = "",
    name: str = "",
    complete: bool = False,
    strict: bool = False,
    sizes: Mapping[str, sp.Expr] | None = None,
    options: Mapping[str, int] | None = None,
) -> Definition:
    """The definition that the text writes.

    `tensors` ("x[nB,nN] w[nN]") names the sizes of axes, `ranges` ({"r": "nK"}) the range of an index; an integer is
    a fixed size.  `domains` ("nu>0; p[i]:simplex") says which values inputs may have; `tensors` may say it, too.
    `outputs` names the outputs (default: the last left side).  `complete` says that `tensors` lists every tensor, so
    that another name is an error; `strict`, that a name in `tensors` or `ranges` which the text lacks is one.
    `sizes` are the values of named sizes ({"n_q": 3*n_i}), `options` those of a layer's options.

    Raises the subclasses of NotationError, each pointing at the place: UnbalancedText, UnreadableText, UnknownName,
    IndexSizeConflict, FreeIndexMissing, RankMismatch, AssignmentOrder, TooLarge, DomainMisfit; and UnusedName.
    """
    try:
        elaboration = _Elaboration(
            text, tensors, ranges or {}, complete=complete, domains=domains, sizes=sizes or {}, options=options or {}
        )
        if strict:
            elaboration.check_used(ranges or {})
        return elaboration.definition(outputs, name)
    except RecursionError:
        raise TooLarge("the definition is nested too deeply; name its parts in assignments of their own") from None


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


def _counted(count: int, one: str, many: str) -> str:
    return f"{count or 'no'} {one if count < 2 else many}"


def _nearest(name: str, known: list[str], otherwise: str = "it has ") -> str:
    """What may have been meant."""
    near = difflib.get_close_matches(name, known, 1, 0.65)
    return f"; did you mean {near[0]!r}?" if near else f"; {otherwise}{', '.join(known) or 'none'}"


def _walk(node: Node) -> Iterator[Node]:
    yield node
    for child in node.arguments:
        yield from _walk(child)


class _Elaboration:
    """One text on its way to a Definition: first who ranges over what, then the expressions."""

    def __init__(
        self,
        text: str,
        tensors: str,
        ranges: Mapping[str, str | int],
        *,
        complete: bool,
        domains: str,
        sizes: Mapping[str, sp.Expr],
        options: Mapping[str, int],
    ) -> None:
        self.text = text
        self.options = options
        self.statements = [with_options(statement, options) for statement in read(text)]
        written = declared_tensors(tensors)
        self.declared = {name: one.axes or () for name, one in written.items()}
        self.complete = complete
        self.rank: dict[str, int] = {name: len(axes) for name, axes in self.declared.items()}
        self.sizes: dict[str, sp.Expr] = dict(sizes)
        self.integer: set[str] = set()
        self.letters: dict[str, int] = {}
        self.renamed: dict[str, sp.Expr] = {}
        self.ranges = Ranges(text)
        for tensor, axes in self.declared.items():
            for position, axis in enumerate(axes):
                self.ranges.declare((tensor, position), self.size(axis))
        for letter, size in ranges.items():
            self.ranges.declare(letter, self.size(str(size)))
        self.take_ranges()
        self.targets = [self.target(s) for s in self.statements]
        for statement in self.statements:
            for side in (statement.left, statement.right):
                if side is not None:
                    for node in _walk(side):
                        self.note(node)
        said = [*(one for one in written.values() if not one.domain.is_reals), *declared_domains(domains)]
        self.integer |= {one.name for one in said if one.domain.integer}
        ranks = {name: self.rank.get(name, 0) for name in self.input_names()}
        self.domains = combined(said, ranks, {name: INTEGERS for name in self.integer})
        for name, domain in self.domains.items():
            if domain.is_square:
                self.ranges.meet((name, self.rank[name] - 2), (name, self.rank[name] - 1), 0)
        self.check_order()

    def error(self, kind: type[NotationError], place: int, message: str) -> NotationError:
        return kind(pointing_at(self.text, place, message))

    def size(self, name: str) -> sp.Expr:
        size = self.sizes[name] if name in self.sizes else declared_size(name)
        return self.sizes.setdefault(name, size) if isinstance(size, Size) else size

    # -- first pass: ranks, letters, classes of equal size

    def take_ranges(self) -> None:
        """Every range that a binder says of its own letter is declared, and taken out of the statements."""
        for position, statement in enumerate(self.statements):
            self.statements[position], stated = without_ranges(statement, _BINDERS)
            for one in stated:
                self.take_range(one)

    def take_range(self, stated: StatedRange) -> None:
        letter, size = stated.letter.value, stated.size.value
        of = _SIZE_OF.fullmatch(size)
        whole = stated.size.kind == "number" and size.isdigit() and 0 < len(size) <= _DIGITS and int(size) > 0
        if whole or (stated.size.kind == "name" and size in self.sizes):
            self.ranges.declare(letter, self.size(size), stated.letter.place)
        elif stated.size.kind == "name" and of:
            self.ranges.meet(of[1], letter, stated.letter.place)
        else:
            message = f"the range of {letter!r} is a whole number or the size of an axis: {letter}<3, {letter}<n_i"
            raise self.error(Misplaced, stated.size.place, message)

    def target(self, statement: Statement) -> str:
        if statement.left is not None and statement.left.value in self.options:
            message = f"{statement.left.value!r} is an option of the layer; give the tensor another name"
            raise self.error(ReservedName, statement.left.place, message)
        return statement.left.value if statement.left is not None else "out"

    def note(self, node: Node) -> None:
        if node.kind in ("element", "name"):
            self.check_name(node)
        if node.kind == "element":
            self.note_rank(node.value, len(node.arguments), node.place)
            for position, index in enumerate(node.arguments):
                self.note_index(index, (node.value, position))
        elif node.kind == "call" and node.value == "delta":
            for index in node.arguments:
                self.note_index(index, None)
        elif node.kind == "call" and node.value in _BINDERS:
            self.note_binder(node)
        elif node.kind == "matrix element" or (node.kind == "call" and node.value in _MATRIX):
            self.note_matrix(node)

    def check_name(self, node: Node) -> None:
        if node.value == "pi" and "pi" in self.targets:
            raise self.error(ReservedName, node.place, "'pi' is the number; give the tensor another name")
        if node.value in {*TABLE, *_CONSTRUCTS, *_BINDERS, *_MATRIX}:
            message = f"{node.value!r} is a function: write {node.value}(...), or give the tensor another name"
            raise self.error(ReservedName, node.place, message)
        kind, _, of = node.value.partition("_")
        if kind in ("grad", "bar") and of in self.targets:
            message = (
                f"{node.value!r} is the name of the gradient of J with respect to {of}; give the tensor another name"
            )
            raise self.error(ReservedName, node.place, message)

    def note_rank(self, name: str, rank: int, place: int) -> None:
        if self.rank.setdefault(name, rank) != rank:
            has, here = _counted(self.rank[name], "axis", "axes"), _counted(rank, "index", "indices")
            raise self.error(RankMismatch, place, f"{name} has {has}, here it has {here}")

    def note_index(self, index: Node, slot: tuple[str, int] | None) -> None:
        for part in _walk(index):
            if part.kind == "element":
                self.integer.add(part.value)
            elif part.kind == "name" and part.value in self.rank and part.value in self.declared:
                self.integer.add(part.value)
            elif part.kind == "name" and not self._is_size(part.value) and not self.inside_element(index, part):
                self.letters.setdefault(part.value, part.place)
        if slot is not None and index.kind == "name" and index.value in self.letters:
            self.ranges.meet(index.value, slot, index.place)
        elif slot is not None:
            self.ranges.root(slot)

    def _is_size(self, name: str) -> bool:
        return name in self.sizes or _SIZE_OF.fullmatch(name) is not None

    @staticmethod
    def inside_element(index: Node, part: Node) -> bool:
        return any(n.kind == "element" and part is not n and part in tuple(_walk(n)) for n in _walk(index))

    def note_binder(self, node: Node) -> None:
        if len(node.arguments) < 2:  # a body and at least one index
            raise self.error(
                RankMismatch,
                node.place,
                f"{node.value} needs an expression and at least one index, as in {node.value}(x[i], i)",
            )
        for index in node.arguments[1:]:
            if index.kind != "name":
                raise self.error(
                    UnknownName, index.place, f"{node.value} runs over an index letter, such as {node.value}(x[i], i)"
                )
            self.letters.setdefault(index.value, index.place)

    def note_matrix(self, node: Node) -> None:
        matrix = node.arguments[0] if node.arguments else None
        wanted = 3 if node.kind == "matrix element" else 1
        if (
            matrix is None
            or matrix.kind != "name"
            or len(node.arguments) != wanted
            or (node.value == "Inv") != (wanted == 3)
            or node.value not in _MATRIX
        ):  # a name and two indices
            raise self.error(RankMismatch, node.place, "write Inv(A)[i,j], Det(A) or LogDet(A) for a square tensor A")
        self.note_rank(matrix.value, 2, matrix.place)
        axes = self.declared.get(matrix.value, ())
        if len(set(axes)) > 1:
            message = f"{node.value} takes a square tensor, but {matrix.value} is declared as [{','.join(axes)}]"
            raise self.error(IndexSizeConflict, matrix.place, message)
        self.ranges.meet((matrix.value, 0), (matrix.value, 1), matrix.place)
        for position, index in enumerate(node.arguments[1:]):
            self.note_index(index, (matrix.value, position))

    def check_used(self, ranges: Mapping[str, str | int]) -> None:
        sides = [side for s in self.statements for side in (s.left, s.right) if side is not None]
        written = {n.value for side in sides for n in _walk(side) if n.kind in ("element", "name")}
        there = [*dict.fromkeys((*self.targets, *self.input_names()))]
        for tensor, axes in self.declared.items():
            if tensor not in written and not written & set(axes):  # it may be there to name a size
                raise UnusedName(f"tensors: the definition has no tensor {tensor!r}{_nearest(tensor, there)}")
        for letter in ranges:
            if letter not in self.letters:
                raise UnusedName(
                    f"ranges: the definition has no index {letter!r}{_nearest(letter, list(self.letters))}"
                )

    def check_order(self) -> None:
        for position, (name, statement) in enumerate(zip(self.targets, self.statements, strict=True)):
            place = statement.left.place if statement.left is not None else 0
            if name in self.targets[:position]:
                raise self.error(AssignmentOrder, place, f"{name} is assigned twice; give each result its own name")
            for node in _walk(statement.right):
                if (
                    node.kind in ("element", "name")
                    and node.value in self.targets[position:]
                    and node.value not in self.letters
                ):
                    raise self.error(AssignmentOrder, node.place, f"{node.value} is used before it is assigned")

    # -- second pass: expressions

    def definition(self, outputs: Sequence[str] | None, name: str) -> Definition:
        assignments = tuple(map(self.assignment, self.statements))
        wanted = list(outputs or [self.targets[-1]])
        self.check_outputs(wanted)
        by_name = {a.target.name: a.target for a in assignments}
        inputs = [self.tensor(n) for n in self.input_names()]
        if self.complete:
            order = list(self.declared)
            inputs.sort(key=lambda t: order.index(t.name))
        return Definition(assignments, tuple(inputs), tuple(by_name[o] for o in wanted), name=name)

    def check_outputs(self, wanted: Sequence[str]) -> None:
        """Every output is assigned; where the tensors are all declared, so is nothing else that is declared."""
        lefts = [s.left or s.right for s in self.statements]
        for output in wanted:
            if output not in self.targets:
                message = f"output {output!r} is never assigned; the left sides are {', '.join(self.targets)}"
                raise self.error(UnknownName, lefts[-1].place, message)
        for name, left in zip(self.targets, lefts, strict=True):
            if self.complete and name in self.declared and name not in wanted:
                message = f"{name!r} is an input and cannot be assigned; give the result a name of its own"
                raise self.error(AssignmentOrder, left.place, message)

    def input_names(self) -> Iterable[str]:
        found: dict[str, None] = {n: None for n in self.declared if self.complete and n not in self.targets}
        for statement in self.statements:
            for node in _walk(statement.right):
                matrix = node.kind in ("call", "matrix element") and node.value in _MATRIX
                name = node.arguments[0].value if matrix else node.value
                if node.kind == "element" or matrix or (node.kind == "name" and self.is_scalar(name)):
                    if name not in self.targets:
                        found[name] = None
        return found

    def is_scalar(self, name: str) -> bool:
        declared = self.declared.get(name) == ()
        size = _SIZE_OF.fullmatch(name)
        return declared or not (
            name in self.letters
            or name in self.sizes
            or name == "pi"
            or name in self.rank
            or (size and size[1] in self.letters)
        )

    def tensor(self, name: str) -> Tensor:
        """The tensor with the letters that the text uses first, one for each axis."""
        taken: set[str] = set()
        chosen: list[Index] = []
        letters = self.first_letters(name)
        for position in range(self.rank.get(name, 0)):
            size = self.ranges.size_of((name, position))
            letter = letters[position]
            index = fresh(Index(letter or "i", size), taken if letter else taken | set(self.letters))
            taken.add(index.name)
            chosen.append(index)
        return Tensor(name, tuple(chosen), self.domains.get(name, REALS))

    def first_letters(self, name: str) -> list[str | None]:
        letters: list[str | None] = [None] * self.rank.get(name, 0)
        for statement in self.statements:
            for side in (statement.left, statement.right):
                for node in _walk(side) if side is not None else ():
                    if node.kind == "element" and node.value == name:
                        for position, index in enumerate(node.arguments):
                            if letters[position] is None and index.kind == "name" and index.value in self.letters:
                                letters[position] = index.value
        return letters

    def assignment(self, statement: Statement) -> Assignment:
        if statement.left is None:
            free = self.free_letters(statement.right)
            target = Tensor("out", tuple(self.index(letter, self.letters[letter]) for letter in free))
        else:
            target = self.left(statement.left)
        scope = {i.name: i for i in target.indices}
        return Assignment(target, self.value(statement.right, scope))

    def left(self, node: Node) -> Tensor:
        seen: list[str] = []
        for index in node.arguments:
            self.check_letter(index.value, index.place)
            if index.kind != "name" or index.value not in self.letters or index.value in seen:
                raise self.error(
                    FreeIndexMissing,
                    index.place,
                    f"the left side takes distinct bare indices, such as {node.value}[i,j]",
                )
            seen.append(index.value)
        if node.kind == "name":
            self.note_rank(node.value, 0, node.place)
        if self.complete and node.value in self.declared and len(seen) != len(self.declared[node.value]):
            has = _counted(len(self.declared[node.value]), "axis", "axes")
            raise self.error(
                RankMismatch, node.place, f"{node.value} has {has}, here {_counted(len(seen), 'index', 'indices')}"
            )
        return Tensor(node.value, tuple(self.index(letter, node.place) for letter in seen))

    def free_letters(self, node: Node) -> list[str]:
        found: dict[str, None] = {}

        def walk(part: Node, caught: frozenset[str]) -> None:
            if part.kind == "name" and part.value in self.letters and part.value not in caught:
                found[part.value] = None
            if part.kind == "call" and part.value in _BINDERS:
                walk(part.arguments[0], caught | {a.value for a in part.arguments[1:]})
                return
            for child in part.arguments:
                walk(child, caught)

        walk(node, frozenset())
        return list(found)

    def check_letter(self, letter: str, place: int) -> None:
        if letter in self.sizes:
            message = f"{letter!r} was declared as the size of an axis; use another letter for the index"
            raise self.error(ReservedName, place, message)

    def index(self, letter: str, place: int) -> Index:
        self.check_letter(letter, place)
        if not self.ranges.known(letter):
            raise self.error(
                UnknownName,
                place,
                f"index {letter!r} ranges over no axis: nothing is indexed by it bare; "
                f'name its range: ranges={{"{letter}": "n"}} (command line: --range {letter}=n)',
            )
        return Index(letter, self.ranges.size_of(letter))

    def bindable(self, index: Index, taken: set[str]) -> Index:
        """The index, or another one over its axis where its letter is taken; a letter has one size in a text."""
        if index.name not in taken:
            return index
        elsewhere = {name for name, size in self.renamed.items() if size != index.size}
        new = fresh(index, taken | set(self.letters) | elsewhere)
        self.renamed[new.name] = index.size
        return new

    def expression(self, node: Node, scope: Mapping[str, Index]) -> sp.Basic:
        match node.kind:
            case "number":
                return self.number(node)
            case "name":
                return self.name(node, scope)
            case "element":
                return self.element(node, scope)
            case "sign":
                value = self.value(node.arguments[0], scope)
                return -value if node.value == "-" else value
            case "operation":
                return self.operation(node, *(self.value(a, scope) for a in node.arguments))
            case "comparison":
                return _COMPARE[node.value](*(self.value(a, scope) for a in node.arguments))
            case "logic":
                return _LOGIC[node.value](*(self.condition(a, scope) for a in node.arguments))
            case "matrix element":
                indices = [self.place(a, scope) for a in node.arguments[1:]]
                return InverseElement(sp.Symbol(node.arguments[0].value, real=True), *indices)
            case _:
                return self.real(node, self.call(node, scope))

    def value(self, node: Node, scope: Mapping[str, Index]) -> sp.Expr:
        """An expression that is a number, not a condition."""
        result = self.expression(node, scope)
        if not isinstance(result, sp.Expr):
            raise self.error(Misplaced, node.place, "a condition is no value; write where(condition, a, b)")
        return result

    def condition(self, node: Node, scope: Mapping[str, Index]) -> sp.Basic:
        """An expression that is true or false."""
        result = self.expression(node, scope)
        if isinstance(result, sp.Expr):
            raise self.error(Misplaced, node.place, "expected a condition such as x[i] > 0, found a value")
        return result

    def place(self, node: Node, scope: Mapping[str, Index]) -> sp.Expr:
        """An index expression: whole numbers, indices, sizes and integer-valued tensors, with + - *."""
        self.check_place(node)
        return self.value(node, scope)

    def check_place(self, node: Node) -> None:
        if node.kind in ("name", "element"):
            return
        whole = node.value.isdigit() if node.kind == "number" else node.value in "+-*"
        if node.kind not in ("number", "sign", "operation") or not whole:
            message = "an index is made of whole numbers, indices and integer-valued tensors with + - *"
            raise self.error(Misplaced, node.place, message)
        for part in node.arguments:
            self.check_place(part)

    def number(self, node: Node) -> sp.Expr:
        exponent = re.split("[eE]", node.value)[1:]
        if len(node.value) > _DIGITS or (exponent and abs(int(exponent[0])) > _DIGITS):
            raise self.error(TooLarge, node.place, "this number is beyond all floating point")
        return sp.Rational(node.value)

    def operation(self, node: Node, a: sp.Expr, b: sp.Expr) -> sp.Expr:
        """A combination of two values; SymPy would work out a power of numbers however many digits it has."""
        if node.value == "**" and b.is_Rational and abs(b) > _EXPONENT:
            raise self.error(TooLarge, node.place, f"a power of {_EXPONENT} is the largest that is taken")
        return self.real(node, _ARITHMETIC[node.value](a, b))

    def real(self, node: Node, result: sp.Expr) -> sp.Expr:
        """The result, where it is a real number for some values of its tensors."""
        if not kinds(result).isdisjoint(NO_NUMBERS) or any(map(_imaginary, sp.Mul.make_args(result))):
            raise self.error(Misplaced, node.place, "this has no real value, whatever the values of the tensors")
        digits, value = longest_number(result)
        if digits > _EXACT:
            message = f"this makes a number of {digits} digits, more than {_EXACT}; {_rounded(value)}"
            raise self.error(TooLarge, node.place, message)
        return result

    def name(self, node: Node, scope: Mapping[str, Index]) -> sp.Expr:
        name = node.value
        if name in scope:
            return scope[name]
        if self.declared.get(name) == () or (name in self.targets and not self.rank.get(name)):
            return element(name, (), integer=name in self.integer)
        if name in self.sizes:
            return self.sizes[name]
        if name == "pi":
            return sp.pi
        if name in self.letters:
            raise self.error(
                FreeIndexMissing,
                node.place,
                f"index {name!r} is free on the right but missing on the left; "
                f"sum over it, Sum(..., {name}), or give the left side the index",
            )
        size = _SIZE_OF.fullmatch(name)
        if size and self.ranges.known(size[1]):
            return self.ranges.size_of(size[1])
        if name in self.rank and self.rank[name] > 0:
            has = _counted(self.rank[name], "axis", "axes")
            raise self.error(RankMismatch, node.place, f"{name} has {has}, here it has no index")
        self.check_declared(node)
        return element(name, (), integer=name in self.integer)

    def check_declared(self, node: Node) -> None:
        if self.complete and node.value not in self.declared and node.value not in self.targets:
            raise self.unknown(node, "tensor", list(self.declared))

    def unknown(self, node: Node, what: str, known: list[str]) -> NotationError:
        return self.error(
            UnknownName, node.place, f"unknown {what} {node.value!r}{_nearest(node.value, known, 'known: ')}"
        )

    def element(self, node: Node, scope: Mapping[str, Index]) -> sp.Expr:
        self.check_declared(node)
        indices = [self.place(a, scope) for a in node.arguments]
        return element(node.value, indices, integer=node.value in self.integer)

    def call(self, node: Node, scope: Mapping[str, Index]) -> sp.Expr:
        if node.value in _BINDERS:
            inner = dict(scope)
            bound: list[Index] = []
            taken = {i.name for i in scope.values()} | set(scope)
            for argument in node.arguments[1:]:
                index = self.bindable(self.index(argument.value, argument.place), taken)
                taken.add(index.name)
                inner[argument.value] = index
                bound.append(index)
            return _BINDERS[node.value](self.value(node.arguments[0], inner), *bound)
        if node.value in _MATRIX:
            matrix = sp.Symbol(node.arguments[0].value, real=True)
            return Determinant(matrix) if node.value == "Det" else LogDeterminant(matrix)
        row = TABLE.get(node.value)
        if row is None and node.value not in _CONSTRUCTS:
            raise self.unknown(node, "function", [*TABLE, *_CONSTRUCTS, *_BINDERS, *_MATRIX])
        arity = row.arity if row is not None else _CONSTRUCTS[node.value][0]
        if len(node.arguments) != arity:
            raise self.error(
                RankMismatch,
                node.place,
                f"{node.value} takes {arity} argument{'s' * (arity > 1)}, found {len(node.arguments)}",
            )
        if row is not None:
            return self.function(row, node, scope)
        function = _CONSTRUCTS[node.value][1]
        if node.value == "delta":
            return function(*(self.place(a, scope) for a in node.arguments))
        first = self.condition if node.value == "where" else self.value
        return function(first(node.arguments[0], scope), *(self.value(a, scope) for a in node.arguments[1:]))

    def function(self, row: Function, node: Node, scope: Mapping[str, Index]) -> sp.Expr:
        """A function of the table; an order is a whole number that is written out."""
        arguments = [self.value(a, scope) for a in node.arguments]
        for least, order, written in zip(row.orders, arguments, node.arguments, strict=False):
            if not order.is_Integer or not least <= order <= _ORDER:
                message = f"the first argument of {row.name} is a whole number from {least} to {_ORDER}, written out"
                raise self.error(Misplaced, written.place, message)
        result = build(row.name, *arguments)
        if row.own and all(a.is_number for a in arguments) and result.evalf().has(sp.nan):
            raise self.error(Misplaced, node.place, "this has no real value, whatever the values of the tensors")
        return result
