"""The right values at tensors that somebody else has chosen, fast: a specification, a point, and plain float64.

In   what sg.certify takes as a specification, and tensors
Out  the specification with its reference; the Point; exact numbers, where they are at hand in time

    |yours - right|  <=  THRESHOLD * (effect of noise of one ulp + u max |f| + u max |grad| + tiny)

as error_model says it, but that the noise moves the inputs alone, and is measured once: what is suspected for that is
looked at with exact numbers.
"""

from __future__ import annotations

import contextlib
from collections import Counter, OrderedDict
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, replace
from typing import Any

import numpy as np
import sympy as sp
import torch

from scratchgrad.certification.error_model import STRICTER, TINY, UNIT
from scratchgrad.certification.float_reference import FloatReference
from scratchgrad.certification.function_specification import specify_function
from scratchgrad.certification.point import Point
from scratchgrad.certification.reference import SEED, Reference, Undefined
from scratchgrad.certification.specification import (
    ExampleMismatch,
    NothingToCertify,
    Role,
    Specification,
    layer_of,
    specify,
)
from scratchgrad.certification.time_limit import TakesTooLong, within
from scratchgrad.domain import Domain
from scratchgrad.layer import Layer
from scratchgrad.membership import check, inside

__all__ = ["AtTensors", "PointReference", "exact_numbers_of", "has_values", "point_at", "specified"]

_REMEMBERED = 64
"""Specifications whose derivation is kept."""

# TRUST: one-batch
_EXACT_NUMBERS = 1000
"""Where inputs and upstream gradients have more numbers, no exact ones are computed."""

# TRUST: one-batch
_EXACT_SECONDS = 5.0
"""Nor where they take longer."""

_MOVED, _TIED = 2.0**-30, 1e-4
"""A result that moves by this part of its size when inputs move by 2**-30 is at a tie."""

_AROUND = 4
"""So many points around a tie are looked at."""

Array = Any


class PointReference(FloatReference):
    """The right values in float64, with the bounds of error_model for the dtype of the point."""

    def unit(self, dtype: str, effect: Array, scale: Array) -> Array:
        """One unit of error, as for exact numbers."""
        found: Array = UNIT[dtype] * STRICTER[dtype] * (effect + scale) + TINY[dtype]
        return found

    def is_tied(self, point: Point, tensor: str, entry: tuple[int, ...]) -> bool:
        """Whether the entry jumps when the inputs move a little."""
        rng = np.random.default_rng(SEED)
        high = self.at(point)[tensor].high
        scale = max(float(np.abs(high[np.isfinite(high)]).max(initial=0.0)), TINY["float64"])
        domains = {role.name: role.tensor.domain for role in self.specification.inputs}
        for _ in range(_AROUND):
            tensors = {name: _aside(values, domains[name], rng) for name, values in point.tensors.items()}
            try:
                near = self.at(replace(point, tensors=tensors))[tensor].high[entry]
            except Undefined:
                continue
            if np.isfinite(near) and not abs(near - high[entry]) <= _TIED * scale:
                return True
        return False


def _aside(values: Array, domain: Domain, rng: np.random.Generator) -> Array:
    """Numbers a little aside, in the domain, too; near one of its ends by a small part of their distance from it."""
    if values.dtype.kind != "f":
        return values
    size = np.maximum(1.0, np.abs(values))
    for end in (domain.interval.low, domain.interval.high):
        if end is not None:
            distance = np.abs(values - float(end))
            size = np.where(distance > 0, np.minimum(size, distance), size)
    return inside(domain, np.asarray(values + _MOVED * size * rng.choice([-1.0, 1.0], values.shape)))


def exact_numbers_of(reference: Reference, point: Point) -> Reference | None:
    """The exact reference, which knows the point; None where its numbers take too long, or cannot be had.

    Raises Undefined where the definition has no value there.
    """
    if point.entries > _EXACT_NUMBERS:
        return None
    exact = Reference(reference.specification)
    try:
        with within(_EXACT_SECONDS):
            exact.at_length(point)
    except (TakesTooLong, NothingToCertify):
        return None
    return exact


def has_values(reference: PointReference, point: Point) -> bool:
    """Whether the definition has a finite value of every output and every gradient at the point."""
    with contextlib.suppress(Undefined):
        if all(truth.judged.all() for truth in reference.at(point).values()):
            return True
    try:  # overflow on the way to a value leaves none in plain float64
        exact = exact_numbers_of(reference, point)
    except Undefined:
        return False
    return exact is not None and all(truth.judged.all() for truth in exact.at(point).values())


_known: OrderedDict[Any, tuple[Specification, PointReference]] = OrderedDict()


def specified(spec: Any, tensors: Sequence[Any], domains: str = "") -> tuple[Specification, PointReference]:
    """The specification for these tensors, with its reference; one with a definition is derived once."""
    if callable(spec) and not isinstance(spec, Layer | type):
        specification = specify_function(spec, tensors, domains, other_sizes=False)
        return specification, PointReference(specification)
    layer = layer_of(spec)
    source = spec if layer is None else layer
    key = (source, () if layer is not None else tuple(np.ndim(t) for t in tensors), domains)
    try:
        hash(key)
    except TypeError:
        specification = specify(source, None if layer is not None else tensors, domains)
        return specification, PointReference(specification)
    if key not in _known:
        specification = specify(source, None if layer is not None else tensors, domains)
        _known[key] = specification, PointReference(specification)
        if len(_known) > _REMEMBERED:
            _known.popitem(last=False)
    _known.move_to_end(key)
    return _known[key]


@dataclass(frozen=True)
class AtTensors:
    """The point of some tensors; the tensors themselves, as they are stored, and how many numbers each result has."""

    point: Point
    inputs: Sequence[torch.Tensor]
    upstream: Sequence[torch.Tensor | None]
    layouts: Mapping[str, str]
    numbers: Mapping[str, int]


def point_at(
    specification: Specification,
    tensors: Sequence[Any],
    grad_outputs: Sequence[Any] | None,
    shapes: Callable[[Sequence[Any]], Sequence[tuple[int, ...]]],
) -> AtTensors:
    """The point; without gradients that arrive, random ones from a fixed seed.

    `shapes` gives the shapes of the outputs, where neither inputs nor gradients say them.  Raises ExampleMismatch where
    the tensors do not fit the specification, DomainViolated where they lie outside its domains.
    """
    places = [n for n in range(len(tensors)) if n not in specification.constants]
    roles = specification.inputs
    if len(places) != len(roles):
        names = ", ".join(role.name for role in roles)
        raise ExampleMismatch(f"{specification.title}: expected {len(roles)} tensors ({names}), got {len(places)}")
    inputs = [_tensor(tensors[n], role) for n, role in zip(places, roles, strict=True)]
    dtype = _dtype(specification, inputs)
    outputs = specification.outputs
    if grad_outputs is not None and len(grad_outputs) != len(outputs):
        names = ", ".join(role.name for role in outputs)
        raise ExampleMismatch(
            f"{specification.title}: expected grad_outputs to have one gradient for each of {names}, "
            f"got {len(grad_outputs)}"
        )
    arrays = {role.name: _array(t) for role, t in zip(roles, inputs, strict=True)}
    for role in roles:
        check(role.tensor.domain, arrays[role.name], specification.title, role.name)
    lengths: dict[sp.Expr, int] = {}
    batches: dict[str, int] = {}
    _measure(zip(roles, (t.shape for t in inputs), strict=True), lengths, batches, specification.title)
    known = [(r, g.shape) for r, g in zip(outputs, grad_outputs or (), strict=False) if g is not None]
    _measure(known, lengths, batches, specification.title)
    if any(size not in lengths for size in specification.sizes):
        found = shapes([arrays[role.name] for role in roles])
        _measure(zip(outputs, found, strict=False), lengths, batches, specification.title)
    missing = [str(size) for size in specification.sizes if size not in lengths]
    if missing:
        raise ExampleMismatch(
            f"{specification.title}: nothing says how large {', '.join(missing)} is; give grad_outputs= of that size"
        )
    batch = next(iter(batches.values()), None)
    expected = [role.shape(lengths, batch) for role in outputs]
    upstream = _upstream(specification, grad_outputs, expected, dtype)
    point = Point(
        str(dtype).removeprefix("torch."),
        batch,
        lengths,
        arrays,
        {r.name: None if g is None else _array(g) for r, g in zip(outputs, upstream, strict=True)},
    )
    numbers = Counter({role.name: int(np.prod(shape)) for role, shape in zip(outputs, expected, strict=True)})
    numbers.update({r.tensor.gradient.name: t.numel() for r, t in zip(roles, inputs, strict=True) if not r.integer})
    return AtTensors(point, inputs, upstream, _layouts(roles, inputs), numbers)


def _tensor(value: Any, role: Role) -> torch.Tensor:
    """The tensor without what autograd knows of it.  Raises ExampleMismatch where it is none that can be compared."""
    found = value.detach() if isinstance(value, torch.Tensor) else torch.from_numpy(np.asarray(value))
    if found.is_complex() or found.device.type != "cpu" or found.layout != torch.strided:
        raise ExampleMismatch(
            f"{role.name}: expected a dense tensor of real numbers on the processor, got one of {found.dtype} "
            f"({found.layout}) on {found.device}"
        )
    if role.integer == found.is_floating_point():
        kinds = ("whole numbers", "floating point")
        raise ExampleMismatch(f"{role.name}: expected {kinds[not role.integer]}, got {found.dtype}")
    return found


def _dtype(specification: Specification, inputs: Sequence[torch.Tensor]) -> torch.dtype:
    """The one dtype of the tensors.  Raises ExampleMismatch where they have several, or one that nobody compares."""
    found = list(dict.fromkeys(t.dtype for t in inputs if t.is_floating_point()))
    name = str(found[0]).removeprefix("torch.") if found else "float64"
    if len(found) > 1 or name not in UNIT:
        said = ", ".join(str(dtype) for dtype in found)
        raise ExampleMismatch(f"{specification.title}: expected tensors of one dtype of {', '.join(UNIT)}, got {said}")
    return found[0] if found else torch.float64


def _array(tensor: torch.Tensor) -> Array:
    """The values, numbers in float64 whatever their dtype: what is computed from them is right for that dtype."""
    return tensor.double().numpy() if tensor.is_floating_point() else tensor.numpy()


def _measure(tensors: Any, lengths: dict[sp.Expr, int], batches: dict[str, int], title: str) -> None:
    """The length of every size that a tensor has bare, and the number of samples.  Raises ExampleMismatch."""
    for role, shape in tensors:
        own = tuple(shape)
        if role.sample:
            if not own:
                raise ExampleMismatch(f"{title}: {role.name} has samples in front, got no axes")
            batches[role.name], own = own[0], own[1:]
        if len(own) != len(role.tensor.sizes):
            raise ExampleMismatch(
                f"{title}: {role.name} has {len(role.tensor.sizes)} axes{' beside the batch' if role.sample else ''}, "
                f"got the shape {tuple(shape)}"
            )
        for size, length in zip(role.tensor.sizes, own, strict=True):
            known = lengths.setdefault(size, length) if size.is_Symbol else length
            if known != length or (size.is_Integer and int(size) != length):
                raise ExampleMismatch(f"{title}: {size} is {known} elsewhere but {length} in {role.name}")
    if len(set(batches.values())) > 1:
        raise ExampleMismatch(f"{title}: the tensors have different numbers of samples: {batches}")


def _upstream(
    specification: Specification, given: Sequence[Any] | None, shapes: Sequence[tuple[int, ...]], dtype: torch.dtype
) -> list[torch.Tensor | None]:
    if given is None:
        rng = np.random.default_rng(SEED)
        return [torch.from_numpy(np.asarray(rng.standard_normal(shape))).to(dtype) for shape in shapes]
    found: list[torch.Tensor | None] = []
    for role, value, shape in zip(specification.outputs, given, shapes, strict=True):
        gradient = None if value is None else _tensor(value, role)
        if gradient is not None and (tuple(gradient.shape) != shape or gradient.dtype != dtype):
            raise ExampleMismatch(
                f"{specification.title}: expected the gradient of {role.name} to be {dtype} of shape {shape}, "
                f"got {gradient.dtype} of shape {tuple(gradient.shape)}"
            )
        found.append(gradient)
    return found


def _layouts(roles: Sequence[Role], tensors: Sequence[torch.Tensor]) -> dict[str, str]:
    """How tensors are stored that are not contiguous."""
    return {
        role.name: f"strides {tuple(tensor.stride())}, offset {tensor.storage_offset()}"
        for role, tensor in zip(roles, tensors, strict=True)
        if not tensor.is_contiguous() or tensor.storage_offset()
    }
