"""What is varied at a larger shape: the dtype, the layout of memory, what arrives, and how the numbers are structured.

In   a Battery, a shape
Out  probes at that shape, each with one thing varied

Tied numbers are taken only where the definition compares nothing: at a tie plain float64 does not say what is legal.
"""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from weakref import WeakKeyDictionary

import numpy as np

from scratchgrad.certification.battery import Battery, Sizes
from scratchgrad.certification.exact.scalar import COMPARISONS, ordered
from scratchgrad.certification.layouts import LAYOUTS, Layout, expanded
from scratchgrad.certification.point import Point
from scratchgrad.certification.probes import Probe
from scratchgrad.certification.reference import Undefined
from scratchgrad.notation.functions import TABLE

__all__ = ["LARGE", "ORDINARY", "STORED", "Variation", "variations"]

LARGE = "larger sizes"
"""The group of these probes."""

_smooth: WeakKeyDictionary[Battery, bool] = WeakKeyDictionary()


@dataclass(frozen=True)
class Variation:
    """One thing that is varied, in words, and how."""

    words: str = ""
    kind: str = "normal"
    upstream: str = "normal"
    dtype: str = "float64"
    layout: Layout | None = None

    def point(self, battery: Battery, batch: int | None, sizes: Sizes) -> Point:
        """The numbers at a shape."""
        return battery.point(self.kind, batch, sizes, self.dtype, upstream=self.upstream, salt="larger")

    def probe(self, battery: Battery, point: Point) -> Probe | None:
        """The probe at the point; None where no tensor can lie in memory like that."""
        layouts = {}
        for role, upstream in [(r, False) for r in battery.specification.inputs] + [
            (r, True) for r in battery.specification.outputs
        ]:
            values = (point.upstream if upstream else point.tensors)[role.name]
            layout = self.layout
            if layout is not None and values is not None and layout.fits(values.ndim) and values.size > 1:
                if np.array_equal(layout.prepare(values), values):
                    layouts[role.tensor.gradient.name if upstream else role.name] = layout
        if self.layout is not None and not layouts:
            return None
        return Probe(LARGE, f"larger sizes{self.words and ', '}{self.words}", point, layouts, calls=1)


STORED = "stored as: "
"""So the words of a variation of memory begin."""

ORDINARY = Variation()
"""Nothing is varied."""


def variations(battery: Battery) -> Iterator[Variation]:
    """What is varied for this battery."""
    if "float32" in battery.specification.dtypes:
        yield Variation("in float32", dtype="float32")
    for layout in (one for one in (*LAYOUTS, *expanded(2)) if one.name not in battery.not_stored):
        upstream = "ones" if layout.prepare(np.arange(4.0).reshape(2, 2))[1, 1] != 3 else "normal"
        yield Variation(f"{STORED}{layout.name}", upstream=upstream, layout=layout)
    yield Variation("with upstream gradients of which half are 0", upstream="zeros")
    if _is_smooth(battery):
        yield Variation("with few different numbers", kind="ties")
        yield Variation("with zeros", kind="zeros")


def _is_smooth(battery: Battery) -> bool:
    """Whether the definition and its gradients compare nothing."""
    if battery not in _smooth:
        try:
            entries, _ = battery.reference.entries(battery.probes[0].point)
        except Undefined:
            return False
        nodes = ordered(node for array in entries.results.values() for node in array.ravel())
        _smooth[battery] = not any(node.op in COMPARISONS or _has_kink(node.op) for node in nodes)
    return _smooth[battery]


def _has_kink(op: str) -> bool:
    row = TABLE.get(op)
    return row is not None and row.kink is not None
