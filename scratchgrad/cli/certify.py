"""`scratchgrad certify`: kernels against their definitions.  What agrees is certified, what differs is refused."""

from __future__ import annotations

import time
from typing import Annotated

import typer

from scratchgrad.cli.source import FILE_AND_NAME

__all__ = ["EXAMPLES", "command"]

EXAMPLES = ("scratchgrad certify linear relu", "scratchgrad certify --check relu")


def command(
    names: Annotated[
        list[str] | None,
        typer.Argument(metavar="NAME", help="Layers; without any, all of them.", show_default=False),
    ] = None,
    *,
    check: Annotated[
        bool, typer.Option("--check", help="Recompute the shipped certificates and compare; write nothing.")
    ] = False,
    update: Annotated[
        bool,
        typer.Option("--update", help="Write the certificates that ship with scratchgrad, not those of the cache."),
    ] = False,
    file: Annotated[
        list[str] | None,
        typer.Option(
            metavar=FILE_AND_NAME, help="A layer in a file of your own; may be given several times.", show_default=False
        ),
    ] = None,
) -> None:
    """Check kernels against their definitions, and certify those that agree.

    Certificates go into your cache, where training finds them.

    The exit code is 1 where a kernel is refused, or where --check finds a difference.
    """
    if (check or update) and (file or (check and update)):
        raise typer.BadParameter(
            "--check and --update are about the layers of scratchgrad; give one of them, with names only"
        )

    from rich import box
    from rich.table import Table
    from rich.text import Text

    from scratchgrad import certification, registry
    from scratchgrad.cli.console import stderr, stdout
    from scratchgrad.cli.source import layer_in_file

    layers = [layer_in_file(one) for one in file or ()]
    chosen = names or ([] if file else list(registry.names()))
    if update or check or not names:  # a room stands for the variants that are shipped with it
        chosen = [one for name in chosen for one in registry.with_variants(name)]
    layers += [registry.layer(name) for name in chosen]
    console, progress = stdout(), stderr()
    if check:
        complaints = []
        for number, layer in enumerate(layers, 1):
            with progress.status(f"Recomputing {layer.name}, {number} of {len(layers)}"):
                complaints += certification.check([layer.name])
        for complaint in complaints:
            console.print(complaint)
        if complaints:
            raise typer.Exit(1)
        console.print(f"{len(layers)} certificates recompute: {', '.join(layer.name for layer in layers)}")
        return

    table = Table(box=box.SIMPLE_HEAD, padding=(0, 1, 0, 0), pad_edge=False, show_edge=False)
    for heading in ("Layer", "Verdict", "By", "Numbers compared", "Seconds"):
        table.add_column(
            heading, no_wrap=True, justify="right" if heading in ("Numbers compared", "Seconds") else "left"
        )
    refused = []
    for number, layer in enumerate(layers, 1):
        began = time.perf_counter()
        with progress.status(f"Checking {layer.name}, {number} of {len(layers)}"):
            verdict = certification.certify_room(layer, write="built-in" if update else "cache")
        word = Text("refused" if verdict.judged else "not judged", "bold red")
        word = Text("accepted", "green") if verdict.accepted else word
        refused += [] if verdict.accepted else [str(verdict)]
        table.add_row(
            Text(layer.name, "bold"),
            word,
            "proof" if verdict.proven else "probes",
            str(verdict.evidence.get("entries_compared", "")),
            f"{time.perf_counter() - began:.1f}",
        )
    console.print(table)
    for message in refused:
        console.print()
        console.print(message)
    if refused:
        raise typer.Exit(1)
