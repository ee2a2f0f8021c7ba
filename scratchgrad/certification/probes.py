"""The probes at which every kernel of a specification is examined.

inputs      random numbers, of magnitudes 1e-3 to 1000 and all others (magnitudes.py), exact zeros, ties, one-hot rows,
all inside the domains, at their ends and near them; sizes pairwise distinct, and 1
batches     2, 1, 5, 0
upstream    random, ones (in every memory that torch makes them in), zero, sparse, of all magnitudes, absent in every
combination where there are several outputs
memory      transposed, strided, part of a larger storage, channels last, expanded along each axis, for every input and
every upstream gradient
dtypes      float64, float32; bfloat16 and float16 for a kernel that claims them
calls       1 where memory or magnitudes are tried, 3 elsewhere, 50 at one

Where only upstream gradients or memory differ, float64 and float32 are given the same numbers, so that what is right is
evaluated once.
"""

from __future__ import annotations

import itertools
from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass, field, replace
from typing import TYPE_CHECKING, Any

import numpy as np
import sympy as sp

from scratchgrad.certification.error_model import DTYPES
from scratchgrad.certification.integers import structure_of
from scratchgrad.certification.layouts import Layout, expanded, fitting
from scratchgrad.certification.magnitudes import input_magnitudes, upstream_magnitudes
from scratchgrad.certification.point import Point, rounded
from scratchgrad.certification.reference import SEED
from scratchgrad.certification.sampling import FINE, KINDS, TAILS_BESIDE, at_the_ends, one_hot
from scratchgrad.certification.specification import Role

if TYPE_CHECKING:
    from scratchgrad.certification.battery import Battery, Sizes

__all__ = ["Probe", "probes"]

_OTHER_SIZES = (2, 4, 3, 2, 5, 2)
# TRUST: second-run
_CALLS = 50
"""How often a kernel is called with the same numbers, once: a mistake may begin with some call."""

Array = Any


@dataclass(frozen=True, eq=False)
class Probe:
    """A point, and how its arrays lie in memory (contiguous where nothing is said).

    `calls` is how often the kernel is called with the same numbers.  With `half`, half of the digits are enough there,
    of the number or of this one where it is smaller, and where no form of ours has them, fewer; see digits.py.  What
    is `strict` must have them, and small entries of it must not be far off beside their own size.
    """

    group: str
    name: str
    point: Point
    layouts: Mapping[str, Layout] = field(default_factory=dict)
    calls: int = 3
    half: float | None = None
    strict: frozenset[str] = frozenset()

    def __str__(self) -> str:
        """The probe's name and dtype."""
        return f"{self.name}, {self.point.dtype}"


def probes(battery: Battery) -> Iterator[Probe]:
    """The probes of the battery in a fixed order, ordinary ones first.

    The very first calls are compared one after the other, so that none of the first fifty is taken for granted.
    """
    yield Probe("calls", f"{_CALLS} calls", battery.point("normal", battery.batch, battery.sizes()), calls=_CALLS)
    for dtype in DTYPES:
        yield from _values_probes(battery, dtype)
        yield from _shape_probes(battery, dtype)
        yield from _absent_probes(battery, dtype)
        for name, point in input_magnitudes(battery, dtype):
            yield Probe("magnitudes", name, point, calls=1, half=0.0)
    yield from _in_both(battery, _upstream_probes(battery, "float32"))
    yield from _in_both(battery, _memory_probes(battery, "float32"))
    yield from _in_both(battery, _ones_probes(battery))
    magnitudes = (Probe("magnitudes", name, point, calls=1) for name, point in upstream_magnitudes(battery))
    yield from _in_both(battery, magnitudes)
    for dtype in battery.claimed:
        yield from _values_probes(battery, dtype)
        yield from _upstream_probes(battery, dtype)
        yield from _absent_probes(battery, dtype)


def _in_both(battery: Battery, found: Iterable[Probe]) -> Iterator[Probe]:
    """Probes of float32, in float64 first."""
    every = list(found)
    points = dict.fromkeys(probe.point for probe in every)
    for dtype in DTYPES:
        same = {point: battery.reference.also_in(point, dtype) for point in points}
        yield from (replace(probe, point=same[probe.point]) for probe in every)


def _values_probes(battery: Battery, dtype: str) -> Iterator[Probe]:
    for kind in KINDS:
        for salt in ("", "again", "once more") if kind in ("ties", "zeros") else ("",):
            yield Probe(
                "values",
                f"inputs {kind}",
                battery.point(kind, battery.batch, battery.sizes(), dtype, salt=salt),
                half=TAILS_BESIDE if kind == "tails" else None,
            )
    for kind in FINE if dtype == "float64" else ():
        yield Probe("values", f"inputs {kind}", battery.point(kind, battery.batch, battery.sizes(), dtype), half=0.0)
    for role in battery.specification.differentiable:
        if not role.tensor.indices:
            continue

        def hot(tensors: dict[str, Any], name: str = role.name) -> None:
            rows = tensors[name]
            tensors[name] = one_hot(np.random.default_rng([SEED, rows.size]), rows.shape)

        def positive(tensors: dict[str, Any], name: str = role.name) -> None:
            tensors[name] = np.abs(tensors[name])

        yield Probe(
            "values", f"{role.name} one-hot", battery.point("normal", battery.batch, battery.sizes(), dtype, change=hot)
        )
        yield Probe(
            "values",
            f"{role.name} positive",
            battery.point("normal", battery.batch, battery.sizes(), dtype, change=positive),
        )
    for number, example in enumerate(battery.examples):
        point = battery.point(
            "normal", battery.example_batch(example), battery.example_sizes(example), dtype, salt=f"{number}"
        )
        for name, values in example.items():
            point = point.with_array(name, values, upstream=False)
        yield Probe("example", f"example {number + 1}", battery.moved(point.in_dtype(dtype)))
    yield from _domain_probes(battery, dtype)


def _domain_probes(battery: Battery, dtype: str) -> Iterator[Probe]:
    """Each input at the ends of its domain, and near them."""
    sizes = battery.sizes()
    for role in battery.specification.differentiable:
        domain = battery.domains[role.name]
        shape = role.shape(sizes, battery.batch)
        rng = np.random.default_rng([SEED, *f"{role.name}{domain}".encode()])
        for words, values in at_the_ends(domain, rng, shape):

            def put(tensors: dict[str, Any], name: str = role.name, values: Array = values) -> None:
                tensors[name] = values

            yield Probe(
                "domain", f"{role.name} {words}", battery.point("normal", battery.batch, sizes, dtype, change=put)
            )


def _shape_probes(battery: Battery, dtype: str) -> Iterator[Probe]:
    batches = [1, 5] if battery.specification.batched else []
    batches += [0] if batches and battery.specification.function is None else []
    for batch, kind in itertools.product(batches, ("normal", "ties")):
        yield Probe("batches", f"batch {batch}, inputs {kind}", battery.point(kind, batch, battery.sizes(), dtype))
    if battery.examples:
        return
    every = battery.specification.sizes
    shapes: list[tuple[str, int, Sizes, tuple[sp.Expr, ...]]] = [("other sizes", 5, battery.sizes(_OTHER_SIZES), ())]
    shapes += [
        (f"size 1 of {s}", 2, {**battery.sizes(), s: 1}, (s,)) for s in every if s not in battery.specification.free
    ]
    if every:
        shapes += [
            ("all sizes 1, batch 1", 1, dict.fromkeys(every, 1), every),
            ("all sizes 1", 2, dict.fromkeys(every, 1), every),
        ]
    if len(every) > 1 or (every and battery.specification.batched):
        shapes += [(f"all sizes {n}, batch {n}", n, dict.fromkeys(every, n), every) for n in (2, 3)]
    for name, batch, sizes, pinned in shapes:
        completed = battery.completed(sizes, pinned)  # None where an axis that has a formula would be empty
        # TRUST: probes-left-out
        if completed is not None:
            yield Probe("sizes", name, battery.point("normal", batch, completed, dtype))


def _upstream_probes(battery: Battery, dtype: str) -> Iterator[Probe]:
    for kind in ("all zero", "zeros", "ties", "near ±1000", "small"):
        point = battery.point("normal", battery.batch, battery.sizes(), dtype, upstream=kind)
        yield Probe("upstream", f"upstream gradients {kind}", point)


def _ones_probes(battery: Battery) -> Iterator[Probe]:
    """Upstream gradients of ones, as backward() of a sum makes them: one number, expanded along some axes."""
    point = battery.point("normal", battery.batch, battery.sizes(), "float32", upstream="ones")
    name = "upstream gradients ones"
    yield Probe("upstream", name, point)
    every: dict[str, Layout] = {}
    for role in battery.specification.outputs:
        layouts = expanded(len(role.shape(point.sizes, point.batch)))
        for layout in layouts[1:] if len(layouts) == 2 else layouts:  # of one axis both are the same
            yield Probe("upstream", f"{name}, {layout.name}", point, {role.tensor.gradient.name: layout}, calls=1)
        if layouts:
            every[role.tensor.gradient.name] = layouts[-1]
    if len(every) > 1:
        yield Probe("upstream", f"{name}, all from one number expanded", point, every)


def _absent_probes(battery: Battery, dtype: str) -> Iterator[Probe]:
    names = [role.name for role in battery.specification.outputs]
    for kept in itertools.product((False, True), repeat=len(names)):
        if len(names) == 1 or all(kept):
            continue
        point = battery.point("normal", battery.batch, battery.sizes(), dtype, salt="absent")
        absent = [name for name, keep in zip(names, kept, strict=True) if not keep]
        for name in absent:
            point = Point(point.dtype, point.batch, point.sizes, point.tensors, {**point.upstream, name: None})
        yield Probe("absent", f"no gradient of {' and '.join(absent)}", point)


def _memory_probes(battery: Battery, dtype: str) -> Iterator[Probe]:
    point = battery.point("normal", battery.batch, battery.sizes(), dtype)
    places = [(role, False) for role in battery.specification.inputs]
    places += [(role, True) for role in battery.specification.outputs]
    every: dict[str, Layout] = {}
    for role, upstream in places:
        name = role.tensor.gradient.name if upstream else role.name
        values = point.upstream[role.name] if upstream else point.tensors[role.name]
        for layout in fitting(0 if values is None else values.ndim):
            prepared = layout.prepare(values) if upstream else _prepared(battery, role, layout, values, dtype)
            if prepared is None:
                continue
            same = prepared is values
            at = point if same else point.with_array(role.name, prepared, upstream=upstream)
            yield Probe("memory", f"{name} {layout.name}", at, {name: layout}, calls=1)
            if same:
                every.setdefault(name, layout)
    yield Probe("memory", "everything non-contiguous", point, every)


def _prepared(battery: Battery, role: Role, layout: Layout, values: Array, dtype: str) -> Array | None:
    """Values of the input that the layout can hold; None where its domain has no such values, as one-hot rows."""
    found = layout.prepare(values)
    if found is values:
        return found
    if role.integer:  # a permutation is none any more, and offsets neither
        free = not structure_of([example[role.name] for example in battery.examples]).words
        return found if free or np.array_equal(found, values) else None
    found = rounded(battery.put_inside(role.name, found, dtype), dtype)
    # TRUST: probes-left-out
    return found if np.array_equal(layout.prepare(found), found) else None
