"""A plain torch function as the specification of a forward: its roles and shapes come from examples.

In   a function, example arguments (tensors; anything else is a constant that every call gets)
Out  a Specification without a definition, whose entries are executed exactly

An axis is a batch axis where the function takes other lengths of it and its outputs follow: then other batches are
probed, too.  All other sizes are those of the examples.
"""

from __future__ import annotations

import inspect
import itertools
import warnings
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any

import numpy as np
import sympy as sp
import torch

from scratchgrad.certification.exact.entries import Entries
from scratchgrad.certification.exact.from_function import entries_of_function
from scratchgrad.certification.exact.shadow import CannotExecute
from scratchgrad.certification.integers import structure_of
from scratchgrad.certification.specification import ExampleMismatch, NothingToCertify, Role, Specification
from scratchgrad.domain import INTEGERS, REALS, Domain
from scratchgrad.notation.declaration import combined, declared_domains
from scratchgrad.notation.definition import Tensor
from scratchgrad.notation.indices import Index, Size

__all__ = ["TorchFunction", "specify_function", "with_constants", "without_constants"]

_GROUPED = 6

Array = Any


@dataclass(frozen=True, eq=False)
class TorchFunction:
    """A function that is the specification, with an example to run it at."""

    function: Callable[..., Any]
    constants: Mapping[int, Any]
    example: Mapping[str, Array]
    samples: tuple[str, ...] = ()
    single: bool = True
    _shapes: dict[Any, tuple[tuple[int, ...], ...]] = field(default_factory=dict)

    def call(self, tensors: Sequence[torch.Tensor]) -> tuple[torch.Tensor, ...]:
        """The outputs, all of them tensors."""
        found = self.function(*with_constants(tensors, self.constants))
        outputs = tuple(found) if isinstance(found, tuple | list) else (found,)
        if not outputs or not all(isinstance(u, torch.Tensor) for u in outputs):
            raise NothingToCertify("the function that is the specification must return a tensor, or a tuple of tensors")
        return outputs

    def native(self, tensors: Sequence[torch.Tensor]) -> tuple[torch.Tensor, ...] | None:
        """What the function itself gives for these arguments; None where it raises: it is not defined there."""
        with warnings.catch_warnings(), torch.no_grad():
            warnings.simplefilter("ignore")
            try:
                return self.call([t.clone() for t in tensors])
            except Exception:
                return None

    def arrays(self, batch: int | None) -> dict[str, Array]:
        """The example's arguments, with another number of samples where there are any."""
        return {
            name: np.resize(values, (batch, *values.shape[1:]))
            if name in self.samples and batch is not None
            else values
            for name, values in self.example.items()
        }

    def shapes(self, arrays: Mapping[str, Array]) -> tuple[tuple[int, ...], ...]:
        """The shapes of the outputs at arguments like these."""
        key = tuple(a.shape for a in arrays.values())
        if key not in self._shapes:
            with warnings.catch_warnings(), torch.no_grad():
                warnings.simplefilter("ignore")
                self._shapes[key] = tuple(tuple(u.shape) for u in self.call([torch.tensor(a) for a in arrays.values()]))
        return self._shapes[key]

    def kinds(self) -> list[str]:
        """What each output is: "real", "position" (whole numbers) or "truth"."""
        found = self.native([torch.tensor(a) for a in self.example.values()])
        return [
            "real" if u.is_floating_point() else "truth" if u.dtype == torch.bool else "position" for u in found or ()
        ]

    def entries(self, arrays: Mapping[str, Array], outputs: Sequence[str]) -> Entries:
        """The function's entries at arguments of these shapes and integers.  Raises CannotExecute."""
        points = []
        for factor, shift in ((1.0, 0.0), (0.75, 0.125)):
            point = dict(arrays)
            for name, values in arrays.items():
                if values.dtype.kind == "f":
                    like = np.resize(self.example[name], values.shape) if self.example[name].size else values
                    point[name] = factor * like + shift * np.abs(like)
            points.append(point)
        found = entries_of_function(self.call, points, outputs)
        if tuple(a.shape for a in found.outputs.values()) != self.shapes(arrays):
            raise CannotExecute("the shape of what it returns depends on the numbers in its arguments")
        return found


def with_constants(tensors: Sequence[Any], constants: Mapping[int, Any]) -> list[Any]:
    """The arguments of a call: tensors in their places, constants in theirs."""
    rest = iter(tensors)
    return [constants[place] if place in constants else next(rest) for place in range(len(tensors) + len(constants))]


def without_constants(arguments: Sequence[Any], constants: Mapping[int, Any]) -> list[Any]:
    """The tensors among the arguments of a call."""
    return [a for place, a in enumerate(arguments) if place not in constants]


def specify_function(
    function: Callable[..., Any],
    example: Sequence[Any],
    domains: str = "",
    *,
    forward_only: bool = False,
    other_sizes: bool = True,
) -> Specification:
    """The specification that the function is, with the domains of its arguments.

    Without `other_sizes`, it is for arguments of the example's shapes alone, and nothing is executed exactly.

    Raises ExampleMismatch where it cannot be called with the example, NothingToCertify where it cannot be executed
    exactly, or has no gradient to be compared with.
    """
    constants = {place: value for place, value in enumerate(example) if not _is_tensor(value)}
    names = [name for place, name in enumerate(_names(function, len(example))) if place not in constants]
    arrays = dict(zip(names, map(as_array, (v for v in example if _is_tensor(v))), strict=True))
    plain = TorchFunction(function, constants, arrays)
    try:
        shapes = plain.shapes(arrays)
    except NothingToCertify:
        raise
    except Exception as error:
        raise ExampleMismatch(
            f"{_title(function)}: the specification cannot be called with the example ({type(error).__name__}: {error})"
        ) from error
    samples = _samples(plain, shapes) if other_sizes else ()
    known = {name: INTEGERS if a.dtype.kind != "f" else REALS for name, a in arrays.items()}
    ranks = {name: a.ndim - (name in samples) for name, a in arrays.items()}
    known = combined(declared_domains(domains), ranks, known, {})
    outputs = _output_names(len(shapes), names)
    specified = TorchFunction(function, constants, arrays, samples)
    follows = [bool(samples) and bool(shape) and shape[0] == len(arrays[samples[0]]) for shape in shapes]
    follows = _following(specified, shapes, follows) if samples else follows
    try:
        entries = specified.entries(arrays, outputs) if other_sizes else None
    except CannotExecute as error:
        raise NothingToCertify(
            f"{_title(function)}: the specification cannot be executed exactly: {error}; write it with other operations"
        ) from error
    if entries is not None and entries.constant and not forward_only:
        raise NothingToCertify(
            f"{_title(function)}: all that the specification returns is detached, or computed under torch.no_grad(), "
            "so it has no gradient; take that out, or say forward_only=True"
        )
    return Specification(
        _title(function),
        None,
        tuple(_role(name, a.ndim, known[name], name in samples) for name, a in arrays.items()),
        tuple(
            _role(name, len(shape), REALS if kind == "real" else INTEGERS, own)
            for name, shape, own, kind in zip(outputs, shapes, follows, plain.kinds(), strict=True)
        ),
        specified,
    )


def as_array(value: Any) -> Array:
    """An example tensor as an array: float64, int64 or bool."""
    array = np.asarray(value.detach().cpu().to(torch.float64) if _is_floating(value) else value)
    return array if array.dtype.kind == "b" else array.astype(np.float64 if array.dtype.kind == "f" else np.int64)


def _is_floating(value: Any) -> bool:
    return isinstance(value, torch.Tensor) and value.is_floating_point()


def _is_tensor(value: Any) -> bool:
    return isinstance(value, torch.Tensor | np.ndarray)


def _role(name: str, axes: int, domain: Domain, sample: bool) -> Role:
    letters = [Index(f"{name}_{axis}", Size(f"n_{name}_{axis}")) for axis in range(1 if sample else 0, axes)]
    return Role(Tensor(name, tuple(letters), domain), sample)


def _title(function: Callable[..., Any]) -> str:
    return str(getattr(function, "__name__", type(function).__name__))


def _names(function: Callable[..., Any], count: int) -> list[str]:
    """The names of the parameters; x1, x2, .. where they have none."""
    try:
        parameters = inspect.signature(function).parameters.values()
    except (TypeError, ValueError):
        parameters = []  # type: ignore[assignment]  # a function written in C tells nothing
    names = [p.name for p in parameters if p.kind in (p.POSITIONAL_ONLY, p.POSITIONAL_OR_KEYWORD)]
    return names[:count] if len(names) >= count else [f"x{n + 1}" for n in range(count)]


def _output_names(count: int, taken: Sequence[str]) -> list[str]:
    base = next(name for name in ("y", "out", "output", "result") if name not in taken)
    return [base] if count == 1 else [f"{base}{n + 1}" for n in range(count)]


def _samples(function: TorchFunction, shapes: Sequence[tuple[int, ...]]) -> tuple[str, ...]:
    """The inputs whose first axis is the batch; none where no such axis is found."""
    arrays = {n: a for n, a in function.example.items() if a.dtype.kind == "f" or not structure_of([a]).fixed}
    for length in dict.fromkeys(a.shape[0] for a in arrays.values() if a.ndim and a.shape[0]):
        group = [name for name, a in arrays.items() if a.ndim and a.shape[0] == length][:_GROUPED]
        for size in range(len(group), 0, -1):
            for names in itertools.combinations(group, size):
                if _varies(
                    TorchFunction(function.function, function.constants, function.example, names), length, shapes
                ):
                    return names
    return ()


def _varies(function: TorchFunction, length: int, shapes: Sequence[tuple[int, ...]]) -> bool:
    """Whether the function takes other lengths, and what it returns follows (or is a scalar)."""
    scalar = all(not shape for shape in shapes)
    if scalar and next(iter(function.example)) not in function.samples:
        return False
    for other in (length + 1, length + 3):
        try:
            found = function.shapes(function.arrays(other))
        except Exception:  # the function says in its own way that it does not fit
            return False
        grown = [
            len(a) == len(b) and all(x == y for x, y in zip(a[1:], b[1:], strict=True))
            for a, b in zip(found, shapes, strict=True)
        ]
        if not all(grown):
            return False
        if not scalar and not any(a and a[0] == other and b[0] == length for a, b in zip(found, shapes, strict=True)):
            return False
    return True


def _following(function: TorchFunction, shapes: Sequence[tuple[int, ...]], first: Sequence[bool]) -> list[bool]:
    """Which outputs have the batch axis in front."""
    length = len(function.example[function.samples[0]])
    found = function.shapes(function.arrays(length + 1))
    return [own and new[0] == length + 1 for own, new in zip(first, found, strict=True)]


def sizes_of(specification: Specification, arrays: Mapping[str, Array]) -> dict[sp.Expr, int]:
    """The sizes of all axes at these arguments."""
    assert specification.function is not None
    shapes = specification.function.shapes(arrays)
    found: dict[sp.Expr, int] = {}
    for role, shape in zip(
        (*specification.inputs, *specification.outputs), [*(a.shape for a in arrays.values()), *shapes], strict=True
    ):
        found |= zip(role.tensor.sizes, shape[1:] if role.sample else shape, strict=True)
    return found
