"""What may be said beside a text: the sizes of its tensors' axes, and their domains.

In   "x[nB,nN] w[nN]>0 c k[3]"
Out  {"x": ("nB", "nN"), "w": ("nN",), "c": (), "k": ("3",)}, and that w is positive

In   "nu>0; p[i]:simplex"
Out  the domains of nu and p

A size is a name or a whole number.
"""

from __future__ import annotations

import re
from collections.abc import Collection, Mapping
from dataclasses import dataclass

import sympy as sp

from scratchgrad.domain import REALS, Domain, DomainError
from scratchgrad.notation.indices import Size
from scratchgrad.notation.mistakes import counted, nearest
from scratchgrad.notation.syntax import NotationError, UnreadableText, pointing_at

__all__ = ["Declared", "DomainMisfit", "combined", "declared_domains", "declared_size", "declared_tensors"]

_TENSOR = re.compile(r"\s*(?P<name>[A-Za-z_]\w*)(?:\s*\[(?P<axes>[^\[\]]*)\])?")
_HOW = {"tensors": "x[nB,nN] w[nN]", "domains": "nu>0; p[i]:simplex; u[i] in (-1,1)"}
_END = {"tensors": re.compile(r"\s*,?"), "domains": re.compile(r"\s*[;,]?")}


class DomainMisfit(NotationError, DomainError):
    """A domain that cannot be read, contradicts another one, or is declared of what is no such input."""


@dataclass(frozen=True)
class Declared:
    """What a declaration says of a tensor, and where: its axes (None where it has no brackets) and its domain."""

    name: str
    axes: tuple[str, ...] | None
    domain: Domain
    text: str
    place: int

    def misfit(self, message: str) -> DomainMisfit:
        """The error that points at this declaration."""
        return DomainMisfit(pointing_at(self.text, self.place, f"domains: {message}"))


def declared_tensors(text: str) -> dict[str, Declared]:
    """The tensors of a declaration by name, with the names of their sizes.  Raises UnreadableText, or DomainMisfit."""
    found = {declared.name: declared for declared in _read(text, "tensors")}
    for declared in found.values():
        for size in declared.axes or ():
            declared_size(size)
    return found


def declared_domains(text: str) -> list[Declared]:
    """The domains of "nu>0; p[i]:simplex", in order.  Raises UnreadableText, or DomainMisfit."""
    return _read(text, "domains")


def _read(text: str, what: str) -> list[Declared]:
    if not isinstance(text, str):
        raise UnreadableText(f"{what}: expected a text such as {_HOW[what]!r}, got {type(text).__name__}")
    found: list[Declared] = []
    place, separated = 0, True
    while text[place:].strip():
        match = _TENSOR.match(text, place)
        if match is None or text[match.end() : match.end() + 1] in ("[", "]"):
            at = match.end() if match is not None else len(text) - len(text[place:].lstrip())
            raise UnreadableText(pointing_at(text, at, f"cannot read this declaration; write {what} as {_HOW[what]}"))
        name, start = match["name"], match.start("name")
        axes = None if match["axes"] is None else tuple(a.strip() for a in match["axes"].split(",") if a.strip())
        if what == "domains" and not all(axis.isidentifier() for axis in axes or ()):
            message = f"a domain is declared of all entries of a tensor; write {name}[i], with a letter for each axis"
            raise DomainMisfit(pointing_at(text, start, message))
        try:
            domain, end = Domain.read(text, match.end())
        except DomainError as error:
            raise DomainMisfit(pointing_at(text, match.end(), str(error))) from None
        if what == "domains" and end == match.end():
            if separated:
                raise UnreadableText(pointing_at(text, end, f"{name} has no domain here; write {name}>0"))
            message = f"cannot read {name!r} behind {found[-1].name}; write domains as {_HOW[what]}"
            raise UnreadableText(pointing_at(text, start, message))
        found.append(Declared(name, axes, domain, text, start))
        separator = _END[what].match(text, end)
        place = separator.end() if separator is not None else end
        separated = bool(text[end:place].strip())
    return found


def combined(
    declared: list[Declared],
    ranks: Mapping[str, int],
    known: Mapping[str, Domain],
    letters: Mapping[str, Collection[tuple[str, ...]]],
) -> dict[str, Domain]:
    """The domain of every input, given their ranks, what is known already, and the letters with which they are written.

    Raises DomainMisfit.
    """
    found = dict(known)
    for one in declared:
        if one.name not in ranks:
            meant = nearest(one.name, list(ranks), "its inputs are ")
            raise one.misfit(f"the definition has no input {one.name!r}{meant}")
        rank = ranks[one.name]
        if one.axes is not None and len(one.axes) != rank:
            has, here = counted(rank, "axis", "axes"), counted(len(one.axes), "axis", "axes")
            raise one.misfit(f"{one.name} has {has}, here it has {here}")
        written = letters.get(one.name, ())
        if one.axes and one.axes not in written and any(set(w) == set(one.axes) for w in written):
            has = next(f"{one.name}[{','.join(w)}]" for w in written if set(w) == set(one.axes))
            raise one.misfit(f"the definition writes {has}; write its letters in this order")
        try:
            found[one.name] = found.get(one.name, REALS) & one.domain.of(("",) * rank, one.name)
        except DomainError as error:
            raise one.misfit(str(error)) from None
    return found


def declared_size(name: str) -> sp.Expr:
    """The size that a name or a whole number stands for; UnreadableText for anything else."""
    if name.isdigit():
        return sp.Integer(name)
    if not name.isidentifier():
        raise UnreadableText(f"the size of an axis is a name or a whole number, found {name!r}")
    return Size(name)
