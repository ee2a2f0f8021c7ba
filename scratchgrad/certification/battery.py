"""The battery: the probes at which every kernel of a specification is examined, and their exact values.

In   a Specification; perhaps examples
Out  probes in a fixed order, ordinary ones first; the same ones for every kernel, so that their exact values are shared

    inputs      random numbers, magnitudes 1e-3 to 1000, exact zeros, ties, one-hot rows, all inside the domains, at
                their ends and near them; sizes pairwise distinct, and 1
    batches     2, 1, 5, 0
    upstream    random (never ones), zero, sparse, large, absent in every combination where there are several outputs
    memory      transposed, strided, expanded, for every input and every upstream gradient
    dtypes      float64, float32; bfloat16 and float16 for a kernel that claims them

What is drawn depends on the probe's name alone: a probe that is added changes no other.
"""

from __future__ import annotations

import itertools
from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any

import numpy as np
import sympy as sp

from scratchgrad.certification.error_model import DTYPES
from scratchgrad.certification.exact.scalar import ordered
from scratchgrad.certification.feasible import feasible
from scratchgrad.certification.function_specification import as_array, sizes_of
from scratchgrad.certification.layouts import Layout, fitting
from scratchgrad.certification.point import Point, rounded
from scratchgrad.certification.reference import SEED, Reference, Undefined
from scratchgrad.certification.region import Region, region_of
from scratchgrad.certification.sampling import KINDS, at_the_ends, one_hot, palette, sample
from scratchgrad.certification.specification import ExampleMismatch, Role, Specification
from scratchgrad.domain import Domain
from scratchgrad.membership import inside, outside

__all__ = ["Battery", "Probe", "Sizes"]

_FIRST = (3, 2, 4, 5, 2, 3)
_SECOND = (2, 4, 3, 2, 5, 2)
_INTEGERS_BELOW = 3
_CONSTANTS = 6
_SIMPLEX = Domain.parse(":simplex")

BITS = {"float64": 40, "float32": 20, "bfloat16": 7, "float16": 7}
"""Into how many parts, as a power of 2, the 1 of a simplex is divided: exact numbers in each dtype."""

Array = Any
Sizes = Mapping[sp.Expr, int]
Example = tuple[Any, ...]


@dataclass(frozen=True, eq=False)
class Probe:
    """A point, and how its arrays lie in memory (contiguous where nothing is said)."""

    group: str
    name: str
    point: Point
    layouts: Mapping[str, Layout] = field(default_factory=dict)

    def __str__(self) -> str:
        """The probe's name and dtype."""
        return f"{self.name}, {self.point.dtype}"


class Battery:
    """All probes of a specification, and the reference that knows what is right there."""

    def __init__(
        self,
        specification: Specification,
        examples: Sequence[Example] = (),
        shapes: Callable[[list[Array]], Sequence[tuple[int, ...]]] | None = None,
        claimed: Sequence[str] = (),
        unit_rows: Sequence[str] = (),
    ) -> None:
        """The battery; examples fix the sizes, the integer inputs and the domains.

        `unit_rows` names inputs whose rows sum to 1, whatever their domain is: the premise of a recipe's kernel.
        `shapes` gives the shapes of the outputs for inputs: sizes that no input has are taken from it.
        `claimed` are dtypes of 16 bits in which it is examined, too.

        Raises ExampleMismatch where an example's shape contradicts the definition or another example tensor.
        """
        self.specification = specification
        self.reference = Reference(specification)
        self.shapes = shapes
        self.claimed = tuple(claimed)
        self.unit_rows = tuple(unit_rows)
        self._completed: dict[Any, Sizes | None] = {}
        self.examples = [self._arrays(example) for example in examples]
        self.batch = self._usual_batch()
        self.few = palette(specification.definition) if specification.definition is not None else self._compared()
        self.region = region_of(specification, self.examples, self._has_values)
        self.probes = tuple(self._probes())
        self.reference.expect([probe.point for probe in self.probes])

    def point(
        self,
        kind: str,
        batch: int | None,
        sizes: Sizes,
        dtype: str = "float64",
        *,
        upstream: str = "normal",
        salt: str = "",
        change: Callable[[dict[str, Any]], None] | None = None,
    ) -> Point:
        """Inputs and upstream gradients of these kinds; `change` may edit the inputs in place."""
        spec = self.specification
        batch = batch if spec.batched else None
        rng = np.random.default_rng([SEED, *f"{kind}|{batch}|{upstream}|{salt}|{list(sizes.values())}".encode()])
        tensors = {role.name: self._values(role, kind, rng, sizes, batch) for role in spec.inputs}
        if change is not None:
            change(tensors)
        tensors = {n: self._inside(n, a, dtype) for n, a in tensors.items()}
        gradients = {
            role.name: np.ones(role.shape(sizes, batch))
            if upstream == "ones"
            else sample(upstream, rng, role.shape(sizes, batch), self.few)
            for role in spec.outputs
        }
        return self.moved(Point("float64", batch, sizes, tensors, gradients).in_dtype(dtype))

    @property
    def domains(self) -> dict[str, Domain]:
        """The domain of every input that is differentiated; rows that sum to 1 are drawn from the simplex."""
        reals = [name for name in self.unit_rows if self.region.domains[name].is_reals]
        return self.region.domains | dict.fromkeys(reals, _SIMPLEX)

    def _inside(self, name: str, values: Array, dtype: str) -> Array:
        """The values, moved into the domain of the input."""
        return inside(self.domains[name], values, BITS[dtype]) if name in self.domains else values

    def contains(self, point: Point) -> bool:
        """Whether all inputs lie in their domains."""
        return all(outside(domain, point.tensors[name]) is None for name, domain in self.domains.items())

    def moved(self, point: Point) -> Point:
        """The point with its inputs moved into their domains; so is an entry that rounding has carried to an end."""
        for name, values in point.tensors.items():
            if name in self.domains and outside(self.domains[name], values) is not None:
                moved = rounded(self._inside(name, values, point.dtype), point.dtype)
                point = point.with_array(name, moved, upstream=False)
        return point

    def sizes(self, numbers: Sequence[int] = _FIRST) -> Sizes:
        """The sizes of all axes, from the numbers in turn; an example's sizes where there is one."""
        if self.examples:
            return self._example_sizes(self.examples[0])
        for shift in range(len(numbers) if self.specification.free and self.shapes else 1):
            turned = (*numbers[shift:], *numbers[:shift])
            found = self.completed(dict(zip(self.specification.sizes, itertools.cycle(turned), strict=False)))
            if found is not None:
                return found
        return dict(zip(self.specification.sizes, itertools.cycle(numbers), strict=False))

    def completed(self, sizes: Sizes, pinned: Sequence[sp.Expr] = ()) -> Sizes | None:
        """The sizes, with those that no input has as forward has them; None where forward does not take such inputs.

        Where sizes have formulas, those that are not pinned are changed until every axis has a place.
        """
        spec = self.specification
        measured = bool(spec.free) and self.shapes is not None
        key = tuple(n for size, n in sizes.items() if size not in spec.free) if measured else (*sizes.items(), *pinned)
        if key not in self._completed:
            self._completed[key] = self._measured(sizes) if measured else feasible(spec, sizes, pinned)
        return self._completed[key]

    def _measured(self, sizes: Sizes) -> Sizes | None:
        spec, batch = self.specification, 2 if self.specification.batched else None
        rng = np.random.default_rng(SEED)
        assert self.shapes is not None  # asked before
        inputs = [
            np.zeros(role.shape(sizes, batch), np.int64) if role.integer else rng.random(role.shape(sizes, batch)) + 0.5
            for role in spec.inputs
        ]
        shapes = self.shapes(inputs)
        found = dict(sizes)
        for role, shape in zip(spec.outputs, shapes, strict=False):
            own = shape[1:] if role.sample and batch is not None else shape
            if len(own) != len(role.tensor.sizes):
                return None
            found |= {size: n for size, n in zip(role.tensor.sizes, own, strict=True) if size in spec.free}
        return found if len(shapes) == len(spec.outputs) and all(n > 0 for n in found.values()) else None

    def _usual_batch(self) -> int | None:
        """The number of samples where nothing else is probed."""
        spec = self.specification
        if spec.function is not None:
            return len(self.examples[0][spec.function.samples[0]]) if spec.batched else None
        return 2 if spec.batched else None

    def _compared(self) -> tuple[float, ...]:
        """The few numbers of a torch function: those of a definition, and what it compares with."""
        self.few = palette(None)
        self.region = Region({role.name: role.tensor.domain for role in self.specification.differentiable})
        try:
            entries, _ = self.reference.entries(self.point("normal", self.batch, self.sizes()))
        except Undefined:
            return self.few
        constants: set[float] = set()
        for node in ordered(n for array in entries.outputs.values() for n in array.ravel()):
            if node.op in ("positive", "nonnegative", "zero"):
                constants |= {abs(float(n.args[0])) for n in ordered([node]) if n.op == "number"}
        return (*self.few, *sorted(c for c in constants if c not in self.few)[:_CONSTANTS])

    def _values(self, role: Role, kind: str, rng: np.random.Generator, sizes: Sizes, batch: int | None) -> Any:
        shape = role.shape(sizes, batch)
        if role.integer:
            if self.examples:
                drawn = np.concatenate([e[role.name].ravel() for e in self.examples])
                return rng.choice(drawn, shape) if drawn.size else np.zeros(shape, drawn.dtype)
            size = self.specification.bound(role.name)
            # TRUST: integers-in-range
            limit = _INTEGERS_BELOW if size is None else int(size.subs(sizes))
            return rng.integers(limit, size=shape)
        return sample(kind, rng, shape, self.few)

    def _probes(self) -> Iterator[Probe]:
        for dtype in DTYPES:
            yield from self._values_probes(dtype)
            yield from self._shape_probes(dtype)
            yield from self._upstream_probes(dtype)
        for dtype in DTYPES:
            yield from self._memory_probes(dtype)
        for dtype in self.claimed:
            yield from self._values_probes(dtype)
            yield from self._upstream_probes(dtype)

    def _values_probes(self, dtype: str) -> Iterator[Probe]:
        for kind in KINDS:
            for salt in ("", "again", "once more") if kind in ("ties", "zeros") else ("",):
                yield Probe("values", f"inputs {kind}", self.point(kind, self.batch, self.sizes(), dtype, salt=salt))
        for role in self.specification.differentiable:
            if not role.tensor.indices:
                continue

            def hot(tensors: dict[str, Any], name: str = role.name) -> None:
                rows = tensors[name]
                tensors[name] = one_hot(np.random.default_rng([SEED, rows.size]), rows.shape)

            def positive(tensors: dict[str, Any], name: str = role.name) -> None:
                tensors[name] = np.abs(tensors[name])

            yield Probe(
                "values", f"{role.name} one-hot", self.point("normal", self.batch, self.sizes(), dtype, change=hot)
            )
            yield Probe(
                "values",
                f"{role.name} positive",
                self.point("normal", self.batch, self.sizes(), dtype, change=positive),
            )
        for number, example in enumerate(self.examples):
            point = self.point(
                "normal", self._example_batch(example), self._example_sizes(example), dtype, salt=f"{number}"
            )
            for name, values in example.items():
                point = point.with_array(name, values, upstream=False)
            yield Probe("example", f"example {number + 1}", self.moved(point.in_dtype(dtype)))
        yield from self._domain_probes(dtype)

    def _domain_probes(self, dtype: str) -> Iterator[Probe]:
        """Each input at the ends of its domain, and near them."""
        sizes = self.sizes()
        for role in self.specification.differentiable:
            domain = self.domains[role.name]
            shape = role.shape(sizes, self.batch)
            rng = np.random.default_rng([SEED, *f"{role.name}{domain}".encode()])
            for words, values in at_the_ends(domain, rng, shape):

                def put(tensors: dict[str, Any], name: str = role.name, values: Array = values) -> None:
                    tensors[name] = values

                yield Probe(
                    "domain", f"{role.name} {words}", self.point("normal", self.batch, sizes, dtype, change=put)
                )

    def _shape_probes(self, dtype: str) -> Iterator[Probe]:
        batches = [1, 5] if self.specification.batched else []
        batches += [0] if batches and self.specification.function is None else []
        for batch, kind in itertools.product(batches, ("normal", "ties")):
            yield Probe("batches", f"batch {batch}, inputs {kind}", self.point(kind, batch, self.sizes(), dtype))
        if self.examples:
            return
        every = self.specification.sizes
        shapes: list[tuple[str, int, Sizes, tuple[sp.Expr, ...]]] = [("other sizes", 5, self.sizes(_SECOND), ())]
        shapes += [
            (f"size 1 of {s}", 2, {**self.sizes(), s: 1}, (s,)) for s in every if s not in self.specification.free
        ]
        if every:
            shapes += [
                ("all sizes 1, batch 1", 1, dict.fromkeys(every, 1), every),
                ("all sizes 1", 2, dict.fromkeys(every, 1), every),
            ]
        if len(every) > 1 or (every and self.specification.batched):
            shapes += [(f"all sizes {n}, batch {n}", n, dict.fromkeys(every, n), every) for n in (2, 3)]
        for name, batch, sizes, pinned in shapes:
            completed = self.completed(sizes, pinned)  # None where an axis that has a formula would be empty
            # TRUST: probes-left-out
            if completed is not None:
                yield Probe("sizes", name, self.point("normal", batch, completed, dtype))

    def _upstream_probes(self, dtype: str) -> Iterator[Probe]:
        for kind in ("all zero", "zeros", "ties", "near ±1000", "small"):
            point = self.point("normal", self.batch, self.sizes(), dtype, upstream=kind)
            yield Probe("upstream", f"upstream gradients {kind}", point)
        names = [role.name for role in self.specification.outputs]
        for kept in itertools.product((False, True), repeat=len(names)):
            if len(names) == 1 or all(kept):
                continue
            point = self.point("normal", self.batch, self.sizes(), dtype, salt="absent")
            absent = [name for name, keep in zip(names, kept, strict=True) if not keep]
            for name in absent:
                point = Point(point.dtype, point.batch, point.sizes, point.tensors, {**point.upstream, name: None})
            yield Probe("absent", f"no gradient of {' and '.join(absent)}", point)

    def _memory_probes(self, dtype: str) -> Iterator[Probe]:
        point = self.point("normal", self.batch, self.sizes(), dtype)
        places = [(role, False) for role in self.specification.inputs]
        places += [(role, True) for role in self.specification.outputs]
        every: dict[str, Layout] = {}
        for role, upstream in places:
            name = role.tensor.gradient.name if upstream else role.name
            values = point.upstream[role.name] if upstream else point.tensors[role.name]
            for layout in fitting(0 if values is None else values.ndim):
                prepared = layout.prepare(values) if upstream else self.prepared(role, layout, values, dtype)
                if prepared is None:
                    continue
                same = prepared is values
                at = point if same else point.with_array(role.name, prepared, upstream=upstream)
                yield Probe("memory", f"{name} {layout.name}", at, {name: layout})
                if same:
                    every.setdefault(name, layout)
        yield Probe("memory", "everything non-contiguous", point, every)

    def prepared(self, role: Role, layout: Layout, values: Array, dtype: str) -> Array | None:
        """Values of the input that the layout can hold; None where its domain has no such values, as one-hot rows."""
        found = layout.prepare(values)
        if found is values or role.integer:
            return found
        found = rounded(self._inside(role.name, found, dtype), dtype)
        # TRUST: probes-left-out
        return found if np.array_equal(layout.prepare(found), found) else None

    def _has_values(self, domains: dict[str, Domain]) -> bool:
        """Whether the definition has finite values at ordinary points with these domains."""
        self.region = Region(domains)
        return all(self._finite(salt) for salt in ("a", "b", "c"))

    def _finite(self, salt: str) -> bool:
        try:
            truths = self.reference.at(self.point("normal", self.batch, self.sizes(), salt=salt))
        except Undefined:
            return False
        return all(truth.judged.all() for truth in truths.values())

    def _arrays(self, example: Example) -> dict[str, Any]:
        roles = self.specification.inputs
        example = tuple(v for place, v in enumerate(example) if place not in self.specification.constants)
        if len(example) != len(roles):
            names = ", ".join(role.name for role in roles)
            raise ExampleMismatch(f"expected {len(roles)} example tensors ({names}), got {len(example)}")
        arrays = {}
        for role, values in zip(roles, example, strict=True):
            if self.specification.function is not None:
                arrays[role.name] = as_array(values)
                continue
            array = np.asarray(values.detach().cpu() if hasattr(values, "detach") else values)
            arrays[role.name] = array.astype(np.int64 if role.integer else np.float64)
        return arrays

    def _example_batch(self, example: Mapping[str, Any]) -> int | None:
        lengths = {role.name: len(example[role.name]) for role in self.specification.inputs if role.sample}
        if len(set(lengths.values())) > 1:
            raise ExampleMismatch(f"the example's tensors have different numbers of samples: {lengths}")
        return next(iter(lengths.values()), None)

    def _example_sizes(self, example: Mapping[str, Any]) -> Sizes:
        sizes: dict[sp.Expr, int] = {}
        for role in self.specification.inputs:
            shape = example[role.name].shape[1:] if role.sample else example[role.name].shape
            if len(shape) != len(role.tensor.sizes):
                shown = f"{role.name} has {len(role.tensor.sizes)} axes beside the batch"
                raise ExampleMismatch(f"{shown}, the example's shape is {example[role.name].shape}")
            if len(set(role.tensor.sizes)) == 1 < len(set(shape)):
                raise ExampleMismatch(
                    f"{role.name} is square: all its axes have size {role.tensor.sizes[0]}; the example's shape is "
                    f"{example[role.name].shape}"
                )
            for size, length in zip(role.tensor.sizes, shape, strict=True):
                known = sizes.setdefault(size, length) if not size.is_Integer else int(size)
                if known != length:
                    raise ExampleMismatch(f"size {size} is {known} elsewhere but {length} in {role.name}")
        if self.specification.function is not None:
            return sizes_of(self.specification, example)
        missing = [size for size in self.specification.sizes if size not in sizes]
        made_up = sizes | dict(zip(missing, itertools.cycle(_FIRST), strict=False))
        if not missing or self.shapes is None:
            return made_up
        shapes = self.shapes([example[role.name] for role in self.specification.inputs])
        for role, shape in zip(self.specification.outputs, shapes, strict=False):
            own = shape[1:] if role.sample and len(shape) == len(role.tensor.sizes) + 1 else shape
            if len(own) == len(role.tensor.sizes):
                made_up |= {size: n for size, n in zip(role.tensor.sizes, own, strict=True) if size in missing}
        return made_up
