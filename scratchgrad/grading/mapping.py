"""A short TOML file that says what names alone do not say.

[Dense]                         # a class, or a forward function
layer = "linear"                # a kind, a room's name, or a definition as text
backward = "dense_grad"         # for functions: the one that goes with it
convention = "columns"          # "rows", "columns" or "one sample"; without it, forward decides
arguments = {x = "signal", W = "kernel"}

[helper]
ignore = true
"""

from __future__ import annotations

import tomllib
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from scratchgrad.grading.kinds import CONVENTIONS
from scratchgrad.grading.mark import MarkWrong

__all__ = ["Entry", "read_mapping"]

_KEYS = {"layer": str, "backward": str, "convention": str, "arguments": dict, "ignore": bool}


@dataclass(frozen=True)
class Entry:
    """What the mapping says about one name."""

    layer: str = ""
    backward: str = ""
    convention: str = ""
    arguments: dict[str, str] = field(default_factory=dict)
    ignore: bool = False


def read_mapping(path: Path) -> dict[str, Entry]:
    """The entries by name.  Raises MarkWrong, which names the place, for anything that is not as above."""
    try:
        tables = tomllib.loads(path.read_text(encoding="utf-8"))
    except OSError as error:
        raise MarkWrong(f"{path}: {error.strerror or error}; expected a TOML file") from error
    except tomllib.TOMLDecodeError as error:
        raise MarkWrong(f"{path}: {error}") from error
    return {name: _entry(f"{path}: [{name}]", table) for name, table in tables.items()}


def _entry(place: str, table: Any) -> Entry:
    if not isinstance(table, dict):
        raise MarkWrong(f'{place} is no table; write it as a section with layer = "linear"')
    for key, value in table.items():
        if key not in _KEYS:
            raise MarkWrong(f"{place}: unknown key {key!r}; expected {', '.join(_KEYS)}")
        if not isinstance(value, _KEYS[key]):
            raise MarkWrong(f"{place}: {key} is {value!r}; expected a {_KEYS[key].__name__}")
    if table.get("convention", CONVENTIONS[0]) not in CONVENTIONS:
        raise MarkWrong(f"{place}: convention is {table['convention']!r}; expected one of {', '.join(CONVENTIONS)}")
    return Entry(**table)
