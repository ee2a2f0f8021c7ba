r"""A sheet as a LaTeX document.

In   a Sheet
Out  the text of a .tex file that compiles without warnings, and is the same every time

Formulae come as LaTeX and stay it; everything else is escaped.  Lines are broken for the page before TeX sees them.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import fields
from functools import cache
from typing import Any

import jinja2

from scratchgrad.sheets.blocks import Block, Display, Figure, Paragraph, Sheet, Table
from scratchgrad.sheets.breaking import Line, lines
from scratchgrad.sheets.escaping import bare, bookmark, cell, code, escape, heading, words
from scratchgrad.sheets.tikz import to_tikz
from scratchgrad.sheets.width import text_width

__all__ = ["PAGE_WIDTH", "fragment", "to_tex"]

PAGE_WIDTH = 41.0  # em: 160 mm at 10.95 pt, less a little, as widths are estimated
_INDENT = 2.0  # \mathindent
_PAGE_CENTIMETRES = 16.0
_FEW_WORDS = 8.0  # em
_TABLE_GAP = 1.1  # two \tabcolsep


def to_tex(sheet: Sheet) -> str:
    """The LaTeX document of a sheet."""
    header = ", ".join(part for part in (sheet.meta.author, sheet.meta.date) if part)
    template = _environment().get_template("sheet.tex.jinja")
    return _cleaned(template.render(sheet=sheet, header=header, blocks=_views(sheet.blocks)))


def fragment(blocks: Sequence[Block]) -> str:
    """Blocks as LaTeX without preamble; what is pasted elsewhere needs amsmath only."""
    text = _cleaned(_environment().get_template("blocks.tex.jinja").render(blocks=_views(blocks)))
    return text.replace("\\why{", "\\text{\\small ").replace("\\longwhy{", "\\text{\\small ")


def _views(blocks: Sequence[Block]) -> list[dict[str, Any]]:
    views = [_view(block) for block in blocks]
    for before, view in zip((None, *blocks), views, strict=False):
        # A formula belongs to the sentence that introduces it.
        view["continues"] = view["kind"] == "Display" and isinstance(before, Paragraph)
    return views


def _cleaned(text: str) -> str:
    """The text without trailing spaces and without more than one empty line in a row."""
    kept: list[str] = []
    for line in map(str.rstrip, text.splitlines()):
        if line or (kept and kept[-1]):
            kept.append(line)
    return "\n".join(kept).rstrip() + "\n"


@cache
def _environment() -> jinja2.Environment:
    environment = jinja2.Environment(
        block_start_string="\\BLOCK{",
        block_end_string="}",
        variable_start_string="\\VAR{",
        variable_end_string="}",
        comment_start_string="\\#{",
        comment_end_string="}",
        trim_blocks=True,
        lstrip_blocks=True,
        keep_trailing_newline=True,
        autoescape=False,
        undefined=jinja2.StrictUndefined,
        loader=jinja2.PackageLoader("scratchgrad.sheets"),
    )
    environment.filters.update(
        words=words, heading=heading, code=code, plain=bookmark, cell=cell, text=escape, bare=bare
    )
    return environment


def _view(block: Block) -> dict[str, Any]:
    """What the template needs of a block."""
    view: dict[str, Any] = {"kind": type(block).__name__} | {f.name: getattr(block, f.name) for f in fields(block)}
    if isinstance(block, Display):
        view["lines"] = [_line(line) for line in lines(block, PAGE_WIDTH - _INDENT)]
    if isinstance(block, Figure):
        view["tikz"] = to_tikz(block.drawing, _PAGE_CENTIMETRES)
    if isinstance(block, Table):
        view["columns"], view["scale"] = _columns(block)
    return view


def _columns(table: Table) -> tuple[str, float]:
    """The columns of a table, and how far it shrinks: words wrap, in columns that share the room, before that."""
    style = "D" if table.display else "T"
    bold = 1.15  # the head's type is wider
    cells = [
        [(1.03 if n else bold, cell) for n, cell in enumerate(column)]
        for column in zip(table.head, *table.rows, strict=True)
    ]
    columns = [[(text_width(cell, style=style) * times, cell) for times, cell in column] for column in cells]
    wide = [max(width for width, _ in column) for column in columns]
    room = PAGE_WIDTH - _TABLE_GAP * (len(wide) - 1)
    excess = sum(wide) - room
    if excess <= 0:
        return "L" * len(wide), 1.0
    # A column can be made no narrower than its widest formula or code, nor than a few words.
    least = [
        min(w, max([_FEW_WORDS, *(v for v, c in column if "$" in c or "`" in c)]))
        for w, column in zip(wide, columns, strict=True)
    ]
    spare = sum(wide) - sum(least)
    share = min(excess / spare, 1.0) if spare else 0.0
    fitted = [w - share * (w - least_) for w, least_ in zip(wide, least, strict=True)]
    shape = "".join("L" if f > w - 0.01 else f"P{{{f:.2f}em}}" for f, w in zip(fitted, wide, strict=True))
    return shape, min(1.0, room / max(sum(fitted), 1.0))


def _line(line: Line) -> str:
    right = line.right
    if line.scale < 1:
        right = f"\\shrunk{{{0.97 * line.scale:.3f}}}{{{right}}}"  # what is shrunk is long, and so is its error
    if line.boxed:
        right = f"\\boxed{{{right}}}"
    lead = "\\qquad " if line.continued else ""
    relation = f"{line.relation} " if line.relation else ""
    text = f"{line.left} & {relation}{lead}{right}".strip()
    if line.reason:
        macro = "longwhy" if text_width(line.reason, size=0.9) > 0.42 * PAGE_WIDTH else "why"
        text += f" \\tag*{{\\{macro}{{{words(line.reason)}}}}}"
    return text
