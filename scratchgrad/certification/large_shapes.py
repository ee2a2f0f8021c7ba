"""The larger shapes at which a subject is examined, and what an evaluation costs there.

In   a Battery
Out  shapes: a number of samples, and a length for every size

    lengths     33, 65, 129, 257 on every axis in turn, 1025 and 4097 where that is cheap; other axes are 8 or less
    batches     65 and 1,100 rows, and those lengths
"""

from __future__ import annotations

import itertools
from collections.abc import Iterator, Sequence

import numpy as np
import sympy as sp

from scratchgrad.certification.battery import Battery, Sizes
from scratchgrad.certification.feasible import at_sizes
from scratchgrad.certification.point import Point
from scratchgrad.notation.binding import bound, free_indices, operands
from scratchgrad.notation.elementary import row_of
from scratchgrad.notation.indices import Index, Size

__all__ = ["EXACTLY", "REACHED", "ROWS", "Shape", "loads_of", "shape_of", "usual_shapes", "where", "work"]

ROWS = Size("batch")
"""The number of samples, as a size."""

_LONG = (33, 129, 65, 257)
_ROWS = (65, 1100, 33, 129)
_LONGEST = (1025, 4097)
_SHORT = ((7, 8, 5, 4), (3, 2, 2, 1), (1,))
"""The other axes; the next ones where an evaluation would cost too much."""

# TRUST: larger-sizes
_WORK = 3e5
"""What the evaluation at one shape may cost, in numbers that are computed on the way."""

EXACTLY = 2e4
"""Up to here exact numbers are feasible."""

# TRUST: size-paths
REACHED = 2e7
"""What the evaluation at one shape may cost where the subject takes another path."""

_SLOW = 300.0
"""How many numbers one costs that NumPy has no function for."""

# TRUST: larger-sizes
_SHAPES = 10
"""About so many shapes, beside those with the longest axes."""

# TRUST: larger-sizes
_NODES = 240
"""So many nodes of definitions and gradients are evaluated, at all these shapes together: each takes its time."""

Shape = tuple[int | None, tuple[tuple[sp.Expr, int], ...]]


def usual_shapes(battery: Battery) -> Iterator[Shape]:
    """Every axis in turn at every length, the others short."""
    spec, loads = battery.specification, loads_of(battery)
    every = [ROWS] if spec.batched else []
    every += [] if battery.examples else [size for size in spec.sizes if size not in spec.free]
    # TRUST: larger-sizes
    most = min(_SHAPES, _NODES // max(1, len(loads)))
    turns = min(len(_LONG), max(1, most // max(1, len(every)))) + 1
    for turn, (place, axis) in itertools.product(range(turns), enumerate(every)):
        if turn == turns - 1:
            length = _LONGEST[place % 2]
        else:
            length = _ROWS[turn] if axis == ROWS else _LONG[(turn + place) % len(_LONG)]
        for short in _SHORT:
            others = zip((a for a in every if a != axis), itertools.cycle(short), strict=False)
            shape = shape_of(battery, {**dict(others), axis: length}, (axis,))
            # TRUST: larger-sizes
            if shape is not None and work(loads, shape) <= _WORK:
                yield shape
                break


def shape_of(battery: Battery, wanted: Sizes, pinned: tuple[sp.Expr, ...]) -> Shape | None:
    """The shape that has these sizes, and the usual ones beside them; None where an axis would have no place."""
    batch = wanted.get(ROWS, battery.batch) if battery.specification.batched else None
    own = {size: n for size, n in wanted.items() if size != ROWS}
    sizes = battery.completed({**battery.sizes(), **own}, tuple(size for size in pinned if size != ROWS))
    return None if sizes is None else (batch, tuple(sizes.items()))


def loads_of(battery: Battery) -> list[tuple[tuple[sp.Expr, ...], float]]:
    """For every node of the definition and of the gradients the sizes over which it is evaluated, and its weight."""
    definition, gradients = battery.specification.definition, battery.specification.gradients
    if definition is None or gradients is None:
        return [(tuple(battery.specification.sizes), 1.0)]
    forms = [gradients[role.name].element for role in battery.specification.differentiable]
    found: dict[sp.Basic, tuple[tuple[sp.Expr, ...], float]] = {}

    def walk(e: sp.Basic) -> None:
        if e in found or isinstance(e, Index):
            return
        row = row_of(e)
        over = tuple(i.size for i in dict.fromkeys((*free_indices(e), *bound(e))))
        found[e] = over, 1.0 if row is None or row.numpy is not None else _SLOW
        for child in operands(e):
            walk(child)

    for e in (*(a.right for a in definition.assignments), *forms):
        walk(e)
    return list(found.values())


def work(loads: Sequence[tuple[tuple[sp.Expr, ...], float]], shape: Shape) -> float:
    """How many numbers are computed on the way."""
    batch, sizes = shape[0], dict(shape[1])
    numbers = {s: float(sizes[s] if s in sizes else at_sizes(s, sizes)) for over, _ in loads for s in over}
    return (batch or 1) * sum(weight * float(np.prod([numbers[s] for s in over])) for over, weight in loads)


def where(battery: Battery, point: Point) -> str:
    """The shapes of the inputs: x[65, 7], W[8, 7]."""
    return ", ".join(f"{r.name}{list(point.tensors[r.name].shape)}" for r in battery.specification.inputs)
