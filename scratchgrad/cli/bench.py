"""`scratchgrad bench`: the time of a training step, ours and others'.  Loads torch only in processes of its own."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated

import typer

__all__ = ["EXAMPLES", "command"]

EXAMPLES = (
    "scratchgrad bench a b1",
    "scratchgrad bench cnn transformerx8",
    "scratchgrad bench 784-256-10x64 --against 'eager;torch.compile'",
)

_DEFAULT = "eager;eager, tuned malloc;numpy by hand"
_OURS = ("tape", "program", "program, J unread", "native", "floor", "floor, from C")
_NETWORKS = "a, b1, b2, d, c, cnn, transformer, or sizes; batch behind an x, as in 784-256-10x64 or cnnx8."


def command(
    networks: Annotated[list[str] | None, typer.Argument(metavar="[NETWORK]...", help=_NETWORKS)] = None,
    *,
    against: Annotated[
        str,
        typer.Option(
            metavar="NAMES",
            help="Whom to compare with, separated by semicolons; all: also torch.compile, JAX, foreach, fused.",
        ),
    ] = _DEFAULT,
    rounds: Annotated[int, typer.Option(metavar="N", min=3, help="Short blocks of steps for each contestant.")] = 20,
    jax_python: Annotated[
        Path | None,
        typer.Option(metavar="PATH", help="A Python that has JAX, if this one does not.", show_default=False),
    ] = None,
) -> None:
    """Measure a step of training: program, native, plain tape, others, and the matrix products alone.

    Networks, with their batches:

    a 64-32-10, 32; b1 784-256-10, 64; b2 784-512-256-10, 128;
    d 32 layers of 64, 32; c 4096-4096-4096-10, 256;
    cnn and transformer as in README, 32.

    Every contestant is validated against one that is not ours, then timed
    in a process of its own, in shuffled blocks on one thread; the 10th
    percentile of processor time counts. Who is not installed, falls back or
    does not compile says so.
    """
    from rich.table import Table

    from scratchgrad.bench.harness import measure
    from scratchgrad.bench.kinds import named
    from scratchgrad.bench.peers import PEERS
    from scratchgrad.bench.report import table
    from scratchgrad.cli.console import stdout

    wanted = list(PEERS) if against == "all" else [name.strip() for name in against.split(";") if name.strip()]
    unknown = [name for name in wanted if name.removesuffix(", tuned malloc") not in PEERS]
    if unknown:
        raise typer.BadParameter(f"no {unknown[0]!r}; known are {'; '.join(PEERS)}", param_hint="--against")
    python = {name: str(jax_python) for name in PEERS if name.startswith("JAX")} if jax_python else None
    problems = []
    for text in networks or ["a"]:
        try:
            problems.append(named(text))
        except ValueError:
            raise typer.BadParameter(f"expected {_NETWORKS[:-1]}, got {text!r}", param_hint="NETWORK") from None
    for problem in problems:
        results = measure(problem, [*wanted, *_OURS], rounds=rounds, restarts=1, python=python)
        heads, rows = table(results)
        shown = Table(title=str(problem), title_justify="left")
        for k, head in enumerate(heads):
            shown.add_column(head, justify="left" if k in (0, len(heads) - 1) else "right")
        for row in rows:
            shown.add_row(*row)
        stdout().print(shown)
