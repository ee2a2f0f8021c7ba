"""`scratchgrad grade`: somebody's forward and backward code, layer by layer, against our definitions."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated

import typer

__all__ = ["EXAMPLES", "command"]

EXAMPLES = ("scratchgrad grade layers.py --html report.html", "scratchgrad grade layers.py --map layers.toml --json -")


def command(
    files: Annotated[list[Path], typer.Argument(metavar="FILE", help="Python files with layers.", show_default=False)],
    *,
    mapping: Annotated[
        Path | None,
        typer.Option("--map", metavar="TOML", help="A file that says which class or function is which layer."),
    ] = None,
    json_path: Annotated[
        Path | None, typer.Option("--json", metavar="PATH", help="Write the grades as JSON; - is stdout.")
    ] = None,
    html_path: Annotated[
        Path | None, typer.Option("--html", metavar="PATH", help="Write the report as one HTML page.")
    ] = None,
    layer_seconds: Annotated[
        float, typer.Option("--timeout", metavar="SECONDS", help="Stop a layer that takes longer.", min=1.0)
    ] = 20.0,
    memory: Annotated[
        float, typer.Option("--memory", metavar="GIB", help="Memory that a file may use; 0 is no limit.", min=0.0)
    ] = 4.0,
) -> None:
    """Say for every layer of a file what is right, and what is wrong with the smallest input that shows it.

    Layers are found by their names and signatures: classes with forward and backward, pairs such as linear_forward and
    linear_backward, functions that return a loss and its gradient, autograd Functions. Samples may be rows or columns.

    A file is executed in a process of its own with limits of time and memory. That keeps mistakes in bounds, not
    attacks: for files of people whom you do not trust, use a container.

    The exit code is 0 where all is right, 1 where something is wrong, 2 where the command cannot do its work.
    """
    import json

    from scratchgrad.cli.console import stderr, stdout
    from scratchgrad.cli.grade_text import grade_text
    from scratchgrad.grading.mapping import read_mapping
    from scratchgrad.grading.running import Limits, grade_file

    for file in files:
        if not file.is_file():
            raise typer.BadParameter(f"{file}: no such file", param_hint="FILE")
    entries = read_mapping(mapping) if mapping is not None else {}
    limits = Limits(layer=layer_seconds, memory=memory)
    progress, grades = stderr(), []
    for file in files:
        with progress.status(f"Grading {file.name}") as status:
            grades.append(
                grade_file(file, entries, limits, lambda at, name=file.name: status.update(f"Grading {name}: {at}"))  # type: ignore[misc]
            )
    if html_path is not None:
        from scratchgrad.grading.page import to_html

        html_path.parent.mkdir(parents=True, exist_ok=True)
        html_path.write_text(to_html(grades), encoding="utf-8")
    text = json.dumps({"right": all(g.right for g in grades), "files": [g.data() for g in grades]}, indent=2)
    if json_path is not None and str(json_path) == "-":
        typer.echo(text)
    else:
        if json_path is not None:
            json_path.parent.mkdir(parents=True, exist_ok=True)
            json_path.write_text(text + "\n", encoding="utf-8")
        stdout().print(grade_text(grades))
    if not all(grade.right for grade in grades):
        raise typer.Exit(1)
