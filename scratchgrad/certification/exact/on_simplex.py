"""Entries where the rows of some inputs sum to 1: the last of every row is 1 minus the others.

In   Entries, the names of the inputs
Out  Entries of which the last unknown of every such row is gone; what is equal then is equal wherever the rows sum to 1

The gradients are those with respect to all entries, as the definition has them: only their values are restricted.
"""

from __future__ import annotations

from collections.abc import Collection
from dataclasses import replace
from typing import Any

import numpy as np

from scratchgrad.certification.exact.entries import Entries
from scratchgrad.certification.exact.scalar import Scalar, ordered
from scratchgrad.certification.exact.sorting import rebuilt

__all__ = ["on_simplex"]

Array = Any


def on_simplex(entries: Entries, names: Collection[str]) -> Entries:
    """The entries with rows of these inputs that sum to 1."""
    graph = entries.graph
    known: dict[int, Scalar] = {}
    for name in names:
        rows = entries.inputs[name]
        for row in rows.reshape(-1, rows.shape[-1]) if rows.size else ():
            last = graph.one
            for other in row[:-1]:
                last = graph.sub(last, other)
            known[row[-1].key] = last
    arrays = (entries.inputs, entries.outputs, entries.gradients)
    roots = [node for part in arrays for a in part.values() if a.dtype == object for node in a.ravel()]
    for node in ordered(roots):
        if node.key not in known:
            operands = [known[x.key] for x in node.operands]
            same = all(x is y for x, y in zip(operands, node.operands, strict=True))
            known[node.key] = node if same else rebuilt(graph, node, operands)

    def changed(array: Array) -> Array:
        if array.dtype != object:
            return array
        found = np.empty(array.size, dtype=object)
        found[:] = [known[node.key] for node in array.ravel()]
        return found.reshape(array.shape)

    inputs, outputs, gradients = ({name: changed(a) for name, a in part.items()} for part in arrays)
    return replace(entries, inputs=inputs, outputs=outputs, gradients=gradients)
