"""`scratchgrad derive`: the gradients of an equation or a layer, step by step.  Needs no torch."""

from __future__ import annotations

from collections.abc import Sequence
from enum import StrEnum
from typing import Annotated

import typer

from scratchgrad.cli.source import DOMAINS, text_or_layer

__all__ = ["EXAMPLES", "Format", "command"]

EXAMPLES = (
    "scratchgrad derive linear --wrt W",
    "scratchgrad derive 'u[i] = Sum(W[i,j]*x[j], j) + b[i]' --format json",
    "scratchgrad derive layer_norm --format torch",
    "scratchgrad derive 'y[i] = Sum(w[r]*x[i+r], r)' --range r=nK --wrt w",
    "scratchgrad derive 'y[i] = x[i]/sqrt(x[i]**2 + nu)' --domains 'nu>0'",
)


class Format(StrEnum):
    """What a derivation is written as."""

    text = "text"
    latex = "latex"
    json = "json"
    torch = "torch"


def command(
    source: Annotated[
        str,
        typer.Argument(
            metavar="TEXT|LAYER",
            help="An equation (several are separated by ;), a layer's name, or a layer in a file: FILE.py:NAME.",
            show_default=False,
        ),
    ],
    *,
    wrt: Annotated[
        list[str] | None,
        typer.Option(metavar="NAME", help="Only the gradient with respect to this input; may be given several times."),
    ] = None,
    format_: Annotated[
        Format, typer.Option("--format", help="Steps to read, LaTeX, JSON, or the generated torch kernel.")
    ] = Format.text,
    tensors: Annotated[
        str, typer.Option(metavar="TENSORS", help=r"The sizes of axes, such as 'x\[nB,nN] w\[nN]'.", show_default=False)
    ] = "",
    ranges: Annotated[
        list[str] | None,
        typer.Option("--range", metavar="INDEX=SIZE", help="The range of an index that the text leaves open: r=nK."),
    ] = None,
    shared: Annotated[
        str | None,
        typer.Option(
            metavar="NAMES",
            help="The inputs that all samples of a batch share, such as 'W b'. "
            "Without it: scalars, and names that begin with a capital letter or with b.",
        ),
    ] = None,
    outputs: Annotated[
        str | None, typer.Option(metavar="NAMES", help="The outputs, such as 'o L'; without it the last left side.")
    ] = None,
    domains: Annotated[list[str] | None, typer.Option(metavar="DOMAINS", help=DOMAINS, show_default=False)] = None,
) -> None:
    """Derive the gradients of an equation or a layer, step by step; or print the kernel that computes them."""
    from scratchgrad.gradients import derive
    from scratchgrad.notation.limits import task

    gradients = derive(
        text_or_layer(source),
        tensors=tensors,
        ranges=_ranges(ranges or ()),
        shared=shared,
        outputs=outputs,
        domains="; ".join(domains or ()),
    )
    wanted = [gradients[name] for name in wrt or gradients]
    if format_ is Format.torch:
        typer.echo(gradients.kernel_source().rstrip())
    elif format_ is Format.json:
        from scratchgrad.cli.derivation_json import derivation_json

        with task("writing the derivation as JSON"):
            text = derivation_json(wanted)
        typer.echo(text)
    elif format_ is Format.latex:
        typer.echo("\n\n".join(gradient.latex() for gradient in wanted) if wrt else gradients.latex())
    else:
        from scratchgrad.cli.console import stdout
        from scratchgrad.cli.derivation_text import derivation_text

        with task("writing the derivation"):
            written = derivation_text(gradients, wanted)
        stdout().print(written)


def _ranges(given: Sequence[str]) -> dict[str, str]:
    """{"r": "nK"} for ["r=nK"]."""
    pairs = [text.partition("=") for text in given]
    for index, equals, size in pairs:
        if not (index.strip() and equals and size.strip()):
            raise typer.BadParameter(
                f"expected INDEX=SIZE, such as r=nK, got {index + equals + size!r}", param_hint="--range"
            )
    return {index.strip(): size.strip() for index, _, size in pairs}
