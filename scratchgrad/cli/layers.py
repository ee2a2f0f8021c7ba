"""`scratchgrad layers`: what rooms there are, and whose kernel is certified.  Needs no SymPy."""

from __future__ import annotations

__all__ = ["EXAMPLES", "command"]

EXAMPLES = ("scratchgrad layers",)


def command() -> None:
    """List the layers: signature, forward equation, kink, certificate."""
    from rich import box
    from rich.table import Table
    from rich.text import Text

    from scratchgrad import registry
    from scratchgrad.cli.console import stdout
    from scratchgrad.cli.data_sheet import data_sheet
    from scratchgrad.notation.equations import equations

    table = Table(box=box.SIMPLE_HEAD, padding=(0, 1, 0, 0), pad_edge=False, show_edge=False)
    for heading in ("Layer", "Forward equation", "Shapes of one sample", "Kink", "Certified"):
        table.add_column(heading, no_wrap=heading == "Layer")
    objections = []
    for name in registry.names():
        layer = registry.layer(name)
        sheet = data_sheet(layer)
        objection = _objection(name)
        objections += [objection] if objection else []
        table.add_row(
            Text(name, "bold"),
            "\n".join(equations(layer)),
            str(layer.signature),
            sheet.lines.get("Kink", ""),
            Text("no", "red") if objection else Text("yes", "green"),
        )
    console = stdout()
    console.print(table)
    for objection in objections:
        console.print(objection)


def _objection(name: str) -> str | None:
    """Why the registry does not hand out the layer's kernel; None where it does."""
    from scratchgrad import registry

    try:
        registry.kernel(name)
    except registry.NotCertified as refused:
        return str(refused)
    except ModuleNotFoundError as missing:
        return f"layer {name!r} has no kernel here: {missing.name} is not installed"
    return None
