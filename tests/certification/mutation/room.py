"""A room as mutants need it: its kernel's source, its tensors under names that Python takes, its battery."""

import ast
import importlib
import inspect
import keyword
from dataclasses import dataclass
from functools import cached_property, lru_cache
from typing import Any

import torch

from scratchgrad import registry
from scratchgrad.certification.certifying import battery_of
from scratchgrad.certification.point import Point
from scratchgrad.certification.specification import Role, specify
from tests.certification.mutation.mutant import Place, executed

_MOST = 4_000_000
"""No tensor of a place has more entries."""


@dataclass(frozen=True)
class Axis:
    """An axis of an input, as source and as the name of its size."""

    source: str
    size: str


class Room:
    """The room of that name; its battery is made when it is first needed."""

    def __init__(self, name: str) -> None:
        self.name = name
        self.layer = registry.layer(name)
        registry.attach_kernel(self.layer)
        self.specification = specify(self.layer)
        self.source = _source(name)

    @cached_property
    def battery(self) -> Any:
        return battery_of(self.specification)

    @cached_property
    def kernel(self) -> Any:
        """The room's own kernel, from the same source as the mutants."""
        return executed(self.name, self.source)["Kernel"]

    @property
    def inputs(self) -> tuple[Role, ...]:
        return self.specification.inputs

    @property
    def outputs(self) -> tuple[Role, ...]:
        return self.specification.outputs

    def dimensions(self, role: Role) -> int:
        """The number of axes, the batch included."""
        return len(role.tensor.sizes) + role.sample

    def alike(self, role: Role, other: Role) -> bool:
        """Whether the two tensors have the same shape."""
        return (role.sample, role.tensor.sizes) == (other.sample, other.tensor.sizes)

    @cached_property
    def axes(self) -> list[Axis]:
        """The axes of the inputs whose sizes may be chosen."""
        found = []
        for role in self.inputs:
            if role.sample:
                found.append(Axis(f"{variable(role)}.shape[0]", "batch"))
            for place, size in enumerate(role.tensor.sizes):
                if size in self.specification.sizes:
                    found.append(Axis(f"{variable(role)}.shape[{place + role.sample}]", str(size)))
        return found

    @lru_cache(256)  # noqa: B019  # a room lives as long as its mutants
    def _point(self, kind: str, batch: int | None, sizes: tuple[tuple[str, int], ...], dtype: str) -> Point | None:
        by_name = {str(size): size for size in self.specification.sizes}
        usual = {**self.battery.sizes(), **{by_name[name]: n for name, n in sizes}}
        completed = self.battery.completed(usual, tuple(by_name[name] for name, _ in sizes))
        if completed is None:
            return None
        roles = (*self.inputs, *self.outputs)
        if any(torch.Size(role.shape(completed, batch)).numel() > _MOST for role in roles):
            return None
        return self.battery.point(kind, batch, completed, dtype, salt="mutants")

    def point(self, place: Place) -> Point | None:
        """The point at that place; None where there is none, or where its numbers are outside of the domains."""
        batch = place.sizes.get("batch", place.batch if place.batch is not None else self.battery.batch)
        batch = batch if self.specification.batched else None
        own = tuple((name, n) for name, n in place.sizes.items() if name != "batch")
        own = tuple((str(size), 1) for size in self.specification.sizes) if place.ones else own
        point = self._point(place.kind, batch, own, place.dtype)
        if point is None or place.change is None:
            return point
        tensors = {name: a.copy() for name, a in point.tensors.items()}
        upstream = {name: None if a is None else a.copy() for name, a in point.upstream.items()}
        place.change(tensors, upstream)
        changed = Point(point.dtype, point.batch, point.sizes, tensors, upstream).in_dtype(place.dtype)
        return changed if self.battery.contains(changed) else None


def variable(role: Role) -> str:
    """The tensor's name, as Python takes it."""
    return f"{role.name}_" if keyword.iskeyword(role.name) else role.name


def _source(name: str) -> str:
    """The source of the kernel that is used, without comments: the room's own, else the generated one."""
    room = importlib.import_module(f"scratchgrad.layers.{name}")
    source = inspect.getsource(room)
    if not any(isinstance(n, ast.ClassDef) for n in ast.parse(source).body):
        source = inspect.getsource(importlib.import_module(f"scratchgrad.generated.{name}"))
    return ast.unparse(ast.parse(f"{source}\nimport torch\n"))
