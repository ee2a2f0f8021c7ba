"""The data sheet in a room's header: its forward equations as the docstring writes them, its lines by their word."""

from __future__ import annotations

import inspect
import re
import sys
from dataclasses import dataclass

from scratchgrad.layer import Layer

__all__ = ["DataSheet", "data_sheet"]

_WORDS = "Shapes|Sizes|Options|Batch|Shared|Saved|Kink|Source"
_LINES = re.compile(rf"^({_WORDS}) +(\S.*(?:\n {{8}}\S.*)*)$", re.MULTILINE)
_EQUATION = re.compile(r"^ {4}(\S.*)$", re.MULTILINE)


@dataclass(frozen=True)
class DataSheet:
    """A room's header, read: its equations, its lines (`lines["Kink"]`)."""

    equations: tuple[str, ...]
    lines: dict[str, str]


def data_sheet(layer: Layer) -> DataSheet:
    """The data sheet of the file in which the layer is defined; empty where that file has no header."""
    module = sys.modules.get(getattr(layer.definition_function, "__module__", ""))
    header = inspect.cleandoc(module.__doc__ or "") if module is not None else ""
    before_shapes = header.partition("\nShapes")[0]
    return DataSheet(
        tuple(_EQUATION.findall(before_shapes)), {word: " ".join(text.split()) for word, text in _LINES.findall(header)}
    )
