"""One reported bug: what it was, the specification, the wrong and the right functions, how a message may name it."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from typing import Any

__all__ = ["Pair", "Report"]

Pair = tuple[Callable[..., Any] | type, Callable[..., Any] | None]


@dataclass(frozen=True)
class Report:
    """A bug that somebody reported, written anew in a few lines.

    `names` are regular expressions; a message names the fault where one of them is found in it, and `true` are further
    ones for what is true of it as well.  `example` and `options` go to certify as they are.
    """

    what: str
    source: str
    spec: Any
    wrong: Pair
    right: Pair
    names: tuple[str, ...]
    example: Any = None
    options: Mapping[str, Any] = field(default_factory=dict)
    true: tuple[str, ...] = ()
