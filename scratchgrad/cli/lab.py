"""`scratchgrad lab`: the course's lab from end to end.  Derive, certify, reproduce the numbers, train, report."""

from __future__ import annotations

import time
from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

if TYPE_CHECKING:
    from scratchgrad.cli.line import Line
    from scratchgrad.train import History
    from scratchgrad.train.data import Dataset

__all__ = ["EXAMPLES", "LabFailed", "command"]

EXAMPLES = ("scratchgrad lab", "scratchgrad lab --author 'A. Student' --date 2026-01-31 --out out/mine")

_HIDDEN, _EPOCHS, _RATE, _MOMENTUM = 48, 20, 0.2, 0.9
_LEAST_ACCURACY = 0.96


class LabFailed(RuntimeError):
    """A part of the lab that did not come out as it must."""


def command(
    *,
    out: Annotated[Path, typer.Option(metavar="FOLDER", help="Where the report is written.")] = Path("out/lab"),
    author: Annotated[str, typer.Option(metavar="NAME", help="For the header at the top right.")] = "",
    date: Annotated[str, typer.Option(metavar="DATE", help="For the header.")] = "",
    assignment: Annotated[str, typer.Option(metavar="TITLE", help="Number and name of the lab, for the header.")] = "",
) -> None:
    """Run the course's lab: derive, certify, reproduce the numbers, train, report."""
    began = time.perf_counter()

    from scratchgrad.cli.console import stderr, stdout
    from scratchgrad.cli.course import EXPECTED, compare
    from scratchgrad.cli.folder import prepared
    from scratchgrad.cli.report import report, training_blocks
    from scratchgrad.sheets.blocks import Meta
    from scratchgrad.sheets.writing import save_sheets

    folder = prepared(out)
    progress = stderr()
    with progress.status("Checking the certificates against the definitions"):
        layers = _checked()
    with progress.status("Working through the course's numbers"):
        agreement = compare()
    with progress.status("Training"):
        dataset, history = _trained(folder)
    with progress.status("Writing the report"):
        blocks = training_blocks(dataset, _HIDDEN, history)
        sheet = report(Meta(author=author, date=date, assignment=assignment), blocks)
        files, pdf = save_sheets(sheet, folder / "report")

    facts = [
        ("certified", f"{len(layers)} kernels, checked against their definitions: {', '.join(layers)}"),
        ("reproduced", ", ".join(f"{name} = {numbers}" for name, numbers in EXPECTED.items())),
        (
            "verified",
            f"{agreement.values} values and {agreement.gradients} gradients of the course's network are those of the "
            f"derivation in exact arithmetic (largest difference {agreement.difference:.0e})",
        ),
        (
            "trained",
            f"{dataset.features}-{_HIDDEN}-{dataset.classes} on {dataset.name}: test accuracy "
            f"{history.last.test_accuracy:.2%} after {len(history)} epochs, {sum(history['seconds']):.1f} s",
        ),
        ("written", f"in {folder}"),
    ]
    console = stdout()
    for word, fact in facts:
        console.print(_line(word, fact))
    for file in (*files, folder / "curves.png", folder / "checkpoint.safetensors"):
        console.print(_line("", f"{file.name:<24}{file.stat().st_size / 1000:8.1f} kB"))
    if isinstance(pdf, str):
        console.print(_line("no PDF", pdf))
    console.print(_line("done", f"in {time.perf_counter() - began:.1f} s"))


def _line(word: str, fact: str) -> Line:
    from rich.text import Text

    from scratchgrad.cli.line import Line

    return Line(Text.assemble((f"{word:<12}", "bold green"), fact), hang=12)


def _checked() -> tuple[str, ...]:
    """The layers of the lab, whose certificates were just recomputed; LabFailed where one does not hold."""
    from scratchgrad.certification import check
    from scratchgrad.lab import course_network

    names = tuple(dict.fromkeys(operation.layer.name for operation in course_network().operations))
    complaints = check(names)
    if complaints:
        raise LabFailed("\n".join(["the certificates do not hold:", *complaints]))
    return names


def _trained(folder: Path) -> tuple[Dataset, History]:
    """The digits and the history of training on them; curves and checkpoint lie in the folder."""
    import torch

    from scratchgrad.lab import lab_network
    from scratchgrad.train import SGD, Cosine, fit
    from scratchgrad.train.data import load_data

    torch.set_num_threads(1)  # its products are small: threads would wait for each other
    dataset = load_data("digits")
    history = fit(
        lab_network(dataset.features, _HIDDEN, dataset.classes),
        dataset,
        epochs=_EPOCHS,
        optimizer=SGD(_RATE, _MOMENTUM, Cosine(_EPOCHS)),
        progress=False,
        checkpoint=folder / "checkpoint.safetensors",
    )
    history.plot(folder / "curves.png")
    accuracy = history.last.test_accuracy or 0.0
    if accuracy < _LEAST_ACCURACY:
        raise LabFailed(f"test accuracy: expected at least {_LEAST_ACCURACY:.0%}, got {accuracy:.2%}")
    return dataset, history
