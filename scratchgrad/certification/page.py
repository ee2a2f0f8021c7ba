"""How a verdict lies on the page: at most 120 columns wide, each part in few lines, however large the example is.

In   parts of a message, each a list of lines; tensors
Out  lines; a tensor of many numbers is cut to those around the entry that is wrong
"""

from __future__ import annotations

import textwrap
from collections.abc import Callable, Sequence
from typing import Any

import numpy as np

__all__ = ["COLUMNS", "shown", "wrapped"]

COLUMNS = 120

_MANY = 16
"""A tensor of more numbers is cut."""

_LAST, _OTHERS, _FEW = 4, 2, 1
"""How many numbers along the last axis are kept, along the one before it, and along further ones."""

_DIGITS = 5
"""So many digits of numbers in a tensor that is cut: the whole one stands in verdict.counterexample."""


def wrapped(lines: Sequence[str], most: int, indent: str) -> list[str]:
    """The lines, each broken where it is too wide; at most so many of them, the rest counted."""
    found: list[str] = []
    for line in lines:
        found += textwrap.wrap(
            line,
            COLUMNS,
            subsequent_indent=indent,
            drop_whitespace=True,
            replace_whitespace=False,
            break_on_hyphens=False,
        ) or [""]
    if len(found) <= most:
        return found
    left = len(found) - most + 1
    return [*found[: most - 1], f"{indent}... ({left} more lines)"]


def shown(name: str, values: Any, place: Sequence[int], write: Callable[[Any], str]) -> str:
    """`x = [1, 2]`; of many numbers those around the place: `x[30:34] = [0, 0, 1, 0]   (65 numbers)`."""
    array = np.asarray(values, dtype=object) if isinstance(values, list) else None
    if array is None or array.size <= _MANY:
        return f"{name} = {_written(values, write)}"
    parts = [_around(n, place[a] if a < len(place) else 0, array.ndim - a) for a, n in enumerate(array.shape)]
    kept = array[tuple(slice(low, high) for low, high in parts)].tolist()
    where = ",".join(f"{low}:{high}" for low, high in parts)
    sizes = " x ".join(map(str, array.shape))
    return f"{name}[{where}] = {_written(kept, _shortly)}   (of {sizes} numbers)"


def _shortly(value: Any) -> str:
    return f"{float(value):.{_DIGITS}g}"


def _around(length: int, at: int, axes_left: int) -> tuple[int, int]:
    """Some places of an axis with the place `at` among them, not at the edge where that can be."""
    keep = {1: _LAST, 2: _OTHERS}.get(axes_left, _FEW)
    if length <= keep:
        return 0, length
    low = min(max(at - keep // 2, 0), length - keep)
    return low, low + keep


def _written(values: Any, write: Callable[[Any], str]) -> str:
    if isinstance(values, list):
        return f"[{', '.join(_written(value, write) for value in values)}]"
    return "None" if values is None else write(values)
