"""Which size every letter and every axis has.

An index ranges over the axis that it indexes bare, and two axes indexed by one letter have one size: letters and axes
that meet form one class, and a class has one size.  Declared sizes win; otherwise the class is named after its first
letter (n_i), or after its axis where no letter indexes it bare (n_x_1).
"""

from __future__ import annotations

import sympy as sp

from scratchgrad.notation.indices import Size
from scratchgrad.notation.syntax import NotationError, pointing_at

__all__ = ["IndexSizeConflict", "Ranges"]

Slot = str | tuple[str, int]


class IndexSizeConflict(NotationError):
    """One letter is used on axes that were declared with different sizes."""


class Ranges:
    """Classes of letters and axes that share a size (union-find)."""

    def __init__(self, text: str) -> None:
        """No classes yet; `text` is what errors quote."""
        self.text = text
        self.parent: dict[Slot, Slot] = {}
        self.order: dict[Slot, int] = {}
        self.size: dict[Slot, sp.Expr] = {}
        self.declared_by: dict[Slot, Slot] = {}

    def root(self, slot: Slot) -> Slot:
        """The representative of the slot's class."""
        if slot not in self.parent:
            self.parent[slot] = slot
            self.order[slot] = len(self.order)
        while self.parent[slot] != slot:
            slot = self.parent[slot]
        return slot

    def known(self, slot: Slot) -> bool:
        """Whether the slot has been seen."""
        return slot in self.parent

    def declare(self, slot: Slot, size: sp.Expr, place: int = 0) -> None:
        """The slot's class has this size; IndexSizeConflict where it has another."""
        root = self.root(slot)
        if root in self.size and self.size[root] != size:
            self._conflict(slot, size, self.declared_by[root], self.size[root], place)
        if root not in self.size:
            self.size[root] = size
            self.declared_by[root] = slot

    def meet(self, one: Slot, other: Slot, place: int) -> None:
        """The two slots share a size; IndexSizeConflict where both have different ones."""
        a, b = sorted((self.root(one), self.root(other)), key=lambda s: self.order[s])
        if a == b:
            return
        if a in self.size and b in self.size and self.size[a] != self.size[b]:
            self._conflict(self.declared_by[b], self.size[b], self.declared_by[a], self.size[a], place)
        if b in self.size and a not in self.size:
            self.size[a], self.declared_by[a] = self.size[b], self.declared_by[b]
        self.parent[b] = a

    def _conflict(self, one: Slot, size: sp.Expr, other: Slot, another: sp.Expr, place: int) -> None:
        raise IndexSizeConflict(
            pointing_at(
                self.text,
                place,
                f"one index runs over axes of different size: {_show(one)} has {size}, {_show(other)} has {another}; "
                "use a letter of its own for each size",
            )
        )

    def size_of(self, slot: Slot) -> sp.Expr:
        """The size of the slot's class."""
        root = self.root(slot)
        if root not in self.size:
            members = [s for s in self.order if self.root(s) == root]
            letters = [s for s in members if isinstance(s, str)]
            axes = [s for s in members if not isinstance(s, str)]
            self.size[root] = Size(f"n_{letters[0]}" if letters else f"n_{axes[0][0]}_{axes[0][1] + 1}")
            self.declared_by[root] = slot
        return self.size[root]


def _show(slot: Slot) -> str:
    return f"index {slot!r}" if isinstance(slot, str) else f"axis {slot[1] + 1} of {slot[0]}"
