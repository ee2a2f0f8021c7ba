"""First pass over a text: what each of its names is.

In   the statements; what is declared of tensors, ranges and domains
Out  each name's rank, the letters, the range of every letter and axis, integer-valued tensors, inputs and their domains

Expressions are made by the second pass, `expressions`.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping

import sympy as sp

from scratchgrad.domain import INTEGERS, Domain
from scratchgrad.notation.abbreviations import spelled_out
from scratchgrad.notation.binders import StatedRange, without_ranges
from scratchgrad.notation.declaration import Declared, combined, declared_domains, declared_size, declared_tensors
from scratchgrad.notation.indices import Size
from scratchgrad.notation.mistakes import (
    AssignmentOrder,
    Misplaced,
    RankMismatch,
    ReservedName,
    UnknownName,
    UnusedName,
    counted,
    nearest,
)
from scratchgrad.notation.options import with_options
from scratchgrad.notation.ranges import IndexSizeConflict, Ranges
from scratchgrad.notation.syntax import Node, NotationError, Statement, pointing_at, read
from scratchgrad.notation.vocabulary import BINDERS, DIGITS, MATRIX, NO_REAL, RESERVED, SIZE_OF

__all__ = ["Names"]


class Names:
    """The names of one text."""

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
        """The arguments are those of `grammar.parse`.  Raises the subclasses of NotationError."""
        self.text = text
        self.options = options
        self.statements = [with_options(spelled_out(text, statement), options) for statement in read(text)]
        written = declared_tensors(tensors)
        self.declared = {name: one.axes or () for name, one in written.items()}
        self.complete = complete
        self.rank: dict[str, int] = {name: len(axes) for name, axes in self.declared.items()}
        self.sizes: dict[str, sp.Expr] = dict(sizes)
        self.integer: set[str] = set()
        self.letters: dict[str, int] = {}
        self.ranges = Ranges(text)
        for tensor, axes in self.declared.items():
            for position, axis in enumerate(axes):
                self.ranges.declare((tensor, position), self.size(axis))
        for letter, size in ranges.items():
            self.ranges.declare(letter, self.size(str(size)))
        self._take_ranges()
        self.targets = [self._target(s) for s in self.statements]
        for node in self.nodes():
            self._note(node)
        self.domains = self._domains(
            [*(one for one in written.values() if not one.domain.is_reals), *declared_domains(domains)]
        )
        self._check_order()

    def nodes(self) -> Iterator[Node]:
        """Every node of the text, in order."""
        for statement in self.statements:
            for side in (statement.left, statement.right):
                if side is not None:
                    yield from side.walk()

    def _domains(self, declared: list[Declared]) -> dict[str, Domain]:
        self.integer |= {one.name for one in declared if one.domain.integer}
        ranks = {name: self.rank.get(name, 0) for name in self.input_names()}
        found = combined(declared, ranks, {name: INTEGERS for name in self.integer}, self._letters())
        for name, domain in found.items():
            if domain.is_square:
                self.ranges.meet((name, self.rank[name] - 2), (name, self.rank[name] - 1), 0)
        return found

    def _letters(self) -> dict[str, list[tuple[str, ...]]]:
        """The letters with which each tensor is written."""
        found: dict[str, list[tuple[str, ...]]] = {}
        for node in self.nodes():
            if node.kind == "element" and all(index.kind == "name" for index in node.arguments):
                found.setdefault(node.value, []).append(tuple(index.value for index in node.arguments))
        return found

    def error(self, kind: type[NotationError], place: int, message: str) -> NotationError:
        """The error that points at this place of the text."""
        return kind(pointing_at(self.text, place, message))

    def size(self, name: str) -> sp.Expr:
        """The size that a name or a whole number stands for, the same one each time."""
        size = self.sizes[name] if name in self.sizes else declared_size(name)
        return self.sizes.setdefault(name, size) if isinstance(size, Size) else size

    def _take_ranges(self) -> None:
        """Every range that a binder says of its own letter is declared, and taken out of the statements."""
        for position, statement in enumerate(self.statements):
            self.statements[position], stated = without_ranges(statement, BINDERS)
            for one in stated:
                self._take_range(one)

    def _take_range(self, stated: StatedRange) -> None:
        letter, size = stated.letter.value, stated.size.value
        of = SIZE_OF.fullmatch(size)
        whole = stated.size.kind == "number" and size.isdigit() and 0 < len(size) <= DIGITS and int(size) > 0
        if whole or (stated.size.kind == "name" and size in self.sizes):
            self.ranges.declare(letter, self.size(size), stated.letter.place)
        elif stated.size.kind == "name" and of:
            self.ranges.meet(of[1], letter, stated.letter.place)
        else:
            message = f"the range of {letter!r} is a whole number or the size of an axis: {letter}<3, {letter}<n_i"
            raise self.error(Misplaced, stated.size.place, message)

    def _target(self, statement: Statement) -> str:
        if statement.left is not None and statement.left.value in self.options:
            message = f"{statement.left.value!r} is an option of the layer; give the tensor another name"
            raise self.error(ReservedName, statement.left.place, message)
        return statement.left.value if statement.left is not None else "out"

    def _note(self, node: Node) -> None:
        if node.kind in ("element", "name"):
            self._check_name(node)
        if node.kind == "element":
            self.note_rank(node.value, len(node.arguments), node.place)
            for position, index in enumerate(node.arguments):
                self._note_index(index, (node.value, position))
        elif node.kind == "call" and node.value == "delta":
            for index in node.arguments:
                self._note_index(index, None)
        elif node.kind == "call" and node.value in BINDERS:
            self._note_binder(node)
        elif node.kind == "matrix element" or (node.kind == "call" and node.value in MATRIX):
            self._note_matrix(node)

    def _check_name(self, node: Node) -> None:
        if node.value == "pi" and "pi" in self.targets:
            raise self.error(ReservedName, node.place, "'pi' is the number; give the tensor another name")
        if node.kind == "name" and node.value in NO_REAL and node.value not in self.declared:
            message = (
                f"{node.value!r} is no real number, and as the name of an input it would have a gradient; where a "
                "value is left out, write where(condition, value, 0), or a large number such as 1e30"
            )
            raise self.error(ReservedName, node.place, message)
        if node.value in RESERVED:
            message = f"{node.value!r} is a function: write {node.value}(...), or give the tensor another name"
            raise self.error(ReservedName, node.place, message)
        kind, _, of = node.value.partition("_")
        if kind in ("grad", "bar") and of in self.targets:
            message = (
                f"{node.value!r} is the name of the gradient of J with respect to {of}; give the tensor another name"
            )
            raise self.error(ReservedName, node.place, message)

    def note_rank(self, name: str, rank: int, place: int) -> None:
        """RankMismatch where the tensor has another number of indices elsewhere."""
        if self.rank.setdefault(name, rank) != rank:
            has, here = counted(self.rank[name], "axis", "axes"), counted(rank, "index", "indices")
            raise self.error(RankMismatch, place, f"{name} has {has}, here it has {here}")

    def _note_index(self, index: Node, slot: tuple[str, int] | None) -> None:
        if slot is not None and index.kind == "sign" and index.value == "-" and index.arguments[0].kind == "number":
            back, tensor = index.arguments[0].value, slot[0]
            message = (
                f"places are counted from 0, and {tensor} is 0 at -{back}; where it is counted from the end, "
                f"write the size of the axis: {tensor}[n_i-{back}]"
            )
            raise self.error(Misplaced, index.place, message)
        for part in index.walk():
            if part.kind == "element":
                self.integer.add(part.value)
            elif part.kind == "name" and part.value in self.rank and part.value in self.declared:
                self.integer.add(part.value)
            elif part.kind == "name" and not self._is_size(part.value) and not _inside_element(index, part):
                self.letters.setdefault(part.value, part.place)
        if slot is not None and index.kind == "name" and index.value in self.letters:
            self.ranges.meet(index.value, slot, index.place)
        elif slot is not None:
            self.ranges.root(slot)

    def _is_size(self, name: str) -> bool:
        return name in self.sizes or SIZE_OF.fullmatch(name) is not None

    def _note_binder(self, node: Node) -> None:
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

    def _note_matrix(self, node: Node) -> None:
        matrix = node.arguments[0] if node.arguments else None
        wanted = 3 if node.kind == "matrix element" else 1
        if (
            matrix is None
            or matrix.kind != "name"
            or len(node.arguments) != wanted
            or (node.value == "Inv") != (wanted == 3)
            or node.value not in MATRIX
        ):  # a name and two indices
            raise self.error(RankMismatch, node.place, "write Inv(A)[i,j], Det(A) or LogDet(A) for a square tensor A")
        self.note_rank(matrix.value, 2, matrix.place)
        axes = self.declared.get(matrix.value, ())
        if len(set(axes)) > 1:
            message = f"{node.value} takes a square tensor, but {matrix.value} is declared as [{','.join(axes)}]"
            raise self.error(IndexSizeConflict, matrix.place, message)
        self.ranges.meet((matrix.value, 0), (matrix.value, 1), matrix.place)
        for position, index in enumerate(node.arguments[1:]):
            self._note_index(index, (matrix.value, position))

    def check_used(self, ranges: Mapping[str, str | int]) -> None:
        """UnusedName where `tensors` or `ranges` has a name that the text lacks."""
        written = {n.value for n in self.nodes() if n.kind in ("element", "name")}
        there = [*dict.fromkeys((*self.targets, *self.input_names()))]
        for tensor, axes in self.declared.items():
            if tensor not in written and not written & set(axes):  # it may be there to name a size
                raise UnusedName(f"tensors: the definition has no tensor {tensor!r}{nearest(tensor, there)}")
        for letter in ranges:
            if letter not in self.letters:
                raise UnusedName(f"ranges: the definition has no index {letter!r}{nearest(letter, list(self.letters))}")

    def _check_order(self) -> None:
        for position, (name, statement) in enumerate(zip(self.targets, self.statements, strict=True)):
            place = statement.left.place if statement.left is not None else 0
            if name in self.targets[:position]:
                raise self.error(AssignmentOrder, place, f"{name} is assigned twice; give each result its own name")
            for node in statement.right.walk():
                if (
                    node.kind in ("element", "name")
                    and node.value in self.targets[position:]
                    and node.value not in self.letters
                ):
                    raise self.error(AssignmentOrder, node.place, f"{node.value} is used before it is assigned")

    def input_names(self) -> Iterable[str]:
        """The tensors that are used and never assigned, in order; where all are declared, all of those."""
        found: dict[str, None] = {n: None for n in self.declared if self.complete and n not in self.targets}
        for statement in self.statements:
            for node in statement.right.walk():
                matrix = node.kind in ("call", "matrix element") and node.value in MATRIX
                name = node.arguments[0].value if matrix else node.value
                if node.kind == "element" or matrix or (node.kind == "name" and self.is_scalar(name)):
                    if name not in self.targets:
                        found[name] = None
        return found

    def is_scalar(self, name: str) -> bool:
        """Whether a name without brackets is a scalar input."""
        declared = self.declared.get(name) == ()
        size = SIZE_OF.fullmatch(name)
        return declared or not (
            name in self.letters
            or name in self.sizes
            or name == "pi"
            or name in self.rank
            or (size and size[1] in self.letters)
        )

    def first_letters(self, name: str) -> list[str | None]:
        """The letter with which the text indexes each axis of the tensor first; None where it never does so bare."""
        letters: list[str | None] = [None] * self.rank.get(name, 0)
        for node in self.nodes():
            if node.kind == "element" and node.value == name:
                for position, index in enumerate(node.arguments):
                    if letters[position] is None and index.kind == "name" and index.value in self.letters:
                        letters[position] = index.value
        return letters

    def free_letters(self, node: Node) -> list[str]:
        """The letters in the tree that nothing binds there, in order."""
        found: dict[str, None] = {}

        def walk(part: Node, caught: frozenset[str]) -> None:
            if part.kind == "name" and part.value in self.letters and part.value not in caught:
                found[part.value] = None
            if part.kind == "call" and part.value in BINDERS:
                walk(part.arguments[0], caught | {a.value for a in part.arguments[1:]})
                return
            for child in part.arguments:
                walk(child, caught)

        walk(node, frozenset())
        return list(found)

    def check_letter(self, letter: str, place: int) -> None:
        """ReservedName where the letter of an index is the name of a size."""
        if letter in self.sizes:
            message = f"{letter!r} was declared as the size of an axis; use another letter for the index"
            raise self.error(ReservedName, place, message)


def _inside_element(index: Node, part: Node) -> bool:
    return any(n.kind == "element" and part is not n and part in tuple(n.walk()) for n in index.walk())
