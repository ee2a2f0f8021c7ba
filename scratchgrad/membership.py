"""Whether an array belongs to a domain, and an array near it that does.

In   a Domain, an array (one value, or a batch of them in front)
Out  what is wrong with the first entry or row that lies outside; or values like these that lie inside

Membership is that of floating point: rows of a simplex sum to 1, and matrices are symmetric, up to rounding.  Values
that are moved inside belong to the domain exactly, so that nothing that is compared there needs an excuse.

NumPy only: every wing may import it.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from fractions import Fraction
from typing import Any

import numpy as np

from scratchgrad.domain import Domain, Interval

__all__ = ["DomainViolated", "check", "inside", "narrowed", "outside"]

Array = Any

_ROUNDED = 1e-5
"""How far a sum of 1 may be off, or two mirrored entries from one another: what float32 makes of such values."""

_NEXT = 2.0**-6
"""How far inside an open end the values lie that fell on it: far enough for 8 bits of significand."""

_MODERATE = 30.0
_DOMINANT = 1 + 2.0**-4


class DomainViolated(ValueError):
    """A value outside the domain that is declared of a tensor."""


def check(domain: Domain, values: Any, where: str, tensor: str) -> None:
    """Nothing where the values belong to the domain; DomainViolated, which begins with `where`, otherwise."""
    if domain.is_reals or domain.integer:
        return
    wrong = outside(domain, np.asarray(values))
    if wrong is not None:
        expected = f"{tensor}{domain}"
        words = f" ({domain.words})" if domain.structure else ""
        raise DomainViolated(f"{where}: expected {expected}{words}, got {wrong}; give values in this domain")


def outside(domain: Domain, values: Array) -> str | None:
    """The first entry or row that does not belong to the domain, in words; None where all do."""
    values = np.asarray(values)
    if domain.is_reals or not values.size:
        return None
    if values.dtype.kind not in "f":
        values = values.astype(np.float64)
    wrong = ~_in_interval(domain.interval, values)
    if wrong.any():
        return _entry(values, wrong)
    judge = _WRONG.get(domain.structure)
    return None if judge is None else judge(values)


def inside(domain: Domain, values: Array, bits: int = 40, *, margin: float = 0.0) -> Array:
    """Values like these that belong to the domain: as they are where they do, else folded into it.

    Rows of a simplex are multiples of 2**-bits: their sum is exactly 1 in every dtype with so many bits.  With a
    `margin`, values keep away from the ends of an interval (by this part of it, where it has two) and of a simplex.
    """
    if domain.structure == "simplex":
        return _rows_of_sum_one(np.abs(values) + margin, bits, least=0 if domain.interval.low_closed else 1)
    move = _INTO.get(domain.structure)
    return _folded(narrowed(domain.interval, margin), values) if move is None else move(values)


def narrowed(interval: Interval, margin: float) -> Interval:
    """The interval without what is near its ends."""
    if not margin:
        return interval
    part = Fraction(margin)
    if interval.low is not None and interval.high is not None:
        part *= interval.high - interval.low
    low = None if interval.low is None else interval.low + part
    high = None if interval.high is None else interval.high - part
    return Interval(low, high, low is not None, high is not None)


def _in_interval(interval: Interval, values: Array) -> Array:
    """Which entries lie between the ends, as numbers of the dtype."""
    found = np.isfinite(values)
    if interval.low is not None:
        low = values.dtype.type(float(interval.low))
        found &= values >= low if interval.low_closed else values > low
    if interval.high is not None:
        high = values.dtype.type(float(interval.high))
        found &= values <= high if interval.high_closed else values < high
    return found


def _entry(values: Array, wrong: Array) -> str:
    place = np.argwhere(wrong)[0]
    at = f" at [{', '.join(map(str, place))}]" if place.size else ""
    return f"{float(values[tuple(place)]):g}{at}"


def _none_of(*allowed: float) -> Callable[[Array], str | None]:
    def judge(values: Array) -> str | None:
        wrong = ~np.isin(values, allowed)
        return _entry(values, wrong) if wrong.any() else None

    return judge


def _wrong_row(values: Array) -> str | None:
    """The first row whose sum is not 1."""
    sums = values.sum(axis=-1)
    allowed = max(_ROUNDED, 16 * float(np.finfo(values.dtype).eps) * values.shape[-1])
    wrong = np.abs(sums - 1) > allowed
    return f"a row with the sum {_entry(np.asarray(sums), np.asarray(wrong))}" if wrong.any() else None


def _wrong_one_hot(values: Array) -> str | None:
    return _none_of(0, 1)(values) or _wrong_row(values)


def _asymmetric(values: Array) -> str | None:
    mirrored = np.swapaxes(values, -1, -2)
    if mirrored.shape != values.shape:
        return f"a matrix of shape {_shape(values.shape)}"
    wrong = np.abs(values - mirrored) > _ROUNDED * np.maximum(np.abs(values).max(), np.finfo(values.dtype).tiny)
    if not wrong.any():
        return None
    place = tuple(int(n) for n in np.argwhere(wrong)[0])
    other = (*place[:-2], place[-1], place[-2])
    return f"{float(values[place]):g} at {list(place)} but {float(values[other]):g} at {list(other)}"


def _indefinite(values: Array) -> str | None:
    wrong = _asymmetric(values)
    if wrong is not None:
        return wrong
    least = float(np.linalg.eigvalsh(values.astype(np.float64)).min())
    return None if least > 0 else f"a matrix with the eigenvalue {least:g}"


_WRONG: dict[str, Callable[[Array], str | None]] = {
    "simplex": _wrong_row,
    "onehot": _wrong_one_hot,
    "binary": _none_of(0, 1),
    "sign": _none_of(-1, 1),
    "symmetric": _asymmetric,
    "positive_definite": _indefinite,
    "int": lambda values: _entry(values, values != np.round(values)) if (values != np.round(values)).any() else None,
}


def _folded(interval: Interval, values: Array) -> Array:
    """What lies outside is reflected at the ends until it lies inside."""
    if interval.everything:
        return values
    low, high = (None if end is None else float(end) for end in (interval.low, interval.high))
    if low is not None and high is not None:
        width = high - low
        turned = np.mod(values - low, 2 * width) if width else np.zeros_like(values)
        moved = np.clip(low + np.where(turned > width, 2 * width - turned, turned), low, high)
        step = width * _NEXT
    elif low is not None:
        moved, step = low + np.abs(values - low), _beyond(low)
    else:
        assert high is not None  # one end is finite
        moved, step = high - np.abs(values - high), _beyond(high)
    moved = np.where(_in_interval(interval, values), values, moved)
    if low is not None and not interval.low_closed:
        moved = np.where(moved <= low, low + step, moved)
    if high is not None and not interval.high_closed:
        moved = np.where(moved >= high, high - step, moved)
    return _off_open_ends(interval, moved.astype(values.dtype))


def _off_open_ends(interval: Interval, values: Array) -> Array:
    """The values, with those that rounding has carried to an open end made the next number of the dtype."""
    if values.dtype.kind != "f":
        return values
    number = values.dtype.type
    if interval.low is not None and not interval.low_closed:
        low = number(float(interval.low))
        values = np.where(values <= low, np.nextafter(low, number(np.inf)), values)
    if interval.high is not None and not interval.high_closed:
        high = number(float(interval.high))
        values = np.where(values >= high, np.nextafter(high, number(-np.inf)), values)
    return values


def _beyond(end: float) -> float:
    """How far from a lone open end the values go that fell on it."""
    return max(0.5, abs(end) * _NEXT)


def _rows_of_sum_one(values: Array, bits: int, least: int) -> Array:
    if not values.size:
        return values
    size, units = np.abs(values).astype(np.float64), 2.0**bits
    sums = size.sum(axis=-1, keepdims=True)
    shares = np.where(sums == 0, 1 / size.shape[-1], size / np.where(sums == 0, 1, sums))
    counts = np.maximum(np.floor(shares * units), least)
    largest = counts.argmax(axis=-1)[..., None]
    rest = units - counts.sum(axis=-1, keepdims=True)
    np.put_along_axis(counts, largest, np.take_along_axis(counts, largest, -1) + rest, -1)
    return (counts / units).astype(values.dtype)


def _one_hot(values: Array) -> Array:
    return np.eye(values.shape[-1], dtype=values.dtype)[values.argmax(axis=-1)] if values.size else values


def _mirrored(values: Array) -> Array:
    """The lower triangle, and its mirror image."""
    return np.tril(values) + np.swapaxes(np.tril(values, -1), -1, -2)


def _definite(values: Array) -> Array:
    """V V' plus a multiple of the identity, for moderate numbers; with a dominant diagonal for large ones."""
    if not values.size or _indefinite(values) is None:
        return _mirrored(values)
    n = values.shape[-1]
    if 0 < np.abs(values).max() <= _MODERATE:
        found = values @ np.swapaxes(values, -1, -2)
        trace = np.trace(found, axis1=-2, axis2=-1)[..., None, None]
        return _mirrored((found + np.eye(n) * np.where(trace == 0, 1, trace) / (4 * n)).astype(values.dtype))
    found = _mirrored(values)
    off = np.abs(found).sum(axis=-1)
    diagonal = np.where(off == 0, 1.0, _DOMINANT * off)
    return np.where(np.eye(n, dtype=bool), diagonal[..., None], found).astype(values.dtype)


_INTO: dict[str, Callable[[Array], Array]] = {
    "onehot": _one_hot,
    "binary": lambda values: (values > 0).astype(values.dtype),
    "sign": lambda values: np.where(values > 0, 1, -1).astype(values.dtype),
    "symmetric": _mirrored,
    "positive_definite": _definite,
    "int": np.round,
}


def _shape(shape: Sequence[int]) -> str:
    return f"[{', '.join(map(str, shape))}]"
