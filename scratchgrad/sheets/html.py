"""A sheet as one HTML page: offline, no script, native MathML, figures as SVG, light and dark, for screen and paper.

In   a Sheet
Out  the text of an .html file that refers to nothing outside itself, and is the same every time
"""

from __future__ import annotations

import html
import itertools
from collections.abc import Iterator
from dataclasses import dataclass, fields
from functools import cache
from typing import Any

import jinja2
from markupsafe import Markup

from scratchgrad.sheets.blocks import Block, Display, Figure, Heading, Sheet, pieces, plain
from scratchgrad.sheets.breaking import Line, lines
from scratchgrad.sheets.mathml import to_mathml
from scratchgrad.sheets.svg import to_svg

__all__ = ["to_html"]

_LINE_WIDTH = 37.0  # em: the lines of a display break for this width, which leaves room for wider fonts; see the style

_SIGNS = tuple(".,;:?!)")


@dataclass(frozen=True)
class _Section:
    """A heading with its number and the name that links lead to."""

    number: str
    text: str
    level: int
    anchor: str


def to_html(sheet: Sheet) -> str:
    """The page.  Raises MathmlFailed for a formula that math-core cannot convert, naming it."""
    sections = iter(_numbered(sheet))
    views = [_view(block, number, sections) for number, block in enumerate(sheet.blocks, 1)]
    contents = [s for s in _numbered(sheet) if s.level == 1]
    header = ", ".join(part for part in (sheet.meta.author, sheet.meta.date) if part)
    label = f"{sheet.meta.assignment}: {plain(sheet.title)}" if sheet.meta.assignment else plain(sheet.title)
    return _template().render(
        sheet=sheet, blocks=views, contents=contents if len(contents) > 3 else [], header=header, label=label
    )


def _numbered(sheet: Sheet) -> Iterator[_Section]:
    section = subsection = 0
    for block in sheet.blocks:
        if isinstance(block, Heading) and block.level < 3:
            section, subsection = (section + 1, 0) if block.level == 1 else (section, subsection + 1)
            number = f"{section}" if block.level == 1 else f"{section}.{subsection}"
            yield _Section(number, block.text, block.level, f"s{number.replace('.', '-')}")


def words(text: str, display: bool = False) -> Markup:
    """Text with formulae between dollars, as HTML."""
    writers = {
        "text": lambda piece: html.escape(piece, quote=False),
        "formula": lambda piece: to_mathml(piece, display=display),
        "code": lambda piece: f"<code>{html.escape(piece, quote=False)}</code>",
    }
    found = taken = ""
    cut: list[tuple[str, str]] = [*pieces(text), ("", "end")]
    for (piece, kind), (after, next_kind) in itertools.pairwise(cut):
        written = writers[kind](piece.removeprefix(taken))
        # A full stop stays on the line of the formula that it ends.
        taken = after[:1] if kind == "formula" and next_kind == "text" and after[:1] in _SIGNS else ""
        found += f'<span class="keep">{written}{taken}</span>' if taken else written
    return Markup(found)


def _css_string(text: str) -> Markup:
    r"""A CSS string; everything but letters, digits and spaces as \codepoint, so that nothing can end it."""
    return Markup('"' + "".join(c if c.isalnum() or c == " " else f"\\{ord(c):06x}" for c in text) + '"')


@cache
def _template() -> jinja2.Template:
    environment = jinja2.Environment(
        autoescape=True,
        trim_blocks=True,
        lstrip_blocks=True,
        undefined=jinja2.StrictUndefined,
        loader=jinja2.PackageLoader("scratchgrad.sheets"),
        keep_trailing_newline=True,
    )
    environment.filters.update(words=words, plain=plain, css_string=_css_string)
    return environment.get_template("sheet.html.jinja")


def _view(block: Block, number: int, sections: Iterator[_Section]) -> dict[str, Any]:
    """What the template needs of a block."""
    view: dict[str, Any] = {"kind": type(block).__name__} | {f.name: getattr(block, f.name) for f in fields(block)}
    if isinstance(block, Heading) and block.level < 3:
        view["section"] = next(sections)
    if isinstance(block, Display):
        view["lines"] = [_line(line) for line in lines(block, _LINE_WIDTH)]
    if isinstance(block, Figure):
        view["svg"] = Markup(to_svg(block.drawing, plain(block.caption), block.description, f"figure{number}"))
    return view


def _line(line: Line) -> dict[str, Any]:
    lead = r"\qquad " if line.continued else ""
    # The empty group makes the relation a relation: with nothing before it, its spaces would be lost.
    start = f"{{}} {line.relation} " if line.relation else ""
    boxed = line.boxed
    relation = to_mathml(start, display=True) if boxed and start else ""
    return {
        "left": Markup(to_mathml(line.left, display=True)) if line.left else "",
        "relation": Markup(relation),
        "right": Markup(to_mathml(lead + line.right if boxed else start + lead + line.right, display=True)),
        "boxed": boxed,
        "reason": line.reason,
        "percent": round(100 * line.scale),
    }
