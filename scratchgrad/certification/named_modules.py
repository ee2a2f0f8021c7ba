"""Which modules the source of a program names: numpy, torch.

In   functions, methods, partials, callable objects
Out  the names of the packages that their code, and the functions of its own module that it calls, names or imports

A function that names numpy and not torch is written for arrays, even if tensors bring it to an end: `x.var(-1)` divides
by n for an array, and by n - 1 for a tensor.
"""

from __future__ import annotations

import dis
import functools
from collections.abc import Iterator
from types import CodeType, FunctionType, MethodType, ModuleType
from typing import Any

__all__ = ["modules_named"]

_DEPTH = 6


def modules_named(*programs: Any) -> set[str]:
    """The packages that the programs name."""
    found: set[str] = set()
    seen: set[int] = set()
    for program in programs:
        found |= set(_named(program, seen, _DEPTH))
    return found


def _named(value: Any, seen: set[int], depth: int) -> Iterator[str]:
    """The packages that one value names, or comes from."""
    if value is None or depth < 0 or id(value) in seen:
        return
    seen.add(id(value))
    if isinstance(value, ModuleType):
        yield _package(value.__name__)
    elif isinstance(value, functools.partial):
        yield from _named(value.func, seen, depth - 1)
    elif isinstance(value, MethodType):
        yield from _named(value.__func__, seen, depth - 1)
    elif isinstance(value, FunctionType):
        yield _package(value.__module__ or "")
        for part in (*_closed_over(value), *_global_names(value)):
            home = part.__module__ if isinstance(part, FunctionType) else value.__module__
            if home == value.__module__:
                yield from _named(part, seen, depth - 1)
            else:
                yield _package(home or "")
        yield from _imported(value.__code__)
    else:
        yield _package(getattr(value, "__module__", None) or type(value).__module__)
        call = vars(type(value)).get("__call__")
        if isinstance(call, FunctionType):
            yield from _named(call, seen, depth - 1)


def _package(module: str) -> str:
    return module.partition(".")[0]


def _closed_over(function: FunctionType) -> Iterator[Any]:
    for cell in function.__closure__ or ():
        try:
            yield cell.cell_contents
        except ValueError:  # it is empty yet
            continue


def _global_names(function: FunctionType) -> Iterator[Any]:
    """What its code loads from its module."""
    for code in _codes(function.__code__):
        for step in dis.get_instructions(code):
            if step.opname in ("LOAD_GLOBAL", "LOAD_NAME"):
                yield function.__globals__.get(step.argval)


def _imported(code: CodeType) -> Iterator[str]:
    """The packages that the code imports itself."""
    for part in _codes(code):
        yield from (_package(s.argval) for s in dis.get_instructions(part) if s.opname == "IMPORT_NAME")


def _codes(code: CodeType) -> Iterator[CodeType]:
    """The code and that of the functions inside it."""
    yield code
    for constant in code.co_consts:
        if isinstance(constant, CodeType):
            yield from _codes(constant)
