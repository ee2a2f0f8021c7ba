"""The lab's report: the course's network derived, worked through with the course's numbers, and what training gave."""

from __future__ import annotations

from typing import TYPE_CHECKING

from scratchgrad.cli.course import TARGET
from scratchgrad.lab import COURSE_NUMBERS, course_network
from scratchgrad.sheets.blocks import Block, Heading, Meta, Paragraph, Sheet, Table
from scratchgrad.sheets.network_sheet import network_sheet

if TYPE_CHECKING:
    from scratchgrad.train import History
    from scratchgrad.train.data import Dataset

__all__ = ["report", "training_blocks"]

_ROWS = 10


def report(meta: Meta, more: tuple[Block, ...] = ()) -> Sheet:
    """The report, with further blocks at its end."""
    numbers = {"x": COURSE_NUMBERS["x"], "y": list(TARGET)}
    title = "Back-propagation through the lab network"
    sheet = network_sheet(course_network().graph(values=True), title=title, meta=meta, numbers=numbers)
    return Sheet(sheet.title, (*sheet.blocks, *more), sheet.meta)


def training_blocks(dataset: Dataset, hidden: int, history: History) -> tuple[Block, ...]:
    """A section on the training: what was trained on what, epoch by epoch, and how well it classifies."""
    samples, test = len(dataset.train[1]), len(dataset.test[1]) if dataset.test is not None else 0
    last = history.last
    text = (
        f"The same network with ${dataset.features}$ inputs, ${hidden}$ hidden units and ${dataset.classes}$ classes "
        f"was trained on {samples} samples of {dataset.name} for {len(history)} epochs, with the kernels whose "
        f"derivations stand above. It classifies {_percent(last.test_accuracy)} of {test} further samples correctly."
    )
    every = -(-len(history) // _ROWS)
    rows = tuple(
        (str(e.epoch), f"{e.loss:.4f}", _percent(e.accuracy), _percent(e.test_accuracy), f"{e.lr:.4f}")
        for e in history
        if e.epoch % every == 0 or e is last
    )
    head = ("Epoch", "Objective", "Accuracy", "Test accuracy", "Learning rate")
    credit = (Paragraph(f"Data: {dataset.credit}."),) if dataset.credit else ()
    return (Heading("Training"), Paragraph(text), Table(head, rows), *credit)


def _percent(share: float | None) -> str:
    return "" if share is None else f"{100 * share:.2f} %"
