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
        values = np.asarray(self.values)
        if axes == self.axes:
            return values
        places = {axis: place for place, axis in enumerate(self.axes)}
        order = [places[axis] for axis in axes if axis in places]
        lengths = [values.shape[places[axis]] if axis in places else 1 for axis in axes]
        return (np.transpose(values, order) if order != sorted(order) else values).reshape(lengths)


def union(*arrays: Labelled) -> tuple[Index, ...]:
    """The axes of all the arrays, each once, in the order in which they first occur."""
    return tuple(dict.fromkeys(a for array in arrays for a in array.axes))
