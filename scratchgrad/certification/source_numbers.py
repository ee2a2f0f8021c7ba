"""The numbers that stand in the source of a program: where it may do something else, it often says so there.

In   functions that cannot be executed exactly; a Battery
Out  their numbers, and probes at each of them, one float below and one above, with one entry or all entries there

`np.where(u == 1.8, ...)` is met at no random number.  What runs is read, not the file: constants of the code, of what
it closes over, of the functions and plain numbers of its own module that it names; of an autograd.Function and an
nn.Module their forward and backward.
"""

from __future__ import annotations

import contextlib
import functools
import math
from collections.abc import Iterator, Mapping, Sequence
from types import CodeType, FunctionType, MethodType
from typing import Any

import numpy as np
import torch

from scratchgrad.certification.battery import Battery
from scratchgrad.certification.point import Point
from scratchgrad.certification.probes import Probe
from scratchgrad.certification.through_autograd import is_autograd_function

__all__ = ["NUMBER", "at_numbers", "numbers_in"]

NUMBER = "at the number {number:.17g} of its source"

# TRUST: numbers-of-the-source
_NUMBERS = 24
"""At how many numbers a program is looked at, in the order in which they are met."""

_BESIDE = 1e-3
"""So far beside a number, in parts of it, all entries are put."""

_DEPTH = 16
"""How deep functions may lie in one another: a class in a closure in a class, ..."""
_OURS = "scratchgrad."
_TRIVIAL = (0.0, 1.0)

Array = Any


def numbers_in(*programs: Any) -> tuple[float, ...]:
    """The sizes of the finite numbers in the programs, each once, without 0 and 1."""
    found: dict[float, None] = {}
    seen: set[int] = set()
    for program in programs:
        for value in _numbers(program, seen, _DEPTH):
            size = abs(float(value))
            if math.isfinite(size) and size not in _TRIVIAL:
                found[size] = None
    return tuple(found)


def _numbers(value: Any, seen: set[int], depth: int) -> Iterator[float]:
    """The numbers of a constant, or of whatever has code."""
    if isinstance(value, bool | str | bytes) or value is None or depth < 0 or id(value) in seen:
        return
    if isinstance(value, int | float | np.floating | np.integer):
        with contextlib.suppress(OverflowError):  # a number beyond all floats
            yield float(value)
        return
    seen.add(id(value))
    for part in _parts(value):
        yield from _numbers(part, seen, depth - 1)


def _parts(value: Any) -> Iterator[Any]:
    """What a program consists of."""
    if isinstance(value, tuple | list | frozenset | set):
        yield from value
    elif isinstance(value, CodeType):
        yield from value.co_consts
    elif isinstance(value, FunctionType):
        yield from _of_function(value)
    elif isinstance(value, functools.partial):
        yield from (value.func, *value.args, *value.keywords.values())
    elif is_autograd_function(getattr(value, "__self__", None)):  # its apply
        yield value.__self__
    elif isinstance(value, MethodType):
        yield value.__func__
        yield from _plain(value.__self__)
    elif is_autograd_function(value):
        yield from (value.forward, value.backward)
    elif isinstance(value, type):
        yield from (getattr(method, "__func__", method) for method in vars(value).values())
    elif isinstance(value, torch.nn.Module):
        yield type(value).forward
        yield from value.children()
        yield from _plain(value)
    elif callable(value):
        yield vars(type(value)).get("__call__")
        yield from _plain(value)


def _plain(owner: Any) -> Iterator[Any]:
    """The numbers that an object has as attributes."""
    yield from (v for v in getattr(owner, "__dict__", {}).values() if isinstance(v, int | float))


def _of_function(function: FunctionType) -> Iterator[Any]:
    """Its code, unless it is ours; what it closes over; what it names of its own module."""
    ours = (function.__module__ or "").startswith(_OURS)
    if not ours:
        yield function.__code__
        yield from function.__defaults__ or ()
    for cell in function.__closure__ or ():
        try:
            yield cell.cell_contents
        except ValueError:  # it is empty yet
            continue
    if ours:
        return
    for name in _names(function.__code__):
        named = function.__globals__.get(name)
        own = isinstance(named, FunctionType | type) and named.__module__ == function.__module__
        if own or isinstance(named, int | float | tuple):
            yield named


def _names(code: CodeType) -> Iterator[str]:
    """The names in the code, and in the functions inside it."""
    yield from code.co_names
    for constant in code.co_consts:
        if isinstance(constant, CodeType):
            yield from _names(constant)


def at_numbers(battery: Battery, point: Point, programs: tuple[Any, ...]) -> list[Probe]:
    """Probes with the point's sizes and integers, at the numbers of the programs and beside them."""
    return [
        Probe("exact", NUMBER.format(number=number), battery.moved(one), calls=1)
        for number in numbers_in(*programs)[:_NUMBERS]
        for one in _at(point, number)
    ]


def _at(point: Point, number: float) -> Iterator[Point]:
    """The inputs, then the upstream gradients: some entries at the number and beside it; all at it, or above.

    All tensors are there together, then each alone: of two that are equal a difference is 0, whatever is done to it.
    """
    beside = (number, np.nextafter(number, np.inf), np.nextafter(number, 0.0), -number, -np.nextafter(number, np.inf))
    above, below = number * (1 + _BESIDE), number * (1 - _BESIDE)
    for upstream in (False, True):
        arrays = point.upstream if upstream else point.tensors
        real = [name for name, array in arrays.items() if array is not None and array.dtype.kind == "f"]
        for values in (beside, (number,), (above,), (below,), (-number,), (-above,), (-below,)):
            yield _moved(point, real, values, upstream=upstream)
        for name in real if len(real) > 1 else ():
            for values in (beside, (number,), (-number,)):
                yield _moved(point, [name], values, upstream=upstream)


def _moved(point: Point, names: Sequence[str], values: tuple[Any, ...], *, upstream: bool) -> Point:
    """The point with the values in these tensors."""
    arrays: Mapping[str, Array] = point.upstream if upstream else point.tensors
    for name in names:
        point = point.with_array(name, _put(arrays[name], values), upstream=upstream)
    return point


def _put(array: Array, values: tuple[Any, ...]) -> Array:
    """The array with the values in its first entries; with a single value, in all of them."""
    found = array.copy()
    flat = found.reshape(-1)
    flat[: len(values) if len(values) > 1 else None] = values[: flat.size] if len(values) > 1 else values[0]
    return found
