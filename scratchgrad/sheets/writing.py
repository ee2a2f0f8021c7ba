"""Sheets on disk: .tex, .html or .pdf by the suffix, each file whole or not at all."""

from __future__ import annotations

import os
from pathlib import Path

from scratchgrad.atomic import write_text
from scratchgrad.sheets.blocks import Sheet
from scratchgrad.sheets.html import to_html
from scratchgrad.sheets.pdf import Compiled, PdfEngineMissing, compile_pdf
from scratchgrad.sheets.tex import to_tex

__all__ = ["UnknownFormat", "save_sheet", "save_sheets"]


class UnknownFormat(ValueError):
    """A file name whose suffix names no format of sheets."""


def save_sheet(sheet: Sheet, path: str | os.PathLike[str]) -> Path:
    """The sheet at `path`, in the format of its suffix; a .pdf has its .tex beside it.

    Raises UnknownFormat, PdfEngineMissing where no TeX engine is found, or PdfFailed.
    """
    target = Path(path)
    if target.suffix == ".html":
        return write_text(target, to_html(sheet))
    if target.suffix == ".tex":
        return write_text(target, to_tex(sheet))
    if target.suffix == ".pdf":
        return compile_pdf(write_text(target.with_suffix(".tex"), to_tex(sheet)), target).path
    raise UnknownFormat(f"sheet {target.name!r}: no format {target.suffix!r}; end the name in .tex, .html or .pdf")


def save_sheets(sheet: Sheet, stem: str | os.PathLike[str], *, pdf: bool = True) -> tuple[list[Path], Compiled | str]:
    """The sheet as stem.tex and stem.html always, and as stem.pdf where a TeX engine is found.

    Gives the files, and what became of the PDF: the Compiled one, or the words that say why there is none.
    """
    base = Path(stem)
    files = [write_text(base.with_name(f"{base.name}.tex"), to_tex(sheet))]
    files.append(write_text(base.with_name(f"{base.name}.html"), to_html(sheet)))
    if not pdf:
        return files, "not asked for"
    try:
        compiled = compile_pdf(files[0])
    except PdfEngineMissing as missing:
        return files, str(missing)
    return [*files, compiled.path], compiled
