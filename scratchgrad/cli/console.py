"""Where the commands print: a terminal of any width, or a pipe, in which no line is broken."""

from __future__ import annotations

import os
import sys
from typing import TextIO

from rich.console import Console

__all__ = ["stderr", "stdout"]

_UNBROKEN = 10_000


def stdout() -> Console:
    """The console of results.  Brackets in a text are brackets; lines in a pipe are as long as they are."""
    return Console(highlight=False, markup=False, emoji=False, width=_width(sys.stdout))


def stderr() -> Console:
    """The console of progress and notes."""
    return Console(stderr=True, highlight=False, markup=False, emoji=False, width=_width(sys.stderr))


def _width(stream: TextIO | None) -> int | None:
    terminal = stream is not None and stream.isatty()  # None: the person has closed it
    return None if terminal or os.environ.get("COLUMNS") else _UNBROKEN
