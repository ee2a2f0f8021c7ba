"""Notation: what a room's definition is written in.

    x, W, b, u = s.tensors
    return s.eq(u[s.i], s.sum(W[s.i, s.j] * x[s.j], s.j) + b[s.i])

Everything that comes out is a SymPy object.  `s.i` is the index with that letter of the layer's signature.
"""

from __future__ import annotations

from collections.abc import Mapping
from functools import partial
from typing import TYPE_CHECKING, Any

import sympy as sp

from scratchgrad.notation.binding import free_indices, max_over, sum_over, tensor_name, tensors_in
from scratchgrad.notation.definition import Assignment, Definition, Tensor
from scratchgrad.notation.elementary import build
from scratchgrad.notation.equations import naming_the_layer
from scratchgrad.notation.functions import TABLE
from scratchgrad.notation.grammar import parse
from scratchgrad.notation.indices import Index, Size, fresh
from scratchgrad.notation.nodes import (
    Determinant,
    InverseElement,
    LogDeterminant,
    Maximum,
    Minimum,
    Where,
)
from scratchgrad.notation.syntax import NotationError
from scratchgrad.signature import Axes, Signature

if TYPE_CHECKING:
    from scratchgrad.layer import Layer

__all__ = ["DefinitionMismatch", "DefinitionMissing", "Notation", "define", "define_layer"]


class DefinitionMismatch(NotationError):
    """A definition that does not fit the signature of its layer."""


class DefinitionMissing(NotationError):
    """A layer without an equation and without a function that defines it."""


class Notation:
    """The tensors and indices of a signature, and the functions to combine them: s.tanh is the table's."""

    pi = sp.pi
    max, min, where = map(staticmethod, (Maximum, Minimum, Where))
    delta = staticmethod(sp.KroneckerDelta)
    sum, amax = staticmethod(sum_over), staticmethod(max_over)

    def __init__(self, signature: Signature, options: Mapping[str, int] | None = None) -> None:
        """The notation of one layer; a size that has a formula is that formula of the other sizes and the options."""
        self.options = dict(options or {})
        sizes = _sizes(signature, self.options)
        self.indices = {letter: Index(letter, size) for letter, size in sizes.items()}
        self.declared = {t.name: self._tensor(t) for t in (*signature.inputs, *signature.outputs)}

    def _tensor(self, axes: Axes) -> Tensor:
        """The tensor over its axes; a letter that comes twice, as in U[i,i], is one size and two indices."""
        indices: list[Index] = []
        for letter in axes.axes:
            taken = {i.name for i in indices} | (set(self.indices) if self.indices[letter] in indices else set())
            indices.append(fresh(self.indices[letter], taken))
        return Tensor(axes.name, tuple(indices), axes.domain)

    @property
    def tensors(self) -> tuple[Any, ...]:
        """The layer's tensors, inputs then outputs; a scalar is the symbol itself."""
        return tuple(t if t.indices else t.element for t in self.declared.values())

    def __getattr__(self, letter: str) -> Any:
        """The function of the table with that name, the index with that letter, or the option's value."""
        if letter in TABLE:
            return partial(build, letter)
        indices, options = self.__dict__.get("indices", {}), self.__dict__.get("options", {})
        if letter in indices:
            return indices[letter]
        if letter in options:
            return options[letter]
        also = f", its options {', '.join(options)}" if options else ""
        raise AttributeError(f"the notation has no {letter!r}; its indices are {', '.join(indices)}{also}")

    def index(self, letter: str, like: str | None = None, *, size: Any = None) -> Index:
        """A further index, over the same axis as `like` or over an axis of the given size."""
        return self.indices[like].renamed(letter) if like is not None else Index(letter, size)

    def intermediate(self, name: str, *indices: Index) -> Any:
        """A tensor that the definition computes on the way."""
        tensor = Tensor(name, indices)
        return tensor if indices else tensor.element

    def number(self, digits: str) -> sp.Rational:
        """Exactly what the decimal digits say: 0.044715 is 44715/1000000."""
        return sp.Rational(digits)

    def eq(self, left: sp.Expr, right: Any) -> Assignment:
        """The assignment left = right."""
        indices = tuple(getattr(left, "indices", ()))
        name = tensor_name(left)
        right = sp.sympify(right)
        if len(set(indices)) != len(indices) or not all(isinstance(i, Index) for i in indices):
            raise DefinitionMismatch(f"{name}: the left side takes distinct bare indices, got {indices}")
        missing = [i.name for i in free_indices(right) if i not in indices]
        if missing:
            raise DefinitionMismatch(
                f"{name}: index {missing[0]!r} is free on the right but missing on the left; sum over it with s.sum"
            )
        return Assignment(Tensor(name, indices), right)


def define_layer(layer: Layer) -> Definition:
    """The definition of a layer, at its options; one that speaks of the whole batch is shared by all its samples.

    Raises a NotationError that names the layer and, for an equation, its file and the place in the text;
    DefinitionMissing where there is neither an equation nor a function.
    """
    if layer.definition is None:
        raise DefinitionMissing(
            f"layer {layer.name!r} ({layer.place}) has no definition; "
            f'write its equation, Layer({layer.name!r}, {str(layer.signature)!r}, "..."), or @{layer.base.name}.define'
        )
    shared = layer.shared if layer.batch is None else tuple(tensor.name for tensor in layer.signature.inputs)
    with naming_the_layer(layer):
        return define(layer.name, layer.whole, layer.definition, shared, layer.options)


def define(
    name: str,
    signature: Signature,
    written: Any,
    shared: tuple[str, ...] = (),
    options: Mapping[str, int] | None = None,
) -> Definition:
    """The definition that a room writes: its equation as text, or a function of the notation of its signature.

    Raises DefinitionMismatch where an output is never assigned or a tensor is used that the signature lacks.
    """
    notation = Notation(signature, options)
    written = written if isinstance(written, str) else written(notation)
    outputs = [t.name for t in signature.outputs]
    if isinstance(written, str):
        assignments = _read(written, notation, signature, outputs)
    else:
        assignments = tuple(written) if isinstance(written, (tuple, list)) else (written,)
    targets = {a.target.name: a.target for a in assignments}
    _check_targets(name, signature, notation, targets)
    _check_tensors(name, signature, assignments, {**notation.declared, **targets})
    inputs = tuple(notation.declared[t.name] for t in signature.inputs)
    return Definition(assignments, inputs, tuple(targets[o] for o in outputs), name=name, shared=shared)


def _read(text: str, notation: Notation, signature: Signature, outputs: list[str]) -> tuple[Assignment, ...]:
    """The assignments of an equation: every tensor and every size is that of the signature."""
    tensors = " ".join(
        t.name
        + (f"[{','.join(f'n_{signature.root(a)}' for a in t.axes)}]" if t.axes else "")
        + (":int" if t.integer else "")
        for t in (*signature.inputs, *signature.outputs)
    )
    sizes = {f"n_{letter}": index.size for letter, index in notation.indices.items()}
    inner = {letter: f"n_{letter}" for letter in notation.indices if letter not in signature.letters}
    return parse(
        text, tensors=tensors, ranges=inner, outputs=outputs, complete=True, sizes=sizes, options=notation.options
    ).assignments


def _check_targets(name: str, signature: Signature, notation: Notation, targets: Mapping[str, Tensor]) -> None:
    for output in (t.name for t in signature.outputs):
        if output not in targets:
            raise DefinitionMismatch(f"{name}: output {output!r} of the signature is never assigned")
        if targets[output].sizes != notation.declared[output].sizes:
            raise DefinitionMismatch(f"{name}: {output} is defined over other axes than the signature's {signature}")
    for tensor in (t.name for t in signature.inputs):
        if tensor in targets:
            raise DefinitionMismatch(f"{name}: {tensor!r} is an input and cannot be assigned")


def _check_tensors(
    name: str, signature: Signature, assignments: tuple[Assignment, ...], known: Mapping[str, Tensor]
) -> None:
    for assignment in assignments:
        whole = {n.args[0] for n in assignment.right.atoms(InverseElement, Determinant, LogDeterminant)}
        for used in tensors_in(assignment.right):
            if used in whole:
                continue
            tensor = known.get(tensor_name(used))
            if tensor is None or len(tensor.indices) != len(getattr(used, "indices", ())):
                raise DefinitionMismatch(f"{name}: {used} does not fit the signature {signature}")


def _sizes(signature: Signature, options: Mapping[str, int]) -> dict[str, sp.Expr]:
    """The size of every letter: a symbol, or its formula of the others; letters that only formulas have come last."""
    formulas = signature.formulas
    inner = dict.fromkeys(
        name for f in formulas.values() for name in f.names if name not in options and name not in signature.letters
    )
    sizes: dict[str, sp.Expr] = {a: Size(f"n_{a}") for a in (*signature.letters, *inner) if a not in formulas}
    for letter, formula in formulas.items():
        size = sp.sympify(formula.value({**options, **sizes}))
        if str(size).removeprefix("n_") in inner:  # as many as an inner letter has: the axis gives the name
            sizes[str(size).removeprefix("n_")] = size = Size(f"n_{letter}")
        sizes[letter] = size
    return {a: sizes[a] for a in (*signature.letters, *inner)}
