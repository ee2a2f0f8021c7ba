"""The signature of a layer: which tensors go in, which come out, and the letter of every axis.

In   "x[j] W[i,j] b[i] -> u[i]"
Out  Signature(inputs=(x[j], W[i,j], b[i]), outputs=(u[i],))

A letter stands for one size wherever it appears, so shapes are checked by letters alone.  A tensor without
brackets is a scalar.  Behind an input stands its domain, where that is not all real numbers (see `domain`):

    v[i] y[i]:onehot nu>0 u[i] in (-1,1) -> L

A matrix that is :symmetric or :positive_definite is square: its two letters are one size.  `t[b]:int` declares an
integer-valued tensor.  A size that follows from others has a formula, after a semicolon, in letters and in the layer's
options:

    x[i] w[k] -> y[p]; p = (i + 2*padding - k)//stride + 1

Plain Python: every wing may import it.
"""

from __future__ import annotations

import re
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field

from scratchgrad.domain import REALS, Domain, DomainError
from scratchgrad.formula import Formula, FormulaError

__all__ = ["Axes", "ShapeMismatch", "Signature", "SignatureError"]

_TENSOR = re.compile(r"\s*(?P<name>[A-Za-z_]\w*)(?:\[(?P<axes>[^\[\]]*)\])?")


class SignatureError(ValueError):
    """A signature that cannot be read."""


class ShapeMismatch(ValueError):
    """Two axes named by one letter have different sizes, or a tensor has the wrong number of axes."""


@dataclass(frozen=True)
class Axes:
    """A tensor's name, the letters of its axes and its domain; `x[j]` has the one axis j, a scalar has none."""

    name: str
    axes: tuple[str, ...] = ()
    domain: Domain = REALS

    @property
    def integer(self) -> bool:
        """Whether it holds whole numbers, by which nothing is differentiated."""
        return self.domain.integer

    @property
    def element(self) -> str:
        """The tensor without its domain: x[j]."""
        return self.name + (f"[{','.join(self.axes)}]" if self.axes else "")

    def __str__(self) -> str:
        """The tensor as a signature writes it."""
        return f"{self.element}{self.domain}"


@dataclass(frozen=True)
class Signature:
    """The tensors that a layer takes and gives, in order."""

    inputs: tuple[Axes, ...]
    outputs: tuple[Axes, ...]
    formulas: Mapping[str, Formula] = field(default_factory=dict, hash=False)

    @classmethod
    def parse(cls, text: str) -> Signature:
        """The signature written as `x[j] W[i,j] b[i] -> u[i]`, formulas of sizes after semicolons.

        Raises SignatureError where the arrow is missing, a tensor, a domain or a formula cannot be read or a name comes
        twice.
        """
        tensors, *formulas = text.split(";")
        left, arrow, right = tensors.partition("->")
        if not arrow:
            raise SignatureError(f"signature {text!r}: expected 'inputs -> outputs', found no '->'")
        inputs, outputs = _tensors(left, text), _tensors(right, text)
        signature = cls(inputs, outputs, _square_sizes(inputs, dict(_formula(f, text) for f in formulas), text))
        names = [t.name for t in signature.inputs + signature.outputs]
        for name in names:
            if names.count(name) > 1:
                raise SignatureError(f"signature {text!r}: {name!r} appears twice; give each tensor its own name")
        if not signature.outputs:
            raise SignatureError(f"signature {text!r}: expected at least one output after '->'")
        for output in outputs:
            if not (output.domain.is_reals or output.integer):
                raise SignatureError(
                    f"signature {text!r}: {output} is an output, which has the values that the equation gives; "
                    "declare domains of inputs"
                )
        letters = signature.letters
        for letter in signature.formulas:
            if letter not in letters:
                raise SignatureError(f"signature {text!r}: {letter!r} has a formula, but no tensor has that axis")
        return signature

    def __str__(self) -> str:
        """The text that parses back."""
        return "; ".join((self.shapes, *((self.computed,) if self.computed else ())))

    @property
    def shapes(self) -> str:
        """The tensors, without the formulas."""
        return f"{' '.join(map(str, self.inputs))} -> {' '.join(map(str, self.outputs))}"

    @property
    def computed(self) -> str:
        """The formulas, "" where there are none; that a square matrix has two equal sizes needs none."""
        square = _square_sizes(self.inputs, {})
        return "; ".join(
            f"{letter} = {formula}" for letter, formula in self.formulas.items() if square.get(letter) != formula
        )

    @property
    def domains(self) -> dict[str, Domain]:
        """The domains that are declared, by the names of the inputs."""
        return {tensor.name: tensor.domain for tensor in self.inputs if not tensor.domain.is_reals}

    @property
    def letters(self) -> tuple[str, ...]:
        """The letters of all axes, each once, in order of appearance."""
        return tuple(dict.fromkeys(letter for tensor in (*self.inputs, *self.outputs) for letter in tensor.axes))

    def root(self, letter: str) -> str:
        """The letter whose size this one has: itself, but for the second letter of a matrix that is square."""
        while letter in self.formulas and self.formulas[letter].text in self.letters:
            letter = self.formulas[letter].text
        return letter

    def sizes(
        self, layer: str, shapes: Sequence[tuple[int, ...]], options: Mapping[str, int] | None = None
    ) -> dict[str, int]:
        """The size of every letter, from the inputs' shapes (one sample's, without the batch axis) and the options.

        Raises ShapeMismatch, which names the layer, the letter, both sizes and both tensors, or the formula.
        """
        sizes: dict[str, int] = {}
        seen: dict[str, str] = {}
        for tensor, shape in zip(self.inputs, shapes, strict=True):
            if len(shape) != len(tensor.axes):
                raise ShapeMismatch(
                    f"{layer}: {tensor} has {len(tensor.axes)} axes, got shape {tuple(shape)} with {len(shape)}"
                )
            if tensor.domain.is_square and shape[-2] != shape[-1]:
                raise ShapeMismatch(f"{layer}: {tensor} is a square matrix, got shape {tuple(shape)}")
            for letter, size in zip(tensor.axes, shape, strict=True):
                if sizes.setdefault(letter, size) != size:
                    hint = f"; is {tensor.name} transposed?" if sorted(shape) != list(shape) or len(shape) > 1 else ""
                    raise ShapeMismatch(
                        f"{layer}: index {letter!r} is {sizes[letter]} in {seen[letter]} but {size} in {tensor}{hint}"
                    )
                seen.setdefault(letter, str(tensor))
        return self._with_formulas(layer, sizes, seen, options or {})

    def _with_formulas(
        self, layer: str, sizes: dict[str, int], seen: Mapping[str, str], options: Mapping[str, int]
    ) -> dict[str, int]:
        found = dict(sizes)
        for letter, formula in self.formulas.items():
            known = {**options, **found}
            unknown = [name for name in formula.names if name not in known]
            if len(unknown) == 1 and letter in found:
                solved = formula.solved(unknown[0], found[letter], known)
                if solved is None or solved < 1:
                    where = "".join(f", {name} is {known[name]}" for name in formula.names if name in known)
                    raise ShapeMismatch(
                        f"{layer}: index {letter!r} is {found[letter]} in {seen[letter]}, "
                        f"expected {letter} = {formula} for a whole number {unknown[0]}{where}"
                    )
                found[unknown[0]] = solved
                continue
            if unknown:
                raise ShapeMismatch(f"{layer}: {letter} = {formula} needs {unknown[0]!r}, which no input has")
            size = int(formula.value(known))
            where = ", ".join(f"{name} is {known[name]}" for name in formula.names)
            if found.setdefault(letter, size) != size:
                raise ShapeMismatch(
                    f"{layer}: index {letter!r} is {found[letter]} in {seen[letter]}, "
                    f"but {letter} = {formula} is {size} ({where})"
                )
            if size < 1:
                raise ShapeMismatch(f"{layer}: {letter} = {formula} is {size}, expected at least 1 ({where})")
        return found


def _formula(text: str, whole: str) -> tuple[str, Formula]:
    letter, equals, right = text.partition("=")
    if not equals or not letter.strip().isidentifier():
        raise SignatureError(f"signature {whole!r}: cannot read {text.strip()!r}; write a size as p = (h - k)//2 + 1")
    try:
        return letter.strip(), Formula.parse(right)
    except FormulaError as error:
        raise SignatureError(f"signature {whole!r}: {error}") from None


def _tensors(text: str, whole: str) -> tuple[Axes, ...]:
    found: list[Axes] = []
    place = 0
    while text[place:].strip():
        match = _TENSOR.match(text, place)
        if match is None:
            word = text[place:].split(maxsplit=1)[0]
            raise SignatureError(f"signature {whole!r}: cannot read {word!r}; write a tensor as x[i,j], without spaces")
        axes = tuple(a.strip() for a in (match["axes"] or "").split(",") if a.strip())
        try:
            domain, place = Domain.read(text, match.end())
            found.append(Axes(match["name"], axes, domain.of(axes, match[0].strip())))
        except DomainError as error:
            raise SignatureError(f"signature {whole!r}: {error}") from None
        if text[place : place + 1].strip():
            word = (text[match.start() : place] + text[place:].split(maxsplit=1)[0]).strip()
            raise SignatureError(f"signature {whole!r}: cannot read {word!r}; write a tensor as x[i,j], without spaces")
    return tuple(found)


def _square_sizes(tensors: Sequence[Axes], formulas: Mapping[str, Formula], whole: str = "") -> dict[str, Formula]:
    """The formulas, and j = i for every matrix A[i,j] that its domain makes square."""
    found = dict(formulas)

    def root(letter: str) -> str:
        while letter in found and found[letter].text.isidentifier() and found[letter].text != letter:
            letter = found[letter].text
        return letter

    for tensor in tensors:
        if tensor.domain.is_square:
            first, second = map(root, tensor.axes[-2:])
            if first != second:
                later, earlier = (first, second) if second in found else (second, first)
                if later in found:
                    raise SignatureError(
                        f"signature {whole!r}: {tensor} is square, but {first!r} and {second!r} both have a formula; "
                        "write one letter twice"
                    )
                found[later] = Formula.parse(earlier)
    return found
