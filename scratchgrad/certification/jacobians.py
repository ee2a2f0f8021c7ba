"""How yours is made from the upstream gradient, entry by entry, beside how it should be.

In   Observed, a gradient that is linear in what comes from above
Out  a hypothesis about the Jacobian, or the fact of which upstream entries an entry takes, and should take

    the diagonal only; the Jacobian where its transpose belongs; the last of several contributions only
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass, replace
from functools import partial
from typing import Any

import numpy as np

from scratchgrad.certification.observed import Observed, Seen, close
from scratchgrad.certification.probes import Probe
from scratchgrad.certification.specification import Role

__all__ = ["jacobian_hypothesis", "taken"]

_ENTRIES, _MANY = 48, 200
"""At every probe no Jacobian with more entries above, or below, is formed; at one probe none with so many."""

_LISTED = 6

Array = Any


@dataclass(frozen=True)
class _Pair:
    """The contribution of every upstream entry to every entry: [upstream entries, *shape of the result]."""

    right: Array
    mine: Array
    places: list[tuple[int, ...]]


def jacobian_hypothesis(observed: Observed) -> str | None:
    """What of the Jacobian is used, where that explains every probe that is small enough."""
    out = _only_output(observed)
    if out is None:
        return None
    name, gradient = observed.name, out.tensor.gradient.name
    square = all(_shape(out, s) == _shape(observed.role, s) for s in observed.usual)
    looks: tuple[tuple[bool, str, Callable[[Array, Array], Array]], ...] = (
        (
            square,
            f"only the diagonal of the Jacobian counts: each entry of {name} takes one entry of {gradient}, the others "
            "are forgotten",
            _diagonal,
        ),
        (
            True,
            f"where several entries of {gradient} belong to one entry of {name}, only the last counts: it is "
            "overwritten (= where += belongs)",
            lambda jacobian, values: _ordered(jacobian, values, -1),
        ),
        (
            True,
            f"where several entries of {gradient} belong to one entry of {name}, only the first counts: a sum is "
            "missing",
            lambda jacobian, values: _ordered(jacobian, values, 0),
        ),
        (
            square,
            "the Jacobian stands where its transpose belongs: it is applied to the upstream gradient the wrong way "
            "round",
            _turned,
        ),
    )
    for possible, words, of in looks:
        if possible and observed.explains(partial(_used, observed, out, of)):
            return words
    return None


def taken(observed: Observed) -> str | None:
    """For the first entry that differs: which entries of the upstream gradient it takes, and which it should."""
    out = _only_output(observed)
    if out is None:
        return None
    for s in observed.usual[:2]:
        pair = _pair(observed, s, out) if s.fits else None
        if pair is None:
            continue
        uses, should = pair.mine != 0, pair.right != 0
        for place in np.ndindex(s.right.shape):
            mine, right = uses[(slice(None), *place)], should[(slice(None), *place)]
            if (mine != right).any():
                gradient = out.tensor.gradient.name
                shape = "x".join(map(str, _shape(out, s)))
                return (
                    f"{_entry(observed.name, place)} takes {_listed(gradient, pair.places, mine)}; it should take "
                    f"{_listed(gradient, pair.places, right)}   ({gradient} is {shape})"
                )
    return None


def _only_output(observed: Observed) -> Role | None:
    outputs = observed.specification.outputs
    return outputs[0] if observed.stage == "backward" and len(outputs) == 1 else None


def _shape(role: Role, s: Seen) -> tuple[int, ...]:
    return role.shape(s.point.sizes, s.point.batch)


def _one_by_one(s: Seen, out: Role, most: int = _ENTRIES) -> list[tuple[tuple[int, ...], Any]]:
    """The point with a 1 at one upstream entry at a time, and 0 elsewhere."""
    values = s.point.upstream[out.name]
    if values is None or not 0 < values.size <= most or s.right.size > most:
        return []
    found = []
    for place in np.ndindex(values.shape):
        one = np.zeros(values.shape)
        one[place] = 1.0
        found.append((place, replace(s.point, upstream={out.name: one})))
    return found


def _parts(observed: Observed, s: Seen, out: Role, most: int = _ENTRIES) -> Array | None:
    """The right share of every upstream entry in every entry: the Jacobian."""
    found = [observed.predicted(point) for _, point in _one_by_one(s, out, most)]
    if not found or any(f is None for f in found):
        return None
    return np.stack([f[observed.name] for f in found if f is not None])


def _used(observed: Observed, out: Role, of: Callable[[Array, Array], Array], s: Seen) -> Array | None:
    """What comes of the upstream gradient where a part of the Jacobian is used, or the Jacobian otherwise."""
    values, parts = s.point.upstream[out.name], None if s.probe.layouts else _parts(observed, s, out)
    if values is None or parts is None:
        return None
    with np.errstate(all="ignore"):
        return of(parts.reshape(len(parts), -1), values.ravel()).reshape(s.right.shape)


def _diagonal(jacobian: Array, values: Array) -> Array:
    return np.diagonal(jacobian) * values


def _turned(jacobian: Array, values: Array) -> Array:
    found: Array = jacobian @ values
    return found


def _ordered(jacobian: Array, values: Array, place: int) -> Array:
    """Of the contributions to an entry the first, or the last."""
    found = np.zeros(jacobian.shape[1])
    for column in range(jacobian.shape[1]):
        (which,) = np.nonzero(jacobian[:, column])
        found[column] = jacobian[which[place], column] * values[which[place]] if which.size else 0.0
    return found


def _pair(observed: Observed, s: Seen, out: Role) -> _Pair | None:
    """Both Jacobians, where what the subject gives is the sum of its parts."""
    right = _parts(observed, s, out, _MANY)
    if right is None:
        return None
    points = _one_by_one(s, out, _MANY)
    mine = [observed.examination.results(Probe("part", "", point)).get(observed.name) for _, point in points]
    if any(m is None or m.shape != s.mine.shape or not np.isfinite(m).all() for m in mine):
        return None
    whole = np.stack([m for m in mine if m is not None])
    values = s.point.upstream[out.name]
    if values is None or not close(np.tensordot(values.ravel(), whole, 1), s.mine):
        return None
    return _Pair(right, whole, [place for place, _ in points])


def _entry(name: str, place: tuple[int, ...]) -> str:
    return f"{name}[{','.join(map(str, place))}]" if place else name


def _listed(name: str, places: list[tuple[int, ...]], which: Array) -> str:
    chosen = [_entry(name, p) for p, c in zip(places, which, strict=True) if c]
    if len(chosen) == len(places) > 1:
        return f"all of {name}"
    left = len(chosen) - _LISTED
    return (", ".join(chosen[:_LISTED]) + (f" and {left} more" if left > 0 else "")) or "nothing"
