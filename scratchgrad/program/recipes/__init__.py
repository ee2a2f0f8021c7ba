"""Recipes: for some layers, the same kernel in a form that a program can plan better.

A recipe is a file named after its room.  It may have

    kernel(unit, **options)  forward and backward as in the room, of the same values, recorded in the place of the
                             certified kernel; `unit` are the positions of inputs whose rows are known to sum to 1
    fits(inputs, compiled, **options)  whether that kernel is the better one for inputs of these shapes and strides,
                             in a program that is compiled or not
    total(inputs, saved)     the sum of the last output over the batch, as terms (factor, what)

`options` are those of the layer, if it has any.  There is no list to edit.  Every recipe is compared with the
certified kernel (tests/program/test_recipes.py); a layer without one is recorded as it is.
"""

from __future__ import annotations

from dataclasses import dataclass
from importlib import import_module
from importlib.util import find_spec
from types import ModuleType

from torch import Tensor

from scratchgrad import registry
from scratchgrad.layer import Layer

__all__ = ["Of", "Term", "Value", "recipe"]


@dataclass(frozen=True)
class Of:
    """The total of the layer's input at this position."""

    position: int


@dataclass(frozen=True)
class Value:
    """The value of the layer's input at this position, which must be a constant."""

    position: int


Term = tuple[float | Value, Tensor | Of]


def recipe(layer: Layer) -> ModuleType | None:
    """The recipe of a room, at whatever options; None for a room without one, and for a user's layer of any name."""
    if not registry.is_built_in(layer.name) or registry.layer(layer.base.name) is not layer.base:
        return None
    name = f"{__name__}.{layer.base.name}"
    return import_module(name) if find_spec(name) else None
