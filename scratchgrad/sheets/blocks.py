r"""A sheet as data: blocks of text, formulae, figures and tables, before anyone decides on TeX or HTML.

All mathematics is LaTeX, made by the one printer.  Text is plain text, in which a formula stands between dollars:
"Choose $W_{12}$."  A dollar sign itself is written \$.
"""

from __future__ import annotations

import re
from dataclasses import dataclass, field

from scratchgrad.sheets.drawing import Drawing

__all__ = [
    "Block",
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


class UnbalancedDollar(ValueError):
    """A text in which a formula is opened and not closed."""


@dataclass(frozen=True)
class Meta:
    """What stands in the header at the top right."""

    author: str = ""
    date: str = ""
    assignment: str = ""


@dataclass(frozen=True)
class Heading:
    """The heading of a section (level 1) or a subsection (level 2); headings are numbered by whoever sets the sheet."""

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


Block = Heading | Paragraph | Note | Display | Figure | Table


@dataclass(frozen=True)
class Sheet:
    """A title, what the header needs, and the blocks in reading order."""

    title: str
    blocks: tuple[Block, ...]
    meta: Meta = field(default_factory=Meta)


_DOLLAR = re.compile(r"(?<!\\)\$")


def pieces(text: str) -> list[tuple[str, bool]]:
    """The text cut at its dollars: (words, False) and (LaTeX, True) in turn, empty ones left out.

    Raises UnbalancedDollar where the last formula has no end.
    """
    parts = _DOLLAR.split(text)
    if len(parts) % 2 == 0:
        raise UnbalancedDollar(
            f"text {text!r}: a formula is opened by $ and not closed; a dollar sign itself is written \\$"
        )
    return [(p if n % 2 else p.replace("\\$", "$"), n % 2 == 1) for n, p in enumerate(parts) if p]


def plain(text: str) -> str:
    """The text without its dollars and the marks of LaTeX, for places that take no formulae."""
    return "".join(
        re.sub(r"\\(?:mathbf|mathrm|text|operatorname)|[{}]|\\(?=[a-zA-Z])", "", p) if formula else p
        for p, formula in pieces(text)
    )
