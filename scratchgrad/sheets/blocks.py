r"""A sheet as data: blocks of text, formulae, figures and tables, before anyone decides on TeX or HTML.

All mathematics is LaTeX, made by the one printer.  Text is plain text, in which a formula stands between dollars:
"Choose $W_{12}$."  A dollar sign itself is written \$.  Code stands between backticks.
"""

from __future__ import annotations

import re
from dataclasses import dataclass, field
from typing import Literal

from scratchgrad.sheets.drawing import Drawing

__all__ = [
    "Block",
    "Code",
    "Display",
    "Figure",
    "Heading",
    "Meta",
    "Note",
    "Paragraph",
    "Row",
    "Sheet",
    "Table",
    "UnbalancedDollar",
    "pieces",
    "plain",
]


Kind = Literal["text", "formula", "code"]


class UnbalancedDollar(ValueError):
    """A text in which a formula, or code, is opened and not closed."""


@dataclass(frozen=True)
class Meta:
    """What stands in the header at the top right: plain text, in which a dollar is a dollar."""

    author: str = ""
    date: str = ""
    assignment: str = ""


@dataclass(frozen=True)
class Heading:
    """The heading of a section (level 1) or a subsection (2), numbered by whoever sets the sheet, or of a part (3)."""

    text: str
    level: int = 1


@dataclass(frozen=True)
class Paragraph:
    """Running text."""

    text: str


@dataclass(frozen=True)
class Note:
    """A remark set apart: a convention, an assumption."""

    title: str
    text: str


@dataclass(frozen=True)
class Row:
    """One line of a display, `left relation right`, aligned at the relation, with the reason for it."""

    left: str
    right: str
    relation: str = "="
    reason: str = ""
    boxed: bool = False


@dataclass(frozen=True)
class Display:
    """Rows of mathematics, aligned with each other."""

    rows: tuple[Row, ...]


@dataclass(frozen=True)
class Figure:
    """A drawing with its caption; `description` says in words what it shows, for those who cannot see it."""

    drawing: Drawing
    caption: str
    description: str


@dataclass(frozen=True)
class Table:
    """Rows of cells (text with formulae between dollars) below a head; `display` sets formulae in display style."""

    head: tuple[str, ...]
    rows: tuple[tuple[str, ...], ...]
    caption: str = ""
    display: bool = False


@dataclass(frozen=True)
class Code:
    """Lines of a program, as they are."""

    lines: tuple[str, ...]


Block = Heading | Paragraph | Note | Display | Figure | Table | Code


@dataclass(frozen=True)
class Sheet:
    """A title, what the header needs, and the blocks in reading order."""

    title: str
    blocks: tuple[Block, ...]
    meta: Meta = field(default_factory=Meta)


_MARK = re.compile(r"(?<!\\)\$|`")


def pieces(text: str) -> list[tuple[str, Kind]]:
    """The text cut at its dollars and backticks: words, formulae and code in order, empty ones left out.

    Raises UnbalancedDollar where the last formula has no end.
    """
    found: list[tuple[str, Kind]] = []
    position = 0
    while position < len(text):
        opening = _MARK.search(text, position)
        end = opening.start() if opening else len(text)
        if end > position:
            found.append((text[position:end].replace("\\$", "$"), "text"))
        if opening is None:
            break
        mark = opening[0]
        closing = next((m for m in _MARK.finditer(text, opening.end()) if m[0] == mark), None)
        if closing is None:
            raise UnbalancedDollar(
                f"text {text!r}: {mark} opens something and is not closed; a dollar sign itself is \\$"
            )
        inside = text[opening.end() : closing.start()]
        if inside:
            found.append((inside, "formula" if mark == "$" else "code"))
        position = closing.end()
    return found


_LOUD = re.compile(r"\\(?:mathbf|mathrm|text|operatorname)|[{}]|\\(?=[a-zA-Z])")


def plain(text: str) -> str:
    """The text without its marks and the commands of LaTeX, for places that take no formulae."""
    return "".join(_LOUD.sub("", piece) if kind == "formula" else piece for piece, kind in pieces(text))
