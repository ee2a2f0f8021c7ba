"""What may be said beside a text: the sizes of its tensors' axes.

In   "x[nB,nN] w[nN] c k[3]"
Out  {"x": ("nB", "nN"), "w": ("nN",), "c": (), "k": ("3",)}

A size is a name or a whole number.
"""

from __future__ import annotations

import re

import sympy as sp

from scratchgrad.notation.indices import Size
from scratchgrad.notation.syntax import UnreadableText, pointing_at

__all__ = ["declared_size", "declared_tensors"]

_TENSOR = re.compile(r"\s*([A-Za-z_]\w*)\s*(?:\[([^\[\]]*)\])?\s*,?")


def declared_tensors(text: str) -> dict[str, tuple[str, ...]]:
    """The tensors of a declaration: name -> names of sizes.  Raises UnreadableText for anything else."""
    found: dict[str, tuple[str, ...]] = {}
    place = 0
    while text[place:].strip():
        match = _TENSOR.match(text, place)
        if match is None or text[match.end() : match.end() + 1] in ("[", "]"):
            at = match.end() if match is not None else len(text) - len(text[place:].lstrip())
            raise UnreadableText(pointing_at(text, at, "cannot read this declaration; write tensors as x[nB,nN] w[nN]"))
        found[match[1]] = tuple(a.strip() for a in (match[2] or "").split(",") if a.strip())
        for size in found[match[1]]:
            declared_size(size)
        place = match.end()
    return found


def declared_size(name: str) -> sp.Expr:
    """The size that a name or a whole number stands for; UnreadableText for anything else."""
    if name.isdigit():
        return sp.Integer(name)
    if not name.isidentifier():
        raise UnreadableText(f"the size of an axis is a name or a whole number, found {name!r}")
    return Size(name)
