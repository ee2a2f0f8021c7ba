"""The sheets: one for each source that a person names, and all of them, as the folder derivations/ holds them."""

from __future__ import annotations

from collections.abc import Iterator

from scratchgrad import registry
from scratchgrad.cli.source import text_or_layer
from scratchgrad.gradients import derive
from scratchgrad.layer import Layer
from scratchgrad.notation.mistakes import UnusedName
from scratchgrad.sheets.blocks import Meta, Sheet
from scratchgrad.sheets.layer_sheet import layer_sheet
from scratchgrad.sheets.titles import layer_about, layer_title

__all__ = ["LAB", "all_sheets", "sheet_of"]

LAB = "lab"


def sheet_of(source: str, meta: Meta, domains: str = "") -> tuple[str, Sheet]:
    """The name of the file and the sheet of a layer's name, FILE.py:NAME, an equation with its domains, or `lab`."""
    if source == LAB:
        if domains:
            raise UnusedName("domains: the layers of the lab say that themselves; domains= belongs to an equation")
        from scratchgrad.cli.report import report

        return LAB, report(meta)
    found = text_or_layer(source)
    if isinstance(found, str) and found.strip().isidentifier():
        found = registry.layer(found.strip())
    if isinstance(found, Layer):
        gradients = derive(found, domains=domains)
        about = layer_about(found, gradients.definition)
        return found.name, layer_sheet(gradients, title=layer_title(found), about=about, meta=meta)
    return "derivation", layer_sheet(derive(found, domains=domains), meta=meta)


def all_sheets(meta: Meta) -> Iterator[tuple[str, Sheet]]:
    """The sheet of every room, then that of the lab."""
    for name in (*filter(registry.is_built_in, registry.names()), LAB):
        yield sheet_of(name, meta)
