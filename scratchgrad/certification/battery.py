"""The battery: the points at which every kernel of a specification is examined, and their exact values.

In   a Specification; perhaps examples
Out  probes (probes.py) in a fixed order; the same ones for every kernel, so that their exact values are shared

What is drawn depends on the probe's name alone: a probe that is added changes no other.
"""

from __future__ import annotations

import itertools
from collections.abc import Callable, Mapping, Sequence
from typing import Any

import numpy as np
import sympy as sp

from scratchgrad.certification.error_model import CLAIMED, DTYPES
from scratchgrad.certification.exact.scalar import ordered
from scratchgrad.certification.feasible import feasible
from scratchgrad.certification.function_specification import as_array, sizes_of
from scratchgrad.certification.integers import structure_of
from scratchgrad.certification.point import Point, rounded
from scratchgrad.certification.probes import probes
from scratchgrad.certification.reference import SEED, Reference, Undefined
from scratchgrad.certification.region import Region, region_of
from scratchgrad.certification.sampling import palette, sample
from scratchgrad.certification.specification import ExampleMismatch, Role, Specification
from scratchgrad.certification.subject import Subject
from scratchgrad.domain import Domain
from scratchgrad.membership import inside, outside

__all__ = ["Battery", "Sizes", "Yardstick"]

_FIRST = (3, 2, 4, 5, 2, 3)
_INTEGERS_BELOW = 3
_CONSTANTS = 6
_SIMPLEX = Domain.parse(":simplex")

BITS = {"float64": 40, "float32": 20, "bfloat16": 7, "float16": 7}
"""Into how many parts, as a power of 2, the 1 of a simplex is divided: exact numbers in each dtype."""

Array = Any
Sizes = Mapping[sp.Expr, int]
Example = tuple[Any, ...]
Yardstick = Callable[[], Subject | None]


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
        self.claimed = tuple(name for name in CLAIMED if name in (*claimed, *specification.dtypes))
        self.unit_rows = tuple(unit_rows)
        self.kernel: Yardstick | None = None
        """The room's own kernel, if it has one: what it can compute, others can."""
        self.not_stored: frozenset[str] = frozenset()
        """The names of layouts that a subject does not take."""
        self._completed: dict[Any, Sizes | None] = {}
        self.examples = [self.arrays(example) for example in examples]
        self.batch = self._usual_batch()
        self.few = palette(specification.definition) if specification.definition is not None else self._compared()
        self.region = region_of(specification, self.examples, self._has_values)
        own = (*specification.dtypes, *self.claimed)
        self.probes = tuple(probe for probe in probes(self) if probe.point.dtype in own)
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
        tensors = {n: self.put_inside(n, a, dtype) for n, a in tensors.items()}
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

    def put_inside(self, name: str, values: Array, dtype: str) -> Array:
        """The values, moved into the domain of the input."""
        return inside(self.domains[name], values, BITS[dtype]) if name in self.domains else values

    def contains(self, point: Point) -> bool:
        """Whether all inputs lie in their domains."""
        return all(outside(domain, point.tensors[name]) is None for name, domain in self.domains.items())

    def moved(self, point: Point) -> Point:
        """The point with its inputs moved into their domains; so is an entry that rounding has carried to an end."""
        for name, values in point.tensors.items():
            if name in self.domains and outside(self.domains[name], values) is not None:
                moved = rounded(self.put_inside(name, values, point.dtype), point.dtype)
                point = point.with_array(name, moved, upstream=False)
        return point

    def sentences(self) -> list[str]:
        """Why inputs are restricted that nobody has restricted."""
        found = self.region.sentences()
        if self.specification.dtypes != DTYPES:
            found.append(f"compared in {', '.join(self.specification.dtypes)} alone, as dtypes= says")
        for role in self.specification.inputs if self.examples else ():
            words = structure_of([e[role.name] for e in self.examples]).words if role.integer else ""
            found += [f"{role.name}: {words}, as in the example"] if words else []
        return found

    def sizes(self, numbers: Sequence[int] = _FIRST) -> Sizes:
        """The sizes of all axes, from the numbers in turn; an example's sizes where there is one."""
        if self.examples:
            return self.example_sizes(self.examples[0])
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
                examples = [e[role.name] for e in self.examples]
                return structure_of(examples).draw(examples, rng, shape)
            size = self.specification.bound(role.name)
            # TRUST: integers-in-range
            limit = _INTEGERS_BELOW if size is None else int(size.subs(sizes))
            return rng.integers(limit, size=shape)
        return sample(kind, rng, shape, self.few)

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

    def arrays(self, example: Example) -> dict[str, Any]:
        """The tensors of an example by name.  Raises ExampleMismatch where they do not fit."""
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
            wrong = outside(role.tensor.domain, array) if role.integer else None
            if wrong is not None:
                raise ExampleMismatch(f"the example of {role.name} holds whole numbers, which index: got {wrong}")
            arrays[role.name] = array.astype(np.int64 if role.integer else np.float64)
        return arrays

    def example_batch(self, example: Mapping[str, Any]) -> int | None:
        """The number of samples that the example has; None where it has none.  Raises ExampleMismatch."""
        lengths = {role.name: len(example[role.name]) for role in self.specification.inputs if role.sample}
        if len(set(lengths.values())) > 1:
            raise ExampleMismatch(f"the example's tensors have different numbers of samples: {lengths}")
        return next(iter(lengths.values()), None)

    def example_sizes(self, example: Mapping[str, Any]) -> Sizes:
        """The sizes that the example's shapes say, and others where they say none.  Raises ExampleMismatch."""
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
