"""`scratchgrad bench`: the time of a training step, ours and others'.  Loads torch only in processes of its own."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated

import typer

__all__ = ["EXAMPLES", "command"]

EXAMPLES = (
    "scratchgrad bench a b1",
    "scratchgrad bench 784-256-10x64 --against 'eager;torch.compile'",
)

_DEFAULT = "eager;eager, tuned malloc;numpy by hand"
_OURS = ("tape", "program", "program, J unread", "native", "floor")


def command(
    networks: Annotated[
        list[str] | None,
        typer.Argument(metavar="[NETWORK]...", help="a, b1, b2, d, c, or sizes and batch as in 784-256-10x64."),
    ] = None,
    *,
    against: Annotated[
        str, typer.Option(metavar="NAMES", help="Whom to compare with, separated by semicolons; all for everyone.")
    ] = _DEFAULT,
    rounds: Annotated[int, typer.Option(metavar="N", min=3, help="Short blocks of steps for each contestant.")] = 20,
    jax_python: Annotated[
        Path | None,
        typer.Option(metavar="PATH", help="A Python that has JAX, if this one does not.", show_default=False),
    ] = None,
) -> None:
    """Measure a step of training: program, native, plain tape, others, and the matrix products alone.

    Every contestant is validated, then timed in a process of its own, in shuffled blocks on one thread; the 10th
    percentile of processor time counts.
    """
    from rich.table import Table

    from scratchgrad.bench.harness import measure
    from scratchgrad.bench.peers import PEERS
    from scratchgrad.bench.problem import named
    from scratchgrad.bench.report import table
    from scratchgrad.cli.console import stdout

    wanted = list(PEERS) if against == "all" else [name.strip() for name in against.split(";") if name.strip()]
    unknown = [name for name in wanted if name.removesuffix(", tuned malloc") not in PEERS]
    if unknown:
        raise typer.BadParameter(f"no {unknown[0]!r}; known are {'; '.join(PEERS)}", param_hint="--against")
    python = {name: str(jax_python) for name in PEERS if name.startswith("JAX")} if jax_python else None
    for text in networks or ["a"]:
        try:
            problem = named(text)
        except ValueError:
            raise typer.BadParameter(
                f"expected a, b1, b2, d, c or sizes and batch as in 784-256-10x64, got {text!r}", param_hint="NETWORK"
            ) from None
        results = measure(problem, [*wanted, *_OURS], rounds=rounds, restarts=1, python=python)
        shown = Table(title=str(problem), title_justify="left")
        for head, justify in (("", "left"), ("a step", "right"), ("x eager", "right"), ("/ floor", "right")):
            shown.add_column(head, justify=justify)  # type: ignore[arg-type]  # the words are rich's own
        shown.add_column("to build")
        for row in table(results):
            shown.add_row(*row)
        stdout().print(shown)
