"""Mini-batches: the samples of one epoch, a few at a time.

In   samples, a batch size, a seed
Out  epoch(e) yields (x, y), the last batch with what is left over

The order of epoch e follows from (seed, e) alone.  So a checkpoint needs to keep two numbers, the epoch and the batch,
and resumes with exactly the batches that an unbroken run would have seen.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from typing import Any, Protocol

import numpy as np
import torch

from scratchgrad.train.data.dataset import DataMismatch, Dataset, Samples, samples
from scratchgrad.train.settings import whole

__all__ = ["Batches", "BatchesExhausted", "Epochs", "GivenBatches", "batches"]


class BatchesExhausted(RuntimeError):
    """An iterator that was already used up; an epoch needs an iterable that starts afresh."""


class Epochs(Protocol):
    """What the training loop asks of data: the batches of an epoch, from a certain batch on."""

    def epoch(self, epoch: int, start: int = 0) -> Iterator[Samples]:
        """Batch `start` of epoch number `epoch`, and those after it."""


class Batches:
    """The mini-batches of (X, y), shuffled anew in every epoch by (seed, epoch), or in order with shuffle=False."""

    def __init__(
        self, X: torch.Tensor, y: torch.Tensor, batch_size: int = 32, seed: int = 0, *, shuffle: bool = True
    ) -> None:
        """Raises DataMismatch where X and y differ in length, InvalidSetting for a batch size or seed out of range."""
        if len(X) != len(y):
            raise DataMismatch(f"batches: {len(X)} inputs but {len(y)} labels")
        whole("batches", "a batch size", batch_size, 1)
        whole("batches", "a seed", seed, 0)
        self.X, self.y = X, y
        self.batch_size, self.seed, self.shuffle = batch_size, seed, shuffle

    def __len__(self) -> int:
        """The number of batches in an epoch."""
        return (len(self.X) + self.batch_size - 1) // self.batch_size

    def order(self, epoch: int) -> torch.Tensor:
        """The permutation of the samples in this epoch: a function of (seed, epoch)."""
        if not self.shuffle:
            return torch.arange(len(self.X))
        return torch.from_numpy(np.random.default_rng((self.seed, epoch)).permutation(len(self.X)))

    def epoch(self, epoch: int, start: int = 0) -> Iterator[Samples]:
        """(x, y) for batch `start` of this epoch and those after it; new tensors, never views of X or y."""
        order = self.order(epoch)
        for first in range(start * self.batch_size, len(order), self.batch_size):
            rows = order[first : first + self.batch_size]
            yield self.X.index_select(0, rows), self.y.index_select(0, rows)

    def pieces(self, epoch: int, start: int = 0, *, many: int) -> Iterator[Samples]:
        """The samples of `epoch`, those of `many` batches together: gathering is a few calls for all of them."""
        order = self.order(epoch)
        for first in range(start * self.batch_size, len(order), many * self.batch_size):
            rows = order[first : first + many * self.batch_size]
            yield self.X.index_select(0, rows), self.y.index_select(0, rows)


class GivenBatches:
    """Batches that someone else makes: a torch DataLoader, a list, any iterable of (X, y).

    Each batch is brought into the form of `Dataset`.  Order and shuffling are the iterable's own: a run that is resumed
    repeats an unbroken one where these follow from torch's random numbers, as a DataLoader's do, or from nothing.
    """

    def __init__(self, iterable: Iterable[tuple[Any, Any]], *, dtype: torch.dtype = torch.float32) -> None:
        """Takes the iterable as it is; nothing is read yet."""
        self.iterable, self.dtype = iterable, dtype
        self._one_shot = isinstance(iterable, Iterator)
        self._used = False

    def __len__(self) -> int:
        """The number of batches in an epoch; TypeError where the iterable does not know it."""
        return len(self.iterable)  # type: ignore[arg-type]  # the TypeError of an iterable without length is the answer

    def epoch(self, epoch: int, start: int = 0) -> Iterator[Samples]:
        """The iterable's batches from `start` on; BatchesExhausted where a generator would run a second time."""
        if self._used and self._one_shot:
            raise BatchesExhausted(
                f"epoch {epoch}: the {type(self.iterable).__name__} of batches was used up in an earlier epoch; "
                "give an iterable that starts afresh each time (a list, a DataLoader), or train for one epoch"
            )
        self._used = True
        for number, batch in enumerate(self.iterable):
            if not isinstance(batch, (tuple, list)) or len(batch) != 2:
                raise DataMismatch(f"batch {number}: expected a pair (X, y), got {type(batch).__name__}")
            if number >= start:
                yield samples(*batch, dtype=self.dtype, name=f"batch {number}")


def batches(
    data: Any, batch_size: int = 32, seed: int = 0, *, shuffle: bool = True, dtype: torch.dtype = torch.float32
) -> Batches | GivenBatches:
    """The batches of a Dataset's training part, of a tuple (X, y), or of an iterable that already yields batches."""
    if isinstance(data, (Batches, GivenBatches)):
        return data
    if isinstance(data, Dataset):
        return Batches(*data.train, batch_size, seed, shuffle=shuffle)
    if isinstance(data, tuple) and len(data) == 2:
        return Batches(*samples(*data, dtype=dtype), batch_size, seed, shuffle=shuffle)
    if not isinstance(data, Iterable):
        raise TypeError(f"batches: expected a Dataset, (X, y) or an iterable of batches, got {type(data).__name__}")
    return GivenBatches(data, dtype=dtype)
