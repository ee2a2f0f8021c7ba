"""Indices and sizes: the letters of a definition.

An Index is a letter that runs over one axis: 0, 1, ..., size - 1.  It carries the size of its axis, so "both indices
were declared on the same axis", the range proof of sifting, is `j.size == k.size` and needs no Piecewise.
"""

from __future__ import annotations

from collections.abc import Iterable
from typing import Any

import sympy as sp

__all__ = ["Index", "Size", "fresh"]


class Size(sp.Symbol):
    """The number of elements along an axis: a symbol for a natural number."""

    __slots__ = ()

    def __new__(cls, name: str) -> Size:
        """The size called `name`."""
        size: Size = sp.Symbol.__xnew__(cls, name, integer=True, nonnegative=True)
        return size

    def __getnewargs_ex__(self) -> Any:
        """What copying and pickling need."""
        return (self.name,), {}


class Index(sp.Symbol):
    """A letter that runs over an axis of `size` elements, counted from 0."""

    __slots__ = ("size",)
    size: sp.Expr

    def __new__(cls, name: str, size: sp.Expr | int) -> Index:
        """The index called `name`, over an axis of `size` elements."""
        index: Index = sp.Symbol.__xnew__(cls, name, integer=True, nonnegative=True)
        index.size = sp.sympify(size)
        return index

    def __getnewargs_ex__(self) -> Any:
        """What copying and pickling need."""
        return (self.name, self.size), {}

    def _hashable_content(self) -> tuple[Any, ...]:
        return (*super()._hashable_content(), self.size)

    def __eq__(self, other: object) -> Any:
        """Whether it is the same letter over the same axis; evaluation compares indices more than anything else."""
        if type(other) is not Index:
            return super().__eq__(other)
        return self is other or (self.name == other.name and (self.size is other.size or self.size == other.size))

    __hash__ = sp.Symbol.__hash__

    def renamed(self, name: str) -> Index:
        """Another index over the same axis."""
        return Index(name, self.size)


_LETTERS = "ijklmpqrabcdefghstuvwxyz"


def fresh(like: Index, taken: Iterable[str]) -> Index:
    """An index over the same axis as `like` whose name is not among `taken`; `like` itself where it is free.

    Letters near the old one come first (after i comes k, as on paper), then numbered ones.
    """
    used = set(taken)
    if like.name not in used:
        return like
    start = _LETTERS.find(like.name[0]) + 1
    near = _LETTERS[start:] + _LETTERS[:start] if len(like.name) == 1 else ""
    for letter in near:
        if letter not in used:
            return like.renamed(letter)
    number = 1
    while f"{like.name[0]}_{number}" in used:
        number += 1
    return like.renamed(f"{like.name[0]}_{number}")
