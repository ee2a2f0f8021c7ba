"""The batches of an epoch as a step takes them: prepared many at a time, handed out one at a time.

In   the data's batches, the feed
Out  for every batch the tensors by signal, and the class of each sample

Samples of `Batches` are gathered, converted and checked for many batches together, as many as fit into PIECE bytes, so
that neither a small network waits for its data nor a big data set is there twice; a batch is a view.  What is done for
one batch after the other, between two steps, finds the processor's caches full of the step, and takes several times as
long.  Each view begins where memory is aligned, as a tensor of its own does: the last bit of a product may depend on
it, and a run that is resumed cuts its pieces elsewhere.
"""

from __future__ import annotations

import math
from collections.abc import Iterator, Sequence
from typing import Any, NamedTuple

import torch
from numpy.typing import NDArray
from torch import Tensor

from scratchgrad.train.data.batches import Batches, Epochs
from scratchgrad.train.feed import Feed

__all__ = ["Batch", "Prepared"]

PIECE, MANY = 1 << 21, 256
_ALIGNED = 64


class Batch(NamedTuple):
    """One batch: how many samples, the tensors by signal, each sample's class, whether these became one-hot rows."""

    rows: int
    given: dict[str, Tensor]
    classes: NDArray[Any] | None
    one_hot: bool


class Prepared:
    """The batches of every epoch of some data, for one network."""

    def __init__(self, source: Epochs, feed: Feed, *, counted: bool) -> None:
        """`counted` says that targets which are no class numbers have a class, too: that of their largest entry."""
        self._source, self._feed, self._counted = source, feed, counted

    def epoch(self, epoch: int, start: int = 0) -> Iterator[Batch]:
        """Batch `start` of the epoch and those after it; DataMismatch or LabelMismatch where they do not fit."""
        source = self._source
        if not isinstance(source, Batches) or type(source).epoch is not Batches.epoch:  # someone else's batches
            for X, y in source.epoch(epoch, start):
                yield from self._cut(X, y, max(1, len(X)))
            return
        many = min(MANY, max(1, PIECE // max(1, self._feed.bytes * source.batch_size)))
        for X, y in source.pieces(epoch, start, many=many):
            yield from self._cut(X, y, source.batch_size)

    def _cut(self, X: Tensor, y: Tensor, size: int) -> list[Batch]:
        """The batches of `size` samples; one of none where there are no samples."""
        feed, rows = self._feed, len(X)
        given, one_hot = feed(X, y), feed.classifies(y)
        classes = None
        if one_hot or self._counted:
            classes = (y if one_hot else feed.classes(given[feed.target.name])).numpy()
        if rows <= size:
            return [Batch(rows, given, classes, one_hot)]
        (x, X), (t, T) = given.items()
        return [
            Batch(
                min(size, rows - first),
                {x: X, t: T},
                None if classes is None else classes[first : first + size],
                one_hot,
            )
            for first, X, T in zip(range(0, rows, size), _views(X, size), _views(T, size), strict=True)
        ]


def _views(tensor: Tensor, size: int) -> Sequence[Tensor]:
    """The tensor in parts of `size` rows, each of which begins at an aligned address."""
    stride = math.prod(tensor.shape[1:]) * size
    unit = _ALIGNED // tensor.element_size()
    if stride % unit == 0 and tensor.is_contiguous() and tensor.data_ptr() % _ALIGNED == 0:
        return torch.split(tensor, size)
    apart = -(-stride // unit) * unit
    memory = tensor.new_empty(-(-len(tensor) // size) * apart)
    parts = []
    for number, part in enumerate(torch.split(tensor, size)):
        held = memory[number * apart : number * apart + part.numel()].view(part.shape)
        parts.append(held.copy_(part))
    return parts
