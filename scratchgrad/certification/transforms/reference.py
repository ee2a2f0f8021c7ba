"""The right values of what is derived from a specification, and the points at which it is examined.

In   a Battery
Out  a Reference of the derived function, and probes: the battery's ordinary ones, with numbers for what is new

What a tie would make of a second derivative is a matter of convention: a point at a tie is left out.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator, Sequence
from dataclasses import replace
from typing import Any

import numpy as np

from scratchgrad.certification.battery import Battery
from scratchgrad.certification.exact.balls import Program
from scratchgrad.certification.exact.entries import Entries
from scratchgrad.certification.point import Point
from scratchgrad.certification.probes import Probe
from scratchgrad.certification.reference import SEED, Reference, Undefined
from scratchgrad.certification.specification import Role, Specification
from scratchgrad.certification.transforms.entries import first_name, forward_mode, second_order, tangent_name
from scratchgrad.notation.definition import Tensor

__all__ = ["DerivedReference", "forward_mode_of", "ordinary", "probes_of", "second_order_of", "with_new"]

Derived = Callable[[Entries], Entries]

_GROUPS = ("values", "example", "batches", "sizes", "memory")
# TRUST: on-request
_PROBES = 24
"""At so many probes of the battery at most what is derived is compared."""

_ORDINARY = ("inputs normal", "inputs spread", "positive", "example", "batch", "size", "stored", "non-contiguous")


class DerivedReference(Reference):
    """The right values of a derived specification: its entries come from those of the one that it is derived from."""

    def __init__(self, base: Reference, specification: Specification, derived: Derived, *, gradients: bool) -> None:
        """With `gradients`, the derived function is differentiated, too."""
        super().__init__(specification)
        self.base, self.derived = base, derived
        if not gradients:
            self._roles = {role.name: role for role in specification.outputs}
        self._made: dict[int, tuple[Entries, Program]] = {}

    def entries(self, point: Point, n: int = 0) -> tuple[Entries, Program]:
        """The entries of a sample of the point, and their program."""
        own = {role.name: point.tensors[role.name] for role in self.base.specification.inputs}
        entries, _ = self.base.entries(replace(point, tensors=own), n)
        if id(entries) not in self._made:
            made = self.derived(entries)
            roots = [node for array in made.results.values() for node in array.ravel()]
            self._made[id(entries)] = made, Program(roots, made.kept)
        return self._made[id(entries)]

    def is_tied(self, point: Point) -> bool:
        """Whether a comparison is a tie there, or nearly one.  Raises Undefined."""
        self.at(point)
        return bool(self._known[point].slack)


def second_order_of(battery: Battery, names: Sequence[str]) -> DerivedReference:
    """The reference of backward as a function of inputs and upstream gradients; it gives the gradients by `names`."""
    spec = battery.specification
    arriving = tuple(Role(role.tensor.gradient, role.sample) for role in spec.outputs)  # of positions, too: unused
    wanted = [role for role in spec.differentiable if role.name in names]
    derived = replace(
        spec,
        inputs=(*spec.inputs, *arriving),
        outputs=tuple(Role(Tensor(first_name(r.name), r.tensor.indices), r.sample) for r in wanted),
    )
    return DerivedReference(battery.reference, derived, lambda entries: second_order(entries, names), gradients=True)


def forward_mode_of(battery: Battery) -> DerivedReference:
    """The reference of the outputs' tangents, as functions of the inputs and their tangents."""
    spec = battery.specification
    derived = replace(
        spec,
        inputs=(*spec.inputs, *(_tangent(role) for role in spec.differentiable)),
        outputs=tuple(_tangent(role) for role in spec.outputs if not role.integer),
    )
    return DerivedReference(battery.reference, derived, forward_mode, gradients=False)


def _tangent(role: Role) -> Role:
    return Role(Tensor(tangent_name(role.name), role.tensor.indices), role.sample)


def ordinary(battery: Battery) -> list[Probe]:
    """The battery's probes at ordinary numbers, the smallest first; not all of them where there are many."""
    chosen = [
        probe
        for probe in battery.probes
        if probe.group in _GROUPS
        and any(words in probe.name for words in (*_ORDINARY, *(layout.name for layout in probe.layouts.values())))
        and "ties" not in probe.name
        and probe.point.entries
    ]
    first: dict[Any, Probe] = {}
    for probe in chosen:  # one of a kind before another of it
        first.setdefault((probe.group, probe.point.dtype, probe.point.batch, *probe.point.sizes.items()), probe)
    kept = [*first.values(), *(p for p in chosen if p not in first.values())][:_PROBES]
    return sorted(kept, key=lambda probe: (probe.point.dtype != "float64", probe.point.entries))


def with_new(probe: Probe, specification: Specification, salt: str = "") -> Probe:
    """The probe as one of the derived specification: its upstream gradients are inputs, what is new has numbers."""
    point = probe.point
    known = {**point.tensors, **{f"grad_{n}": a for n, a in point.upstream.items() if a is not None}}
    tensors = {}
    for role in specification.inputs:
        shape = role.shape(point.sizes, point.batch)
        tensors[role.name] = known[role.name] if role.name in known else _drawn(role.name + salt, shape)
    upstream = {
        role.name: _drawn(f"grad_{role.name}{salt}", role.shape(point.sizes, point.batch))
        for role in specification.outputs
    }
    made = Point("float64", point.batch, point.sizes, tensors, upstream).in_dtype(point.dtype)
    return replace(probe, point=made)


def _drawn(name: str, shape: tuple[int, ...]) -> Any:
    return np.random.default_rng([SEED, *name.encode(), *shape]).standard_normal(shape)


def probes_of(battery: Battery, reference: DerivedReference) -> Iterator[Probe]:
    """The probes of the derived function: where it has values, and no comparison is a tie."""
    several = [role.name for role in reference.specification.outputs]
    for number, plain in enumerate(ordinary(battery)):
        probe = with_new(plain, reference.specification)
        try:
            tied = reference.is_tied(probe.point)
        except Undefined:
            continue
        # TRUST: on-request
        if tied:
            continue
        yield probe
        for name in several if number == 0 and len(several) > 1 else ():
            absent = {n: a if n == name else None for n, a in probe.point.upstream.items()}
            yield replace(probe, name=f"{name} alone", point=replace(probe.point, upstream=absent))
