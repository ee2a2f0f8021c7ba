"""`scratchgrad layers`: what rooms there are, and whose kernel is certified; the data sheet of one, with its kinks.

The list needs no SymPy.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Annotated

import typer

if TYPE_CHECKING:
    from scratchgrad.layer import Layer

__all__ = ["EXAMPLES", "command"]

EXAMPLES = ("scratchgrad layers", "scratchgrad layers conv2d")


def command(
    source: Annotated[
        str | None,
        typer.Argument(
            metavar="LAYER",
            help="A layer's name, or a layer in a file (FILE.py:NAME): its data sheet.",
            show_default=False,
        ),
    ] = None,
) -> None:
    """List the layers (forward equation, signature, certificate), or print the data sheet of one."""
    if source is None:
        _table()
    else:
        _sheet(source)


def _sheet(source: str) -> None:
    from scratchgrad import registry
    from scratchgrad.calculus.kinks import kink_line, kinks
    from scratchgrad.cli.console import stdout
    from scratchgrad.cli.data_sheet import data_sheet
    from scratchgrad.cli.source import text_or_layer
    from scratchgrad.notation.equations import equations
    from scratchgrad.notation.language import define_layer
    from scratchgrad.notation.text import to_text

    named = text_or_layer(source)
    layer = registry.layer(named) if isinstance(named, str) else named
    sheet = data_sheet(layer)
    found = {"Kink": kink_line(kinks(define_layer(layer)), to_text), "Certified": _objection(layer) or "yes"}
    console = stdout()
    console.print(sheet.sentence or layer.name)
    console.print("", *(f"    {equation}" for equation in equations(layer)), "", sep="\n")
    for word, text in {**sheet.declared, **sheet.lines, **found}.items():
        console.print(f"{word:10}{text}")


def _table() -> None:
    from rich import box
    from rich.table import Table
    from rich.text import Text

    from scratchgrad import registry
    from scratchgrad.cli.console import stdout
    from scratchgrad.notation.equations import equations

    table = Table(box=box.SIMPLE_HEAD, padding=(0, 1, 0, 0), pad_edge=False, show_edge=False)
    for heading in ("Layer", "Forward equation", "Shapes of one sample", "Certified"):
        table.add_column(heading, no_wrap=heading == "Layer")
    objections = []
    for name in registry.names():
        layer = registry.layer(name)
        objection = _objection(layer)
        objections += [objection] if objection else []
        table.add_row(
            Text(name, "bold"),
            "\n".join(equations(layer)),
            str(layer.signature),
            Text("no", "red") if objection else Text("yes", "green"),
        )
    console = stdout()
    console.print(table)
    for objection in objections:
        console.print(objection)


def _objection(layer: Layer) -> str | None:
    """Why the registry does not hand out the layer's kernel; None where it does."""
    from scratchgrad import registry

    try:
        registry.kernel(layer)
    except registry.NotCertified as refused:
        return str(refused)
    except ModuleNotFoundError as missing:
        return f"layer {layer.name!r} has no kernel here: {missing.name} is not installed"
    return None
