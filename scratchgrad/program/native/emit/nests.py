"""Nest: loops over a shape in which several tensors are read and written, with as few axes as their layout allows.

In   a shape, views that are broadcast to it; the first says in which order the axes are walked
Out  the sizes of the merged axes, outermost first, and how far each view moves along each

Two axes are one where every view's entries go on from one to the next with one stride; axes of size 1 are none.
"""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from dataclasses import dataclass

from scratchgrad.program.native.emit.writer import Writer
from scratchgrad.program.op import View

__all__ = ["Nest", "loops", "nest"]


@dataclass(frozen=True)
class Nest:
    """Axes, outermost first, and the strides of each view along them."""

    sizes: tuple[int, ...]
    strides: dict[View, tuple[int, ...]]

    @property
    def axes(self) -> range:
        """The axes' numbers."""
        return range(len(self.sizes))

    @property
    def side_by_side(self) -> list[str]:
        """What stands before an innermost loop whose steps do not depend on each other."""
        return ["#pragma GCC ivdep"] if self.sizes else []

    def depth(self, view: View) -> int:
        """How many loops stand around what reads the view: up to the last axis along which it moves."""
        return max((k + 1 for k, stride in enumerate(self.strides[view]) if stride), default=0)

    def place(self, view: View, axes: Iterable[int] | None = None) -> str:
        """How far the entry at i0, i1, ... is from the view's first; only these axes' part of it."""
        chosen = self.axes if axes is None else axes
        terms = [(k, self.strides[view][k]) for k in chosen if self.strides[view][k]]
        return " + ".join(f"i{k}" if stride == 1 else f"{stride} * i{k}" for k, stride in terms) or "0"

    def entry(self, writer: Writer, view: View) -> str:
        """The view's entry at i0, i1, ..."""
        return f"{writer.at(view)}[{self.place(view)}]"

    def loops(self, axes: Iterable[int] | None = None) -> str:
        """The heads of the loops over these axes, all by default."""
        return loops(self.sizes, self.axes if axes is None else axes)


def loops(sizes: Sequence[int], axes: Iterable[int]) -> str:
    """The heads of loops over these axes."""
    return "".join(f"for (long i{k} = 0; i{k} < {sizes[k]}; i{k}++) " for k in axes)


def nest(shape: Sequence[int], views: Sequence[View]) -> Nest:
    """The nest of these views."""
    strides = {view: _broadcast(view, shape) for view in views}
    order = [k for k in range(len(shape)) if shape[k] != 1]
    order.sort(key=lambda k: [-strides[view][k] for view in views])
    sizes: list[int] = []
    merged: dict[View, list[int]] = {view: [] for view in views}
    for k in order:
        n = shape[k]
        if sizes and all(m[-1] == strides[view][k] * n for view, m in merged.items()):
            sizes[-1] *= n
            for view, m in merged.items():
                m[-1] = strides[view][k]
        else:
            sizes.append(n)
            for view, m in merged.items():
                m.append(strides[view][k])
    return Nest(tuple(sizes), {view: tuple(m) for view, m in merged.items()})


def _broadcast(view: View, shape: Sequence[int]) -> list[int]:
    missing = len(shape) - len(view.shape)
    moving = [s if n != 1 else 0 for n, s in zip(view.shape, view.strides, strict=True)]
    return [0] * missing + moving
