"""A line of text that keeps its margin when it is too long for the terminal, and has no blanks at its end."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass

from rich.console import Console, ConsoleOptions
from rich.text import Text

__all__ = ["Line"]

_NARROWEST = 24


@dataclass(frozen=True)
class Line:
    """`text` after `margin`; where it wraps, the next lines stand `hang` further in."""

    text: Text
    margin: str = ""
    hang: int = 0

    def __rich_console__(self, console: Console, options: ConsoleOptions) -> Iterator[Text]:
        """The line, wrapped to the console's width."""
        width = max(_NARROWEST, options.max_width - len(self.margin))
        first, *more = self.text.wrap(console, width)
        if more:
            rest = self.text[len(first.plain.rstrip()) :]
            blanks = len(rest.plain) - len(rest.plain.lstrip())
            more = list(rest[blanks:].wrap(console, width - self.hang))
        for position, line in enumerate((first, *more)):
            line.rstrip()
            yield Text.assemble((self.margin, "dim"), " " * (self.hang if position else 0), line)
