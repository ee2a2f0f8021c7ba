"""The mistakes that a text can make in what it names, and what to say of them.

Those of its form (a bracket without its partner) are `syntax`'s; those of its sizes, `ranges`'s.
"""

from __future__ import annotations

import difflib

from scratchgrad.notation.syntax import NotationError

__all__ = [
    "AssignmentOrder",
    "FreeIndexMissing",
    "Misplaced",
    "RankMismatch",
    "ReservedName",
    "UnknownName",
    "UnusedName",
    "counted",
    "nearest",
]


class UnknownName(NotationError):
    """A function, tensor or index that nothing declares."""


class UnusedName(NotationError):
    """A size or a range that is given for what the definition does not have."""


class FreeIndexMissing(NotationError):
    """An index is free on the right but missing on the left."""


class RankMismatch(NotationError):
    """A tensor is used with different numbers of indices, or a function with a wrong number of arguments."""


class Misplaced(NotationError):
    """A condition where a value is wanted, a value where a condition is, a fraction as an index, an infinite value."""


class ReservedName(NotationError):
    """A tensor is called like a function, or like the gradient of another tensor."""


class AssignmentOrder(NotationError):
    """A tensor is assigned twice, or used before it is assigned."""


def counted(count: int, one: str, many: str) -> str:
    """A number with its noun: "no axes", "1 axis", "2 axes"."""
    return f"{count or 'no'} {one if count == 1 else many}"


def nearest(name: str, known: list[str], otherwise: str = "it has ") -> str:
    """What may have been meant: the nearest known name, in whatever case, else all of them."""
    small = {one.lower(): one for one in reversed(known)}
    near = difflib.get_close_matches(name, known, 1, 0.65)
    if name.lower() in small:
        near = [small[name.lower()]]
    return f"; did you mean {near[0]!r}?" if near else f"; {otherwise}{', '.join(known) or 'none'}"
