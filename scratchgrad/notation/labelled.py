"""Arrays whose axes are labelled by indices: what an expression evaluates to."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

import numpy as np

from scratchgrad.notation.indices import Index

__all__ = ["Labelled", "union"]


@dataclass(frozen=True)
class Labelled:
    """An array whose axes are labelled by indices."""

    values: Any
    axes: tuple[Index, ...] = ()

    def over(self, axes: tuple[Index, ...]) -> Any:
        """The values with the given axes in order, of length 1 where this array does not depend on one."""
        order = [self.axes.index(a) for a in axes if a in self.axes]
        moved = np.transpose(self.values, order) if self.axes else np.asarray(self.values)
        return moved.reshape(
            [moved.shape[[a for a in axes if a in self.axes].index(a)] if a in self.axes else 1 for a in axes]
        )


def union(*arrays: Labelled) -> tuple[Index, ...]:
    """The axes of all the arrays, each once, in the order in which they first occur."""
    return tuple(dict.fromkeys(a for array in arrays for a in array.axes))
