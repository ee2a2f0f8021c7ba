"""What all legal gradients at a tie have in common: the affine hull of the gradients around it.

In   gradients at points a hair's breadth away, in random directions
Out  Legal: which combinations of gradients are impossible

At a tie of a maximum every legal gradient hands the whole of the upstream gradient on, to one of the tied values or in
parts: the sum is the same for all of them, though each entry may be anything between 0 and the whole.
"""

from __future__ import annotations

import math
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

import numpy as np

__all__ = ["Legal", "legal"]

_RANK = 1e-9
_SHOWN = 9
"""So many digits, beside the largest gradient, are said of a legal number: the hull's basis has rounding errors."""

_SPARE = 3
_INFINITE = 1e10
"""Gradients on two sides that differ by such a factor: one of them grows as its point comes nearer."""

Array = Any


@dataclass(frozen=True)
class Legal:
    """A point of the affine hull, and an orthonormal basis of its directions; over all gradients, in their order."""

    names: tuple[str, ...]
    origin: Array
    basis: Array

    def distance(self, gradients: Mapping[str, Array]) -> Array | None:
        """How far every entry is from the nearest legal combination; None where a gradient is missing."""
        if any(name not in gradients for name in self.names):
            return None
        return np.abs(self._flat(gradients) - self._nearest(gradients))

    def nearest(self, gradients: Mapping[str, Array], name: str, entry: tuple[int, ...]) -> float:
        """An entry of the nearest legal combination, as it is shown."""
        start = sum(gradients[before].size for before in self.names[: self.names.index(name)])
        place = np.ravel_multi_index(entry, gradients[name].shape) if entry else 0
        found = self._nearest(gradients)
        largest = float(np.abs(found).max(initial=0.0))
        return round(float(found[start + int(place)]), _SHOWN - math.ceil(math.log10(largest))) if largest else 0.0

    def _flat(self, gradients: Mapping[str, Array]) -> Array:
        return np.concatenate([gradients[name].ravel() for name in self.names])

    def _nearest(self, gradients: Mapping[str, Array]) -> Array:
        difference = self._flat(gradients) - self.origin
        return self.origin + self.basis.T @ (self.basis @ difference)

    def first(self, place: int, gradients: Mapping[str, Array]) -> tuple[str, tuple[int, ...]]:
        """The tensor and the entry at a place of the distances."""
        for name in self.names:
            size = gradients[name].size
            if place < size:
                return name, tuple(int(n) for n in np.unravel_index(place, gradients[name].shape))
            place -= size
        raise IndexError(place)


def legal(gradients: Mapping[str, Array]) -> Legal | None:
    """The affine hull of several gradients, the first axis of every array; None where too few are given to know it."""
    names = tuple(gradients)
    if not names:
        return None
    rows = np.concatenate([a.reshape(len(a), -1) for a in gradients.values()], axis=1)
    if not np.isfinite(rows).all() or not rows.size:
        return None
    sizes_around = np.abs(rows).max(axis=1)
    if sizes_around.max() > _INFINITE * sizes_around[sizes_around > 0].min(initial=np.inf):
        return None  # a one-sided derivative is infinite, as that of a root at 0
    origin = rows[0]
    _, sizes, directions = np.linalg.svd(rows[1:] - origin, full_matrices=False)
    rank = int((sizes > _RANK * max(1.0, float(np.abs(rows).max()))).sum())
    # TRUST: ties-together
    if rank > len(rows) - _SPARE:
        return None
    return Legal(names, origin, directions[:rank])
