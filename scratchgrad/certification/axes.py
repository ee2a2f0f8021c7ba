"""Words for the axes of a tensor: the batch, the index's letter where there is a definition, else its number."""

from __future__ import annotations

from scratchgrad.certification.specification import Role

__all__ = ["axis_words", "index_of"]


def index_of(role: Role, axis: int) -> str:
    """The letter of an axis of a tensor or of its gradient: i of x[i]; n for the batch; empty where there is none."""
    if role.sample and axis == 0:
        return "the row" if not role.tensor.indices else "n"
    own = axis - (1 if role.sample else 0)
    return str(role.tensor.indices[own]) if own < len(role.tensor.indices) else ""


def axis_words(role: Role, axis: int) -> str:
    """The axis as a reader knows it: "the batch", "axis 0 (i)"."""
    if role.sample and axis == 0:
        return "the batch"
    own = axis - (1 if role.sample else 0)
    letter = str(role.tensor.indices[own]) if own < len(role.tensor.indices) else ""
    return f"axis {axis} ({letter})" if letter else f"axis {axis}"
