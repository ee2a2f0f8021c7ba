"""What a person sees while a network trains: a bar with the time that is left, and one line an epoch."""

from __future__ import annotations

import sys
import time
from types import TracebackType

from scratchgrad.train.history import Epoch

__all__ = ["Bar", "epoch_line"]

_INTERVAL = 0.1


class Bar:
    """A progress bar over all batches of a run on the standard error stream; where that is no terminal, lines alone.

    It is redrawn at most ten times a second, so that the smallest network does not wait for it.
    """

    def __init__(self, epochs: int, batches: int | None, done: int, *, shown: bool) -> None:
        """`batches` in an epoch, None where nobody knows; `done` of them are behind a resumed run."""
        self._total = None if batches is None else epochs * batches
        self._done, self._shown, self._next = done, shown, 0.0

    def __enter__(self) -> Bar:
        """Start the bar."""
        if self._shown:
            from rich.console import Console
            from rich.progress import BarColumn, MofNCompleteColumn, Progress, TextColumn, TimeRemainingColumn

            self._progress = Progress(
                TextColumn("{task.description}"),
                BarColumn(),
                MofNCompleteColumn(),
                TimeRemainingColumn(),
                console=Console(stderr=True),
                transient=True,
                disable=not sys.stderr.isatty(),  # a file gets the epochs' lines alone
            )
            self._progress.start()
            self._task = self._progress.add_task("training", total=self._total, completed=self._done)
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, traceback: TracebackType | None
    ) -> None:
        """Take the bar away; the epochs' lines stay."""
        if self._shown:
            self._progress.stop()

    def advance(self, epoch: int, loss: float) -> None:
        """One batch more."""
        self._done += 1
        if self._shown and time.perf_counter() >= self._next:
            self._next = time.perf_counter() + _INTERVAL
            self._progress.update(self._task, completed=self._done, description=f"epoch {epoch}  loss {loss:.4f}")

    def finish(self, epoch: Epoch) -> None:
        """One epoch more, which gets its line."""
        if self._shown:
            self._progress.update(self._task, completed=self._done)
            self._progress.console.print(epoch_line(epoch), highlight=False, soft_wrap=True)


def epoch_line(epoch: Epoch) -> str:
    """An epoch in one line."""
    parts = [f"epoch {epoch.epoch:3d}", f"loss {epoch.loss:.4f}"]
    if epoch.accuracy is not None:
        parts.append(f"accuracy {100 * epoch.accuracy:.2f} %")
    if epoch.test_accuracy is not None:
        parts.append(f"test {100 * epoch.test_accuracy:.2f} %")
    elif epoch.test_loss is not None:
        parts.append(f"test loss {epoch.test_loss:.4f}")
    return "  ".join([*parts, f"{epoch.seconds:.2f} s"])
