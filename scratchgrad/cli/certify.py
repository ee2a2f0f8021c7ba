"""`scratchgrad certify`: kernels against their definitions.  What agrees is certified, what differs is refused."""

from __future__ import annotations

import time
from collections.abc import Sequence
from typing import TYPE_CHECKING, Annotated

import typer

from scratchgrad.cli.source import FILE_AND_NAME

if TYPE_CHECKING:
    from rich.table import Table

    from scratchgrad.certification import Verdict
    from scratchgrad.layer import Layer

__all__ = ["EXAMPLES", "command"]

EXAMPLES = (
    "scratchgrad certify linear relu",
    "scratchgrad certify --check relu",
    "scratchgrad certify --json relu",
)


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
    as_json: Annotated[
        bool, typer.Option("--json", help="Print a JSON array with an object for each layer, instead of the table.")
    ] = False,
) -> None:
    """Check kernels against their definitions, and certify those that agree.

    Certificates go into your cache, where training finds them.

    With --json, each layer is an object: subject, verdict (accepted, refused, not judged), proven, wrong,
    counterexample (entry, yours, right, tensors, ..), diagnosis, evidence, errors, recipe, seconds; with --check:
    subject, verdict (recomputes, differs), complaints. NaN and infinity are strings.

    The exit code is 1 where a kernel is refused or could not be judged, or where --check finds a difference; 2 where
    the command cannot do its work.
    """
    if (check or update) and (file or (check and update)):
        raise typer.BadParameter(
            "--check and --update are about the layers of scratchgrad; give one of them, with names only"
        )
    from scratchgrad import registry
    from scratchgrad.cli.source import layer_in_file

    layers = [layer_in_file(one) for one in file or ()]
    chosen = names or ([] if file else list(registry.names()))
    if update or check or not names:  # a room stands for the variants that are shipped with it
        chosen = [one for name in chosen for one in registry.with_variants(name)]
    layers += [registry.layer(name) for name in chosen]
    if check:
        _check(layers, as_json=as_json)
    else:
        _certify(layers, update=update, as_json=as_json)


def _check(layers: Sequence[Layer], *, as_json: bool) -> None:
    from scratchgrad import certification
    from scratchgrad.cli.console import stderr, stdout
    from scratchgrad.cli.verdict_json import to_json

    console, progress, complaints = stdout(), stderr(), {}
    for number, layer in enumerate(layers, 1):
        with progress.status(f"Recomputing {layer.name}, {number} of {len(layers)}"):
            complaints[layer.name] = certification.check([layer.name])
    if as_json:
        records = [
            {"subject": name, "verdict": "differs" if some else "recomputes", "complaints": some}
            for name, some in complaints.items()
        ]
        typer.echo(to_json(records))
    else:
        for complaint in (one for some in complaints.values() for one in some):
            console.print(complaint)
    if any(complaints.values()):
        raise typer.Exit(1)
    if not as_json:
        console.print(f"{len(layers)} certificates recompute: {', '.join(layer.name for layer in layers)}")


def _certify(layers: Sequence[Layer], *, update: bool, as_json: bool) -> None:
    from scratchgrad import certification
    from scratchgrad.cli.console import stderr, stdout
    from scratchgrad.cli.verdict_json import to_json, verdict_record

    progress, found = stderr(), []
    for number, layer in enumerate(layers, 1):
        began = time.perf_counter()
        with progress.status(f"Checking {layer.name}, {number} of {len(layers)}"):
            verdict = certification.certify_room(layer, write="built-in" if update else "cache")
        found.append((layer.name, verdict, time.perf_counter() - began))
    if as_json:
        typer.echo(to_json([verdict_record(v, name, seconds=round(seconds, 3)) for name, v, seconds in found]))
    else:
        console = stdout()
        console.print(_table(found))
        for message in (str(verdict) for _, verdict, _ in found if not verdict.accepted):
            console.print()
            console.print(message)
    if not all(verdict.accepted for _, verdict, _ in found):
        raise typer.Exit(1)


def _table(found: Sequence[tuple[str, Verdict, float]]) -> Table:
    from rich import box
    from rich.table import Table
    from rich.text import Text

    from scratchgrad.cli.verdict_json import word_of

    table = Table(box=box.SIMPLE_HEAD, padding=(0, 1, 0, 0), pad_edge=False, show_edge=False)
    for heading in ("Layer", "Verdict", "By", "Numbers compared", "Seconds"):
        table.add_column(
            heading, no_wrap=True, justify="right" if heading in ("Numbers compared", "Seconds") else "left"
        )
    for name, verdict, seconds in found:
        table.add_row(
            Text(name, "bold"),
            Text(word_of(verdict), "green" if verdict.accepted else "bold red"),
            "proof" if verdict.proven else "probes",
            str(verdict.evidence.get("entries_compared", "")),
            f"{seconds:.1f}",
        )
    return table
