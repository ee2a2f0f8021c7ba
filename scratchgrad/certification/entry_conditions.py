"""Conditions on an entry: on a number that belongs to it, on ties, on its place.

In   Observed, the probes
Out  features, each a number for every entry; conditions on them that separate wrong from right

    u > 1        an input, an output or an upstream gradient at the same place, or one for each row
    u = 0        the same number exactly
    i > 31       the place along an axis; the diagonal
    ties         whether the same number stands in the row more than once; how often an index occurs
"""

from __future__ import annotations

from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np

from scratchgrad.certification.axes import axis_words, index_of
from scratchgrad.certification.observed import Observed, Seen
from scratchgrad.certification.specification import Role

__all__ = ["Condition", "Feature", "features", "narrowed", "separating"]

_HALVINGS = 14
"""How often the gap between right and wrong is halved."""

_NARROW = 0.05
"""A gap of this part of its ends is narrow: one number is said for it."""

_PAIR = 2

_SOME = 0.2
"""A condition at which others are right must be so rare among the right entries."""

_SEVERAL = 2
"""So many different wrong numbers make a range."""

Array = Any


@dataclass(frozen=True)
class Feature:
    """A number for every entry of the tensor, under a name; `place` where it says where the entry stands."""

    name: str
    of: Callable[[Seen], Array]
    role: Role | None = None
    upstream: bool = False
    place: bool = False
    signed: bool = False
    """Whether a place is counted from the middle, so that its distance says something, too."""
    said: tuple[str, str] | None = None
    """The words for 1, and for 0, where the number is a truth value."""


@dataclass(frozen=True)
class Condition:
    """A condition on a feature: between `low` and `high`, both excluded, or equal to both; `outside` reverses it."""

    feature: Feature
    low: float
    high: float
    words: str
    size: bool = False
    equal: bool = False
    soft: bool = False
    """Whether the bounds are only known to lie in a gap."""
    only: bool = False
    """Whether some entries at which it holds are right."""

    @property
    def is_zero(self) -> bool:
        """Whether it is that a number which belongs to the entry is exactly 0."""
        return self.equal and self.low == 0 and self.feature.said is None and not self.feature.place

    def holds(self, values: Array) -> Array:
        """Where the condition holds."""
        values = np.abs(values) if self.size else values
        if self.equal:
            return values == self.low
        found: Array = (values > self.low) & (values < self.high)
        return found


def features(observed: Observed, seen: Sequence[Seen], *, places: bool = False) -> Iterator[Feature]:
    """Numbers that belong to an entry, simple ones first; with `places`, only where it stands."""
    if places:
        yield from _places(observed, seen)
        return
    aligned = list(_aligned(observed, seen))
    yield from aligned
    yield from _places(observed, seen)
    yield from _ties(aligned)
    yield from _gaps(aligned)
    yield from _occurrences(observed, seen)


def _aligned(observed: Observed, seen: Sequence[Seen]) -> Iterator[Feature]:
    """Tensors of the result's shape, or with a number for each of its rows."""
    spec, tensors = observed.specification, observed.tensors
    names = [n for n in tensors(seen[0]) if all(_fits(tensors(s)[n].shape, s.right.shape) for s in seen)]
    for name in names:

        def of(s: Seen, name: str = name) -> Array:
            values = tensors(s)[name].astype(float)
            shape = values.shape + (1,) * (s.right.ndim - values.ndim)
            return np.broadcast_to(values.reshape(shape), s.right.shape)

        arriving = {r.tensor.gradient.name: r for r in spec.outputs}
        role = arriving.get(name) or next((r for r in spec.differentiable if r.name == name), None)
        yield Feature(name, of, role, upstream=name in arriving)
    for name in (r.name for r in spec.inputs if r.integer):
        yield from _named_column(name, seen)


def _fits(shape: tuple[int, ...], like: tuple[int, ...]) -> bool:
    """Whether it is the same shape, or one number for each row."""
    return shape == like or (0 < len(shape) < len(like) and like[: len(shape)] == shape)


def _named_column(name: str, seen: Sequence[Seen]) -> Iterator[Feature]:
    """Whether the entry is the one in its row that an integer input names."""

    def of(s: Seen) -> Array:
        t = s.point.tensors[name]
        return (np.arange(s.right.shape[-1]) == t[..., None]).astype(float)

    if all(s.right.ndim > 1 and s.point.tensors[name].shape == s.right.shape[:-1] for s in seen):
        said = (f"in the column that {name} names (the label's)", f"in the columns that {name} does not name")
        yield Feature(f"{name}'s column", of, said=said)


def _places(observed: Observed, seen: Sequence[Seen]) -> Iterator[Feature]:
    axes = seen[0].right.ndim
    for axis in range(axes):

        def along(s: Seen, a: int = axis) -> Array:
            shape = [1] * s.right.ndim
            shape[a] = -1
            return np.broadcast_to(np.arange(s.right.shape[a], dtype=float).reshape(shape), s.right.shape)

        def from_the_end(s: Seen, a: int = axis) -> Array:
            return s.right.shape[a] - 1 - along(s, a)

        name = observed.name
        letter = index_of(observed.role, axis)
        where = f"the index {letter} of {name}" if letter else f"the index along {axis_words(observed.role, axis)}"
        yield Feature(where, along, place=True)
        yield Feature(f"{where}, counted from the end,", from_the_end, place=True)
    if axes > 1:

        def column_minus_row(s: Seen) -> Array:
            rows = np.arange(s.right.shape[-2])[:, None]
            return np.broadcast_to((np.arange(s.right.shape[-1]) - rows).astype(float), s.right.shape)

        yield Feature("column - row (0 on the diagonal)", column_minus_row, place=True, signed=True)


def _ties(aligned: Sequence[Feature]) -> Iterator[Feature]:
    """Whether the same number stands elsewhere in the row."""
    for feature in aligned:
        if feature.said is not None or feature.upstream:
            continue

        def tied(s: Seen, f: Feature = feature) -> Array:
            rows = f.of(s).reshape(-1, s.right.shape[-1]) if s.right.ndim else f.of(s).reshape(1, 1)
            found = np.array([[float((row == x).sum() > 1) for x in row] for row in rows])
            return found.reshape(s.right.shape)

        said = (f"at ties (where the same number of {feature.name} stands in the row twice)", "where there is no tie")
        yield Feature(f"ties of {feature.name}", tied, said=said)


def _gaps(aligned: Sequence[Feature]) -> Iterator[Feature]:
    """How far a number is below the largest of its row; infinite for the largest itself where it stands alone."""
    for feature in aligned:
        if feature.said is not None or feature.upstream:
            continue

        def below(s: Seen, f: Feature = feature) -> Array:
            values = f.of(s)
            return values.max(axis=-1, keepdims=True) - values if values.ndim and values.size else 0 * values

        def to_the_next(s: Seen, f: Feature = feature) -> Array:
            values = f.of(s)
            if not values.ndim or values.shape[-1] < _PAIR:
                return np.full(values.shape, 1e300)
            top = np.sort(values, axis=-1)
            return np.broadcast_to(top[..., -1:] - top[..., -2:-1], values.shape)

        yield Feature(f"(the largest of its row of {feature.name}) - {feature.name}", below)
        yield Feature(f"(the largest - the second largest of its row of {feature.name})", to_the_next)


def _occurrences(observed: Observed, seen: Sequence[Seen]) -> Iterator[Feature]:
    """Whether the entry's row is named more than once by an integer input, or by which number it is named."""
    for role in observed.specification.inputs:
        if not role.integer or not all(s.right.ndim for s in seen):
            continue

        def often(s: Seen, name: str = role.name) -> Array:
            counts = [float((s.point.tensors[name] == n).sum() > 1) for n in range(s.right.shape[0])]
            shape = (-1,) + (1,) * (s.right.ndim - 1)
            return np.broadcast_to(np.array(counts).reshape(shape), s.right.shape)

        said = (f"where an index repeats: in the rows that {role.name} names more than once", "where no index repeats")
        yield Feature(f"repetitions in {role.name}", often, said=said)


def separating(feature: Feature, values: Array, wrong: Array) -> Iterator[Condition]:
    """Conditions that hold at all wrong entries and at no right one."""
    bad, good = values[wrong], values[~wrong]
    if not np.isfinite(bad).all():
        return
    if feature.said is not None:
        for value, words in zip((1.0, 0.0), feature.said, strict=True):
            if (bad == value).all() and not (good == value).any():
                yield Condition(feature, value, value, words, equal=True)
        return
    if (bad == bad[0]).all() and 0 < (good == bad[0]).sum() <= _SOME * (good != bad[0]).sum() and not feature.place:
        words = f"only where {feature.name} = {_shown(bad[0])}, though not at every such entry"
        yield Condition(feature, bad[0], bad[0], words, equal=True, only=True)
    if (bad == bad[0]).all() and not (good == bad[0]).any():
        yield Condition(feature, bad[0], bad[0], f"where {feature.name} = {_shown(bad[0])}", equal=True)
    if np.unique(bad).size < _SEVERAL:
        return
    for size, b, g in ((False, bad, good), (True, np.abs(bad), np.abs(good))):
        if size and feature.place and not feature.signed:
            return
        name = f"|{feature.name}|" if size else feature.name
        below, above = g[g < b.min()], g[g > b.max()]
        if below.size + above.size < g.size:  # some right numbers lie between wrong ones
            continue
        low = float(below.max()) if below.size else -np.inf
        high = float(above.min()) if above.size else np.inf
        yield _range(feature, name, size, (low, float(b.min())), (float(b.max()), high))


def _range(feature: Feature, name: str, size: bool, low: tuple[float, float], high: tuple[float, float]) -> Condition:
    """The numbers from the gap `low` to the gap `high`, each of a right and a wrong number."""
    parts = []
    if np.isfinite(low[0]):
        parts.append(_bound(name, ">", *low, whole=feature.place))
    if np.isfinite(high[1]):
        parts.append(_bound(name, "<", high[1], high[0], whole=feature.place))
    words = "where " + " and ".join(parts)
    return Condition(feature, low[0], high[1], words, size, soft=True)


def _bound(name: str, sign: str, right: float, wrong: float, *, whole: bool) -> str:
    """One end of a range in words; where the gap between right and wrong numbers is wide, both of them."""
    if wrong == 0:  # the numbers beside it are tried down to the smallest
        return f"{name} {sign}= 0"
    if whole or abs(wrong - right) <= _NARROW * max(abs(wrong), abs(right)) or right == 0:
        return f"{name} {sign} {_between(right, wrong)}"
    end = "up to" if sign == ">" else "down to"
    return f"{name} {sign}= {wrong:.4g} (right {end} {right:.4g})"


def _between(low: float, high: float) -> str:
    """The shortest number between two, the ends included if they are short."""
    low, high = min(low, high), max(low, high)
    for number in (0.0, 1.0, -1.0):
        if low <= number < high or (low < number <= high):
            return _shown(number)
    for digits in range(1, 8):
        number = float(f"{(low + high) / 2:.{digits}g}")
        if low <= number <= high:
            return _shown(number)
    return _shown((low + high) / 2)


def _shown(number: float) -> str:
    return f"{number:.6g}"


def narrowed(observed: Observed, condition: Condition, seen: Sequence[Seen]) -> Condition:
    """The condition with narrower gaps: the subject is run between right and wrong numbers."""
    feature = condition.feature
    if not condition.soft or feature.role is None or condition.feature.place:
        return condition
    s, place = _example(seen)
    if s is None or feature.role.shape(s.point.sizes, s.point.batch) != s.right.shape:
        return condition
    values = feature.of(s)
    sign = -1.0 if condition.size and values[place] < 0 else 1.0

    name = feature.role.name
    given = s.point.upstream[name] if feature.upstream else s.point.tensors[name]
    if given is None:
        return condition

    def is_wrong(number: float) -> bool | None:
        changed = np.array(given)
        changed[place] = sign * number
        point = s.point.with_array(name, changed, upstream=feature.upstream)
        if not observed.battery.contains(point):
            return None
        there = observed.fresh(point)
        return None if there is None or not there.fits else bool(there.wrong[place])

    everything = np.concatenate([feature.of(t)[t.wrong].ravel() for t in seen])
    everything = np.abs(everything) if condition.size else everything
    low = _halved(is_wrong, condition.low, float(everything.min())) if np.isfinite(condition.low) else None
    high = _halved(is_wrong, condition.high, float(everything.max())) if np.isfinite(condition.high) else None
    return _range(
        feature,
        f"|{feature.name}|" if condition.size else feature.name,
        condition.size,
        low or (condition.low, float(everything.min())),
        (high[1], high[0]) if high else (float(everything.max()), condition.high),
    )


def _example(seen: Sequence[Seen]) -> tuple[Seen | None, tuple[int, ...]]:
    """A wrong entry that no layout of memory ties to others."""
    for s in seen:
        if s.wrong.any() and not s.probe.layouts:
            return s, tuple(int(n) for n in np.argwhere(s.wrong)[0])
    return None, ()


def _halved(is_wrong: Callable[[float], bool | None], right: float, wrong: float) -> tuple[float, float]:
    """A right and a wrong number next to one another."""
    for _ in range(_HALVINGS):
        middle = (right + wrong) / 2
        found = is_wrong(middle)
        if found is None or middle in (right, wrong):
            break
        if found:
            wrong = middle
        else:
            right = middle
    return right, wrong
