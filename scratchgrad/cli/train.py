"""`scratchgrad train`: the lab network, trained on a data set.  Needs certificates, not SymPy."""

from __future__ import annotations

import math
import sys
from enum import StrEnum
from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

if TYPE_CHECKING:
    from scratchgrad.train import Schedule

__all__ = ["EXAMPLES", "Precision", "command"]

EXAMPLES = (
    "scratchgrad train --epochs 20 --schedule cosine",
    "scratchgrad train --data digits --hidden 64 --out out/wide --seed 1",
)

_SCHEDULES = "constant, cosine, or step:EVERY[:FACTOR]"


class Precision(StrEnum):
    """The type of all real values."""

    float32 = "float32"
    float64 = "float64"


def command(
    *,
    data: Annotated[
        str,
        typer.Option(metavar="NAME|PATH", help="digits, fashion-mnist, mnist, a .npz file, or a folder of IDX files."),
    ] = "digits",
    data_dir: Annotated[
        Path | None,
        typer.Option(metavar="FOLDER", help="Where the IDX files of mnist and fashion-mnist lie.", show_default=False),
    ] = None,
    hidden: Annotated[int, typer.Option(metavar="N", min=1, help="The width of the hidden layer.")] = 32,
    epochs: Annotated[int, typer.Option(metavar="N", min=1, help="How often every sample is seen.")] = 10,
    batch_size: Annotated[int, typer.Option(metavar="N", min=1, help="Samples in one step.")] = 32,
    lr: Annotated[float, typer.Option(metavar="RATE", min=0, help="The learning rate.")] = 0.05,
    momentum: Annotated[float, typer.Option(metavar="SHARE", help="Of the velocity, per step: 0 to below 1.")] = 0.9,
    schedule: Annotated[
        str, typer.Option(metavar="SCHEDULE", help=f"How the learning rate changes: {_SCHEDULES}.".replace("[", r"\["))
    ] = "step:1:0.75",
    weight_decay: Annotated[
        float, typer.Option(metavar="LAMBDA", min=0, help="Times the squared norm of each weight matrix, added to J.")
    ] = 1e-4,
    seed: Annotated[
        int, typer.Option(metavar="N", min=0, help="Decides the first weights and the order of samples.")
    ] = 0,
    dtype: Annotated[Precision, typer.Option(help="The type of all real values.")] = Precision.float32,
    out: Annotated[
        Path, typer.Option(metavar="FOLDER", help="Where checkpoint, history and curves are written.")
    ] = Path("out/train"),
    resume: Annotated[
        bool, typer.Option("--resume", help="Go on from the checkpoint in the folder, bit for bit.")
    ] = False,
) -> None:
    """Train the lab network (linear, ReLU, linear, softmax) on a data set.

    Ctrl-C stops after the batch and keeps a checkpoint; the same command with --resume goes on.
    """
    if not 0 <= momentum < 1:
        raise typer.BadParameter(f"expected a number from 0 to below 1, got {momentum:g}", param_hint="--momentum")
    rates = _schedule(schedule, epochs)

    import torch

    from scratchgrad.cli.console import stderr, stdout
    from scratchgrad.cli.folder import prepared
    from scratchgrad.lab import lab_network
    from scratchgrad.train import SGD, fit
    from scratchgrad.train.data import load_data

    folder = prepared(out)
    checkpoint = folder / "checkpoint.safetensors"
    precision = getattr(torch, dtype.value)
    dataset = load_data(data, data_dir, dtype=precision)
    net = lab_network(
        dataset.features,
        hidden,
        dataset.classes or math.prod(dataset.train[1].shape[1:]),
        weight_decay=weight_decay,
        loss="softmax_cross_entropy" if dataset.classes else "l2_loss",
        seed=seed,
        dtype=precision,
    )
    if resume and not checkpoint.exists():
        stderr().print(f"{checkpoint}: not there yet, so this run starts at the beginning")
    try:
        history = fit(
            net,
            dataset,
            epochs=epochs,
            batch_size=batch_size,
            optimizer=SGD(lr, momentum, rates),
            seed=seed,
            progress=True,
            checkpoint=checkpoint,
            resume=resume,
        )
    except KeyboardInterrupt:
        stderr().print(
            f"stopped; {checkpoint} holds the run so far. The same command with --resume goes on from there."
        )
        raise typer.Exit(130) from None
    history.save(folder / "history.json")
    history.plot(folder / "curves.png")

    console = stdout()
    if not (sys.stdout.isatty() and sys.stderr.isatty()):  # else the epochs stand above already
        console.print(history)
    last = history.last
    measured = f"accuracy {last.accuracy:.2%}" if last.accuracy is not None else f"objective {last.loss:.4f}"
    if last.test_accuracy is not None:
        measured = f"test accuracy {last.test_accuracy:.2%}"
    elif last.test_loss is not None:
        measured = f"test objective {last.test_loss:.4f}"
    console.print(f"{dataset.name}: {measured} after {last.epoch} epochs, {sum(history['seconds']):.1f} s of training")
    for path, what in (("checkpoint.safetensors", "resumes bit for bit"), ("history.json", ""), ("curves.png", "")):
        console.print(f"  {folder / path}" + (f"  ({what})" if what else ""))
    if dataset.credit:
        console.print(f"Data: {dataset.credit}")


def _schedule(text: str, epochs: int) -> Schedule:
    """The schedule that the text names; BadParameter where it names none."""
    from scratchgrad.train.schedule import Constant, Cosine, Step

    kind, *numbers = text.split(":")
    try:
        values = [float(number) for number in numbers]
        if kind == "constant" and not values:
            return Constant()
        if kind == "cosine" and not values:
            return Cosine(epochs)
        if kind == "step" and 1 <= len(values) <= 2:
            return Step(*values)
    except ValueError:
        pass  # no number, or one out of range: the message below says what is expected
    raise typer.BadParameter(f"expected {_SCHEDULES}, such as step:10:0.5, got {text!r}", param_hint="--schedule")
