"""Which operation of a specification has no value at a point, or is one that exact arithmetic cannot compute there."""

from __future__ import annotations

import numpy as np

from scratchgrad.certification.battery import Battery
from scratchgrad.certification.exact.balls import Program, balls, precisely
from scratchgrad.certification.exact.scalar import Scalar, ordered
from scratchgrad.certification.point import Point
from scratchgrad.certification.reference import Undefined

__all__ = ["lacking_node"]


@precisely
def lacking_node(battery: Battery, point: Point) -> Scalar | None:
    """The first node of the outputs that has no finite value there although all that it is made of has; else None."""
    try:
        entries, _ = battery.reference.entries(point)
    except Undefined:
        return None
    symbols = {}
    for role in battery.specification.differentiable:
        values = point.tensors[role.name]
        own = values if battery.specification.function is not None or not role.sample else values[0]
        for node, value in zip(entries.inputs[role.name].ravel(), balls(np.asarray(own)), strict=True):
            symbols[node.args[0]] = np.array([value], dtype=object)
    nodes = ordered(node for array in entries.outputs.values() for node in array.ravel())
    numbers = [node for node in nodes if not node.is_truth]
    finite = dict(
        zip(
            (n.key for n in numbers),
            (bool(v[0].is_finite()) for v in Program(numbers).run(symbols, 1)),
            strict=True,
        )
    )
    return next(
        (n for n in numbers if not finite[n.key] and n.operands and all(finite.get(a.key, True) for a in n.operands)),
        None,
    )
