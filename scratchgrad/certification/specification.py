"""What a kernel is held against: a definition, and which of its tensors carry samples.

In   a room's name | a Layer | a definition | a text in the grammar; perhaps example tensors
Out  Specification: inputs and outputs with their sizes, the gradients, and whether there is a batch

A room or a Layer is batched as its kernel is: every tensor that is not shared has a batch axis in front.  A definition
or a text is one sample exactly as it says, unless an example has one axis more: that axis is the batch.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from functools import cached_property, lru_cache
from typing import TYPE_CHECKING, Any

import numpy as np
import sympy as sp

from scratchgrad import registry
from scratchgrad.certification.error_model import CLAIMED, DTYPES
from scratchgrad.gradients import Gradients, definition_of
from scratchgrad.layer import NAME, Layer
from scratchgrad.notation.binding import operands, tensor_name
from scratchgrad.notation.definition import Definition, Tensor
from scratchgrad.notation.indices import Size
from scratchgrad.notation.mistakes import UnusedName
from scratchgrad.notation.text import to_text

if TYPE_CHECKING:
    from scratchgrad.certification.function_specification import TorchFunction

__all__ = [
    "ExampleMismatch",
    "NothingToCertify",
    "Role",
    "Specification",
    "UnknownDtype",
    "batched_specification",
    "dtypes_named",
    "layer_of",
    "specify",
]


class NothingToCertify(ValueError):
    """A specification without a kernel, or a kernel without a specification."""


class ExampleMismatch(ValueError):
    """Example tensors that do not fit the specification."""


class UnknownDtype(ValueError):
    """A name in `dtypes=` that is none of the dtypes in which something can be compared."""


def dtypes_named(wanted: Any) -> tuple[str, ...]:
    """The names of the dtypes, torch's own or strings.  Raises UnknownDtype."""
    names = tuple(str(one).removeprefix("torch.") for one in ([wanted] if isinstance(wanted, str) else wanted))
    known = (*DTYPES, *CLAIMED)
    wrong = next((name for name in names if name not in known), None)
    if wrong is not None or not names:
        raise UnknownDtype(f"dtypes: expected at least one of {', '.join(known)}, got {wrong or 'none'}")
    return tuple(name for name in known if name in names)


@dataclass(frozen=True)
class Role:
    """A tensor of the specification, and whether it has a batch axis."""

    tensor: Tensor
    sample: bool

    @property
    def name(self) -> str:
        """The tensor's name."""
        return self.tensor.name

    @property
    def integer(self) -> bool:
        """Whether it holds integers, by which nothing is differentiated."""
        return self.tensor.integer

    def shape(self, sizes: Mapping[sp.Expr, int], batch: int | None) -> tuple[int, ...]:
        """The shape at these sizes, with the batch axis in front where there is one."""
        own = _numbers(self.tensor.sizes, tuple(sizes.items()))
        return (batch, *own) if self.sample and batch is not None else own


@lru_cache(4096)
def _numbers(wanted: tuple[sp.Expr, ...], sizes: tuple[tuple[sp.Expr, int], ...]) -> tuple[int, ...]:
    """The sizes as numbers; every probe asks for the same ones, and SymPy substitutes slowly."""
    known = dict(sizes)
    return tuple(int(known[s]) if s in known else int(s.subs(known)) for s in wanted)


@dataclass(frozen=True)
class Specification:
    """A definition, as a kernel meets it; or a torch function in its place."""

    title: str
    definition: Definition | None
    inputs: tuple[Role, ...]
    outputs: tuple[Role, ...]
    function: TorchFunction | None = None
    dtypes: tuple[str, ...] = DTYPES
    """The dtypes in which it is compared."""

    @property
    def batched(self) -> bool:
        """Whether there is a batch axis."""
        return any(role.sample for role in self.inputs)

    @property
    def several(self) -> bool:
        """Whether there are several outputs."""
        return len(self.outputs) > 1

    @cached_property
    def gradients(self) -> Gradients | None:
        """The derivation; None for a torch function."""
        return None if self.definition is None else Gradients(self.definition)

    @property
    def constants(self) -> Mapping[int, Any]:
        """Arguments that are no tensors, by their place."""
        return {} if self.function is None else self.function.constants

    @cached_property
    def differentiable(self) -> tuple[Role, ...]:
        """The inputs that have a gradient."""
        return tuple(role for role in self.inputs if not role.integer)

    @cached_property
    def sizes(self) -> tuple[sp.Expr, ...]:
        """The sizes that may be chosen, in order of appearance; a number is no choice."""
        every = (s for role in (*self.inputs, *self.outputs) for s in role.tensor.sizes)
        return tuple(dict.fromkeys(symbol for size in every for symbol in sorted(size.atoms(Size), key=str)))

    @cached_property
    def free(self) -> tuple[sp.Expr, ...]:
        """The sizes that no input has: how far an output reaches is the forward's to say."""
        known = {symbol for role in self.inputs for size in role.tensor.sizes for symbol in size.atoms(Size)}
        return tuple(size for size in self.sizes if size not in known) if self.function is None else ()

    def bound(self, name: str) -> sp.Expr | None:
        """The size that the integers of a tensor stay below, None where it indexes nothing."""
        for assignment in self.definition.assignments if self.definition is not None else ():
            found = self._indexed_by(assignment.right, name)
            if found is not None:
                return found
        return None

    def _indexed_by(self, e: sp.Basic, name: str) -> sp.Expr | None:
        if isinstance(e, sp.KroneckerDelta):
            for one, other in (e.args, e.args[::-1]):
                if tensor_name(one) == name and hasattr(other, "size"):
                    return sp.sympify(other.size)
        if isinstance(e, sp.Indexed):
            assert self.definition is not None  # e is part of it
            tensor = self.definition.tensors[tensor_name(e)]
            for position, index in enumerate(e.indices):
                if type(index) in (sp.Indexed, sp.Symbol) and tensor_name(index) == name:
                    return tensor.sizes[position]
        for child in operands(e):
            found = self._indexed_by(child, name)
            if found is not None:
                return found
        return None


def layer_of(source: Any) -> Layer | None:
    """The Layer that the source is, or is the name of; None for a definition or a text."""
    if isinstance(source, str) and NAME.fullmatch(source.strip()):
        return registry.layer(source.strip())
    return source if isinstance(source, Layer) else None


def specify(source: Any, example: Sequence[Any] | None = None, domains: str = "") -> Specification:
    """The specification that `source` stands for, with the domains of its inputs where it is a text.

    Raises NothingToCertify for a Layer without definition, ExampleMismatch where the example does not fit, and what
    reading a text raises.
    """
    layer = layer_of(source)
    if domains and (layer is not None or isinstance(source, Gradients)):
        raise UnusedName(f"domains: {_title(source)} says that itself; domains= belongs to a text or to a function")
    if layer is not None:
        if layer.definition is None:
            raise NothingToCertify(
                f"layer {layer.name!r} has no definition to be held against; "
                f'write its equation, Layer({layer.name!r}, {str(layer.signature)!r}, "..."), or @{layer.name}.define'
            )
        definition = definition_of(layer)
        tensors = (*layer.signature.inputs, *layer.signature.outputs)
        samples = {t.name: layer.batch is None and layer.carries_samples(t) for t in tensors}
        title = layer.name
    else:
        definition = source.definition if isinstance(source, Gradients) else definition_of(source, domains=domains)
        samples = dict.fromkeys((t.name for t in (*definition.inputs, *definition.outputs)), False)
        title = definition.name or str(definition)
        if example is not None:
            samples = _samples(definition, example)
    return Specification(
        title,
        definition,
        tuple(Role(t, samples[t.name]) for t in definition.inputs),
        tuple(Role(t, samples[t.name]) for t in definition.outputs),
    )


def _title(source: Any) -> str:
    return "the derivation" if isinstance(source, Gradients) else f"layer {getattr(source, 'name', source)!r}"


def batched_specification(definition: Definition) -> Specification:
    """The definition as a generated kernel meets it: every input that is not shared has a batch axis."""
    samples = {t.name: t.name not in definition.shared for t in definition.inputs}
    carries = any(samples.values())
    return Specification(
        definition.name or str(definition),
        definition,
        tuple(Role(t, samples[t.name]) for t in definition.inputs),
        tuple(Role(t, carries) for t in definition.outputs),
    )


def _samples(definition: Definition, example: Sequence[Any]) -> dict[str, bool]:
    """Which tensors carry samples, by the number of axes of the example."""
    wanted = ", ".join(to_text(t.element) for t in definition.inputs)
    if len(example) != len(definition.inputs):
        raise ExampleMismatch(f"expected {len(definition.inputs)} example tensors ({wanted}), got {len(example)}")
    samples: dict[str, bool] = {}
    for tensor, values in zip(definition.inputs, example, strict=True):
        more = np.ndim(values) - len(tensor.indices)
        if more not in (0, 1):
            raise ExampleMismatch(
                f"{to_text(tensor.element)} has {len(tensor.indices)} axes (one more in a batch), "
                f"the example's shape is {tuple(np.shape(values))}"
            )
        samples[tensor.name] = more == 1
    return samples | dict.fromkeys((t.name for t in definition.outputs), any(samples.values()))
