"""What a function executes, as lines that change whenever it would compute something else.

In   a function, a class, an instance or a module
Out  lines: the text of every file of ours that it can reach, the constants that it reads

A function counts with the whole file that it stands in; without source (typed into a prompt) its bytecode counts.  What
it closes over, its defaults, and whatever it names counts, too, through as many files as it leads: a class with all its
methods, a function of another module, a number that was imported.  Installed packages other than this one do not: a
certificate names the versions that matter.  Plain Python: neither torch nor SymPy is imported.
"""

from __future__ import annotations

import hashlib
import importlib
import linecache
import sys
import sysconfig
import types
from collections.abc import Iterator
from functools import cache
from pathlib import Path
from typing import Any

__all__ = ["executed"]

_OURS = f"{__name__.partition('.')[0]}."
_PLAIN = (bool, int, float, complex, str, bytes, type(None))
_LABELS = {f"{_OURS}layer", f"{_OURS}recipes"}  # what rooms and recipes are declared with, none of which they run


def executed(root: Any) -> Iterator[str]:
    """The lines of everything that the root executes, in an order that depends on nothing else; a file counts once."""
    seen: set[int] = set()
    alive: list[Any] = []  # an identity may be given again once its object is gone
    files: set[str] = set()
    pending = [root]
    while pending:
        value = pending.pop()
        if not _is_plain(value):
            if id(value) in seen:
                continue
            seen.add(id(value))
            alive.append(value)
        line, file, further = _followed(value)
        if line and file not in files:
            yield line
        if file:
            files.add(file)
        pending.extend(reversed(further))


def _followed(value: Any) -> tuple[str, str, list[Any]]:
    """The line of one value, the text of the file that it stands for if it is a function, and what it leads to."""
    if isinstance(value, staticmethod | classmethod | types.MethodType):
        return "", "", [value.__func__]
    if isinstance(value, property):
        return "", "", [f for f in (value.fget, value.fset, value.fdel) if f is not None]
    if isinstance(getattr(value, "__code__", None), types.CodeType):
        place, text = _place(value.__code__)
        return f"{value.__qualname__} {place}", text, _reached(value)
    if isinstance(value, types.ModuleType):
        return f"module {value.__name__}", "", _defined(value)
    if isinstance(value, type):
        return "", "", _members(value) if _is_ours(value.__module__) else []
    if isinstance(value, tuple | list) and not _is_plain(value):
        return f"{type(value).__name__} of {len(value)}", "", list(value)
    if isinstance(value, dict):
        return f"dict of {len(value)}", "", [part for pair in value.items() for part in pair]
    if _is_ours(type(value).__module__) and hasattr(value, "__dict__"):
        return "", "", [type(value), *(part for pair in sorted(vars(value).items()) for part in pair)]
    return _constant(value), "", []


def _place(code: types.CodeType) -> tuple[str, str]:
    """Where the code stands, with the text there, or its bytecode; and that text alone."""
    text = _file_text(code.co_filename)
    if text is None:
        return _bytecode(code), ""
    digest = hashlib.sha256(text).hexdigest()
    return f"{code.co_firstlineno} {digest}", digest


def _reached(function: Any) -> list[Any]:
    """What a function holds, and what it names."""
    found = [*(function.__defaults__ or ()), *(function.__kwdefaults__ or {}).values()]
    found += [cell.cell_contents for cell in function.__closure__ or () if _is_filled(cell)]
    if hasattr(function, "__wrapped__"):
        found.append(function.__wrapped__)
    names = _names(function.__code__)
    for name in names:
        named = function.__globals__.get(name)
        if isinstance(named, types.ModuleType):
            found += _of_module(named, names)
        elif _counts(named):
            found.append(named)
        elif name.startswith(_OURS):  # imported inside the function
            found += _of_module(importlib.import_module(name), names)
    return found


def _of_module(module: types.ModuleType, names: list[str]) -> list[Any]:
    """What a function takes from a module of ours that it names."""
    if not _is_ours(module.__name__):
        return []
    return [value for name in names if _counts(value := vars(module).get(name))]


def _defined(module: types.ModuleType) -> list[Any]:
    """The functions and classes that a module defines."""
    own = [v for _, v in sorted(vars(module).items()) if getattr(v, "__module__", None) == module.__name__]
    return [v for v in own if isinstance(v, type | types.FunctionType)]


def _members(cls: type[Any]) -> list[Any]:
    """The functions and constants of a class and its bases, without what Python itself puts there."""
    found: list[Any] = []
    for base in reversed(cls.__mro__[:-1]):
        if not _is_ours(base.__module__):
            continue
        for name, member in sorted(vars(base).items()):
            made = getattr(getattr(member, "__code__", None), "co_filename", "") == "<string>"  # by dataclass
            if not made and (isinstance(member, _FUNCTIONS) or not name.startswith("__")):
                found += [f"{base.__qualname__}.{name}", member]
    return found


_FUNCTIONS = (types.FunctionType, staticmethod, classmethod, property)


def _counts(value: Any) -> bool:
    """Whether a value that a function names is ours: a function or class of our files, or a plain constant."""
    if isinstance(value, types.FunctionType | type):
        return _is_ours(value.__module__)
    return value is not None and (_is_plain(value) or _is_ours(type(value).__module__))


def _is_plain(value: Any) -> bool:
    """Whether the value's text says all about it."""
    if isinstance(value, tuple | frozenset):
        return all(map(_is_plain, value))
    return isinstance(value, _PLAIN)


def _is_ours(module: str | None) -> bool:
    """Whether a module belongs to this package or to the user: it is neither Python's nor an installed one's."""
    if module is None or module in _LABELS:
        return False
    return module.startswith(_OURS) or not _is_installed(module.partition(".")[0])


@cache
def _is_installed(package: str) -> bool:
    if package in sys.stdlib_module_names or package in sys.builtin_module_names:
        return True
    found = sys.modules.get(package)
    filename = getattr(found, "__file__", None) or next(iter(getattr(found, "__path__", ())), None)
    if filename is None:
        return False
    paths = sysconfig.get_paths()
    return any(Path(paths[key]) in Path(filename).parents for key in ("stdlib", "platstdlib", "purelib", "platlib"))


def _names(code: types.CodeType) -> list[str]:
    """The names that the code and the functions inside it look up."""
    found = dict.fromkeys(code.co_names)
    for constant in code.co_consts:
        if isinstance(constant, types.CodeType):
            found |= dict.fromkeys(_names(constant))
    return list(found)


def _constant(value: Any) -> str:
    """A value's text; an array's or a tensor's bytes, because its text leaves entries out."""
    if callable(getattr(value, "tobytes", None)):
        return f"{value.dtype} {value.shape} {hashlib.sha256(value.tobytes()).hexdigest()}"
    if callable(getattr(value, "numpy", None)):
        return _constant(value.detach().cpu().numpy())
    return repr(sorted(value, key=repr)) if isinstance(value, frozenset | set) else repr(value)


def _is_filled(cell: types.CellType) -> bool:
    try:
        cell.cell_contents  # noqa: B018  # the access itself is the question
    except ValueError:
        return False
    return True


def _file_text(filename: str) -> bytes | None:
    """The source file's text with uniform newlines, or what linecache keeps of a notebook's cell; None without."""
    path = Path(filename)
    if path.is_file():
        return path.read_bytes().replace(b"\r\n", b"\n")
    lines = linecache.getlines(filename)
    return "".join(lines).encode("utf-8") if lines else None


def _bytecode(code: types.CodeType) -> str:
    constants = [_bytecode(c) if isinstance(c, types.CodeType) else repr(c) for c in code.co_consts]
    return f"{code.co_code.hex()} {code.co_names} {code.co_varnames} {constants}"
