"""Recipes: for some rooms, the same kernel in a form that a program can plan better.

A recipe is a file named after its room.  It may have

    kernel(unit, **options)  forward and backward as in the room, of the same values, recorded in the place of the
                             room's own kernel; `unit` are the positions of inputs whose rows are known to sum to 1.
                             None where there is no such kernel at these options
    fits(inputs, compiled, **options)  whether that kernel is the faster one for inputs of these shapes and strides, in
                             a program that is compiled or not; both give the same values, so neither answer is wrong
    total(inputs, saved)     the sum of the last output over the batch, as terms (factor, what)

`options` are those of the layer, if it has any.  There is no list to edit: the registry finds a recipe by its name.  A
recipe is certified with its room: every kernel that it hands out by the battery and the proof that the room's own
kernel passes, under the premise that it is handed out for, and its total, too.
"""

from __future__ import annotations

import itertools
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from importlib import import_module
from importlib.util import find_spec
from types import ModuleType
from typing import TYPE_CHECKING, Any

from scratchgrad.layer import Layer

if TYPE_CHECKING:
    from torch import Tensor

__all__ = ["Of", "Recipe", "Term", "Value", "recipe_module"]


@dataclass(frozen=True)
class Of:
    """The total of the layer's input at this position."""

    position: int


@dataclass(frozen=True)
class Value:
    """The value of the layer's input at this position, which must be a constant."""

    position: int


Term = tuple["float | Value", "Tensor | Of"]


@dataclass(frozen=True)
class Recipe:
    """The recipe of a layer, at the layer's options."""

    layer: Layer
    module: ModuleType

    def kernel(self, unit: frozenset[int] = frozenset()) -> Any:
        """The kernel where the rows of the inputs at these positions are known to sum to 1; None where it has none."""
        make = getattr(self.module, "kernel", None)
        return None if make is None else make(unit, **self.layer.options)

    def fits(self, inputs: Sequence[Tensor], *, compiled: bool) -> bool:
        """Whether its kernel is the faster one for these inputs."""
        judge = getattr(self.module, "fits", None)
        return judge is None or bool(judge(inputs, compiled=compiled, **self.layer.options))

    @property
    def total(self) -> Callable[[Any, Any], tuple[Term, ...]] | None:
        """The function that gives the sum of the last output over the batch; None where there is none."""
        return getattr(self.module, "total", None)

    def kernels(self) -> list[tuple[frozenset[int], Any]]:
        """Every kernel that it can hand out, each with the least premise for which it does."""
        signature = self.layer.signature
        rows = [k for k, t in enumerate(signature.inputs) if t.axes and not t.integer]
        found: list[tuple[frozenset[int], Any]] = []
        for size in range(len(rows) + 1):
            for unit in map(frozenset, itertools.combinations(rows, size)):
                made = self.kernel(unit)
                if made is not None and not any(
                    before <= unit and _same(made, one) for before, one in found
                ):  # what holds for all rows holds for these
                    found.append((unit, made))
        return found


def recipe_module(name: str) -> ModuleType | None:
    """The recipe of the room of this name; None for a room without one."""
    full = f"{__name__}.{name}"
    return import_module(full) if find_spec(full) else None


def _same(one: Any, other: Any) -> bool:
    """Whether two kernels are one: the same class, or instances of one class that hold the same."""
    if isinstance(one, type) or not hasattr(one, "__dict__"):
        return bool(one == other)
    return (
        type(one) is type(other)
        and vars(one).keys() == vars(other).keys()
        and all(_same(value, vars(other)[name]) for name, value in vars(one).items())
    )
