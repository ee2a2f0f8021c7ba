"""`scratchgrad sheet`: the derivation sheet of a layer, an equation or the lab network, as LaTeX, HTML and PDF."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated

import typer

from scratchgrad.cli.source import DOMAINS

__all__ = ["EXAMPLES", "FORMATS", "command"]

EXAMPLES = (
    "scratchgrad sheet linear --author 'A. Student' --date 2026-01-31",
    "scratchgrad sheet 'u[i] = Sum(W[i,j]*x[j], j)' --format tex,html",
    "scratchgrad sheet lab --assignment 'Lab 1: Networks'",
)

FORMATS = ("tex", "html", "pdf")


def command(
    source: Annotated[
        str | None,
        typer.Argument(
            metavar="LAYER|TEXT|lab",
            help="A layer's name, an equation, a layer in a file (FILE.py:NAME), or lab, the whole network.",
            show_default=False,
        ),
    ] = None,
    *,
    out: Annotated[Path, typer.Option(metavar="FOLDER", help="Where the sheet is written.")] = Path("derivations"),
    formats: Annotated[
        str | None,
        typer.Option(
            "--format",
            metavar="FORMATS",
            help="Some of tex, html and pdf, with commas between. Without it: tex and html, and pdf if TeX is there.",
            show_default=False,
        ),
    ] = None,
    author: Annotated[str, typer.Option(metavar="NAME", help="For the header at the top right.")] = "",
    date: Annotated[str, typer.Option(metavar="DATE", help="For the header.")] = "",
    domains: Annotated[list[str] | None, typer.Option(metavar="DOMAINS", help=DOMAINS, show_default=False)] = None,
    assignment: Annotated[str, typer.Option(metavar="TITLE", help="Number and name of the lab, for the header.")] = "",
    update: Annotated[
        bool, typer.Option("--update", help="Write the sheets of all layers and of the lab anew (tex and html).")
    ] = False,
) -> None:
    """Write a derivation sheet as LaTeX, HTML and PDF."""
    if (source is None) != update:
        raise typer.BadParameter("give a layer, an equation or lab, or --update alone", param_hint="LAYER|TEXT|lab")
    wanted = _formats(formats)

    from scratchgrad.cli.console import stdout
    from scratchgrad.cli.derivations import all_sheets, sheet_of
    from scratchgrad.cli.folder import prepared
    from scratchgrad.sheets.blocks import Meta
    from scratchgrad.sheets.pdf import PdfEngineMissing
    from scratchgrad.sheets.writing import save_sheet

    meta, console = Meta(author=author, date=date, assignment=assignment), stdout()
    sheets = all_sheets(meta) if source is None else [sheet_of(source, meta, "; ".join(domains or ()))]
    folder = prepared(out)
    for stem, sheet in sheets:
        for ending in wanted or ("tex", "html"):
            console.print(str(save_sheet(sheet, folder / f"{stem}.{ending}")))
        if wanted is None and not update:
            try:
                console.print(str(save_sheet(sheet, folder / f"{stem}.pdf")))
            except PdfEngineMissing as missing:
                console.print(f"no PDF: {missing}")


def _formats(text: str | None) -> tuple[str, ...] | None:
    """("tex", "html") for "tex,html"; None for None."""
    if text is None:
        return None
    wanted = tuple(dict.fromkeys(part.strip() for part in text.split(",") if part.strip()))
    if not wanted or not set(wanted) <= set(FORMATS):
        raise typer.BadParameter(f"expected some of {', '.join(FORMATS)}, got {text!r}", param_hint="--format")
    return wanted
