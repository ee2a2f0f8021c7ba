"""The commands, put together, and what happens when one of them fails.

An exception of ours is a message to the person: it goes to stderr without a traceback, and the exit code is 2.  Ctrl-C
ends a command with one line and exit code 130.  Any other exception is a mistake of ours and keeps its traceback.
"""

from __future__ import annotations

import contextlib
import sys
from typing import Annotated, Any, cast

import typer
import typer.core

import scratchgrad
from scratchgrad.cli import bench, certify, derive, grade, lab, layers, sheet, train
from scratchgrad.cli.examples import epilog
from scratchgrad.cli.output import OutputLost, Watched

__all__ = ["COMMANDS", "EXAMPLES", "app", "main"]

EXAMPLES = ("scratchgrad lab", "scratchgrad derive linear --wrt W")

COMMANDS = (derive, sheet, certify, grade, layers, train, bench, lab)
"""One module for each command, in the order of the help page: its function `command`, its `EXAMPLES`."""


_INTERRUPTED = 130  # what a shell reports after Ctrl-C: 128 and the signal's number


class Commands(typer.core.TyperGroup):
    """The group of commands; it turns our exceptions into messages."""

    def list_commands(self, ctx: Any) -> list[str]:
        """The names of the commands in the order of COMMANDS."""
        return list(self.commands)

    def invoke(self, ctx: Any) -> Any:
        """What the command returns; after an exception of ours its message stands on stderr, and the exit code is 2."""
        try:
            return super().invoke(ctx)
        except KeyboardInterrupt:
            with contextlib.suppress(OSError):
                typer.echo("interrupted", err=True)
            raise typer.Exit(_INTERRUPTED) from None
        except ModuleNotFoundError as error:
            if error.name is None or error.name.partition(".")[0] == scratchgrad.__name__:
                raise
            message = f"this command needs {error.name}, which is not installed: pip install {error.name}"
            typer.echo(message, err=True)
            raise typer.Exit(2) from error
        except Exception as error:
            if not _is_ours(error):
                raise
            _tell(error)
            raise typer.Exit(2) from error


def _tell(error: Exception) -> None:
    with contextlib.suppress(OSError):  # stderr may be full as well
        typer.echo(f"{type(error).__name__}: {error}", err=True)


def _is_ours(error: BaseException) -> bool:
    return type(error).__module__.partition(".")[0] == scratchgrad.__name__


app = typer.Typer(
    name="scratchgrad",
    cls=Commands,
    add_completion=False,
    no_args_is_help=True,
    rich_markup_mode="rich",
    pretty_exceptions_enable=False,
    context_settings={"help_option_names": ["-h", "--help"]},
)


def _version(wanted: bool) -> None:
    if wanted:
        typer.echo(f"scratchgrad {scratchgrad.__version__}")
        raise typer.Exit


@app.callback(epilog=epilog(EXAMPLES))
def _options(
    version: Annotated[
        bool, typer.Option("--version", callback=_version, is_eager=True, help="Print the version and exit.")
    ] = False,
) -> None:
    """Write a layer's forward equation once; get its derivation, a checked torch kernel, and a network that trains."""


for _module in COMMANDS:
    app.command(_module.__name__.rpartition(".")[2], epilog=epilog(_module.EXAMPLES))(_module.command)


def main() -> None:
    """Run the command that the arguments name."""
    if sys.stdout is not None:  # it is where the person has closed it
        sys.stdout = cast("Any", Watched(sys.stdout))
    try:
        app(prog_name="scratchgrad")
    except OutputLost as error:  # of --help and --version, which are no commands
        _tell(error)
        raise SystemExit(2) from error
