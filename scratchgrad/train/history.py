"""What a training run measured, epoch by epoch: as a table, a plot, JSON.

In   one record an epoch
Out  text for people, a picture for reports, a file that is read back
"""

from __future__ import annotations

import io
import json
import os
from collections.abc import Iterator
from dataclasses import asdict, dataclass, field, fields
from pathlib import Path
from typing import TYPE_CHECKING, Any

from scratchgrad import atomic

if TYPE_CHECKING:
    from rich.table import Table

__all__ = ["Epoch", "History", "HistoryUnreadable"]


class HistoryUnreadable(ValueError):
    """A file that holds no history."""


@dataclass(frozen=True)
class Epoch:
    """One epoch, counted from 1.

    `loss` (the objective) and `accuracy` are means over the epoch's batches, each taken before its step; `test_loss`
    and `test_accuracy` are measured after the epoch.  `lr` is the last step's, `seconds` the training's, without the
    test.
    """

    epoch: int
    loss: float
    accuracy: float | None
    test_loss: float | None
    test_accuracy: float | None
    lr: float
    seconds: float


@dataclass
class History:
    """The records of a run; `history["loss"]` is one column, `history.last` the last record."""

    epochs: list[Epoch] = field(default_factory=list)

    @property
    def last(self) -> Epoch:
        """The last epoch; IndexError before the first is over."""
        return self.epochs[-1]

    def __getitem__(self, column: str) -> list[Any]:
        """One value an epoch: epoch, loss, accuracy, test_loss, test_accuracy, lr or seconds."""
        names = [f.name for f in fields(Epoch)]
        if column not in names:
            raise LookupError(f"history: no column {column!r}; there are {', '.join(names)}")
        return [getattr(epoch, column) for epoch in self.epochs]

    def __len__(self) -> int:
        """The number of epochs."""
        return len(self.epochs)

    def __iter__(self) -> Iterator[Epoch]:
        """The records in order."""
        return iter(self.epochs)

    def save(self, path: str | os.PathLike[str]) -> Path:
        """The history as JSON, in a file that appears whole or not at all."""
        return atomic.write_text(path, json.dumps([asdict(epoch) for epoch in self.epochs], indent=1) + "\n")

    @classmethod
    def load(cls, path: str | os.PathLike[str]) -> History:
        """The history that `save` wrote; HistoryUnreadable where the file holds something else."""
        try:
            return cls.of(json.loads(Path(path).read_text(encoding="utf-8")))
        except (ValueError, TypeError) as error:
            raise HistoryUnreadable(f"{path}: expected the JSON of a history ({error})") from error

    @classmethod
    def of(cls, records: list[dict[str, Any]]) -> History:
        """The history of these plain records."""
        return cls([Epoch(**record) for record in records])

    def plot(self, path: str | os.PathLike[str]) -> Path:
        """Loss and accuracy over the epochs, as a picture in the format of the path's suffix (png, svg, pdf)."""
        from matplotlib.backends.backend_agg import FigureCanvasAgg  # pyplot would choose a window
        from matplotlib.figure import Figure
        from matplotlib.ticker import MaxNLocator, PercentFormatter

        has_accuracy = any(a is not None for a in self["accuracy"] + self["test_accuracy"])
        figure = Figure(figsize=(9 if has_accuracy else 5, 3.6), dpi=150, layout="constrained")
        FigureCanvasAgg(figure)
        axes = figure.subplots(1, 2 if has_accuracy else 1, squeeze=False)[0]
        for axis, column, label in zip(axes, ("loss", "accuracy"), ("objective J", "accuracy"), strict=False):
            for prefix, name, style in (("", "training", "o-"), ("test_", "test", "s--")):
                points = [(e.epoch, y) for e in self.epochs if (y := getattr(e, prefix + column)) is not None]
                if points:
                    axis.plot(*zip(*points, strict=True), style, label=name, markersize=3, linewidth=1.4)
            axis.set_xlabel("epoch")
            axis.set_ylabel(label)
            axis.xaxis.set_major_locator(MaxNLocator(integer=True))
            axis.grid(visible=True, alpha=0.3)
            axis.spines[["top", "right"]].set_visible(False)
            if axis.lines:
                axis.legend(frameon=False)
        if has_accuracy:
            axes[1].yaxis.set_major_formatter(PercentFormatter(1.0))
        picture = io.BytesIO()
        figure.savefig(picture, format=Path(path).suffix.removeprefix(".") or "png")
        return atomic.write_bytes(path, picture.getvalue())

    def __rich__(self) -> Table:
        """The table that rich prints."""
        from rich.table import Table

        table = Table(box=None, pad_edge=False, header_style="bold")
        for heading in ("epoch", "loss", "accuracy", "test loss", "test accuracy", "lr", "seconds"):
            table.add_column(heading, justify="right")
        for e in self.epochs:
            table.add_row(
                str(e.epoch),
                f"{e.loss:.4f}",
                _percent(e.accuracy),
                "" if e.test_loss is None else f"{e.test_loss:.4f}",
                _percent(e.test_accuracy),
                f"{e.lr:.4g}",
                f"{e.seconds:.2f}",
            )
        return table

    def __repr__(self) -> str:
        """The table as plain text."""
        from rich.console import Console

        console = Console(file=io.StringIO(), width=100, color_system=None)
        with console.capture() as capture:
            console.print(self)
        return capture.get().rstrip()


def _percent(share: float | None) -> str:
    return "" if share is None else f"{100 * share:.2f} %"
