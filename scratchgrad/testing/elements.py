"""Which numbers a drawn tensor has: strategies for one entry, by dtype and interval.

In   a torch dtype, an Interval; whether extremes, NaN and infinity are wanted
Out  a hypothesis strategy of numbers that the dtype can hold and that lie in the interval

Whatever may be large is drawn as a float in a range, never picked from a list, so that it shrinks to the simplest
number that still fails: 2.0 for x > 1.5, not 1000.
"""

from __future__ import annotations

import math
from collections.abc import Iterator
from fractions import Fraction
from typing import Any

import numpy as np
import torch
from hypothesis import strategies as st

from scratchgrad.domain import Interval

__all__ = ["CannotDraw", "bits_of", "distinct", "elements_of", "ends_of", "held_in", "is_whole", "within_dtype"]


class CannotDraw(ValueError):
    """Arguments of a strategy for which there are no values; the message says what to give instead."""


_EVERYTHING = Interval()
_SIMPLE = (0.0, 1.0, -1.0, 2.0, 0.5, -2.0, 3.0)
_ORDINARY = 8
"""Numbers that are no extremes are at most so large, where the interval allows it."""

_FAR = 1000
_WIDER = (Fraction(40), Fraction(_FAR), Fraction(1, 128))
"""Extremes: exp of them is large, exp of them overflows, and what cancels beside 1."""

_LEAST = 2.0**-14
"""What is nearer to 0 is drawn as 0, but where bounds ask for such numbers."""

_FROM_END = Fraction(1, 1024)
"""How far from an open end the values stay: by this part of the interval, or of the end, or by this."""

_WIDTHS = {torch.float64: 64, torch.float32: 32, torch.float16: 16, torch.bfloat16: 32}
_WHOLE = (torch.int64, torch.int32, torch.int16, torch.int8, torch.uint8)
_BITS = {torch.float64: 20, torch.float32: 20, torch.float16: 7, torch.bfloat16: 7}
_FEW = 16
"""Ordinary numbers have the digits of float16: then sums are exact, and ties frequent."""


def is_whole(dtype: torch.dtype) -> bool:
    """Whether the dtype holds whole numbers or truth values.  Raises CannotDraw for a dtype that nobody draws."""
    if not isinstance(dtype, torch.dtype):
        raise CannotDraw(
            f"expected dtype= such as torch.float32, or a strategy of dtypes, got {dtype!r}; give a torch dtype"
        )
    if dtype in _WHOLE or dtype == torch.bool:
        return True
    if dtype not in _WIDTHS:
        known = ", ".join(str(one) for one in (*_WIDTHS, *_WHOLE, torch.bool))
        raise CannotDraw(f"no tensors of {dtype} are drawn; give one of {known}")
    return False


def bits_of(dtype: torch.dtype) -> int:
    """Into how many parts, as a power of 2, the 1 of a simplex is divided: exact numbers of the dtype."""
    return _BITS.get(dtype, _BITS[torch.float64])


def elements_of(
    dtype: torch.dtype,
    interval: Interval,
    *,
    extremes: bool = True,
    allow_nan: bool = False,
    allow_infinity: bool = False,
) -> st.SearchStrategy[Any]:
    """Numbers of the dtype in the interval: few distinct ones often, ordinary ones, and extremes.

    Raises CannotDraw where the dtype has no number in the interval, or cannot be NaN or infinite.
    """
    if is_whole(dtype):
        if allow_nan or allow_infinity:
            raise CannotDraw(f"tensors: {dtype} has neither NaN nor infinity; leave allow_nan and allow_infinity out")
        return st.booleans() if dtype == torch.bool else _whole_numbers(dtype, interval, extremes)
    choices = list(_real_numbers(dtype, interval, extremes))
    if not choices:
        raise CannotDraw(f"tensors: {dtype} has no number in {_said(interval)}; widen min_value, max_value or domain")
    if allow_infinity:
        ends = [end for end, free in ((math.inf, interval.high), (-math.inf, interval.low)) if free is None]
        if not ends:
            raise CannotDraw(
                f"tensors: allow_infinity=True, but all values lie in {_said(interval)}; "
                "leave out min_value or max_value, or allow_infinity"
            )
        choices.append(st.sampled_from(ends))
    if allow_nan:
        choices.append(st.just(math.nan))
    return st.one_of(choices)


def _said(interval: Interval) -> str:
    low, high = (
        sign if end is None else repr(float(end)) for end, sign in ((interval.low, "-inf"), (interval.high, "inf"))
    )
    return f"{'(['[interval.low_closed]}{low}, {high}{')]'[interval.high_closed]}"


def _real_numbers(dtype: torch.dtype, interval: Interval, extremes: bool) -> Iterator[st.SearchStrategy[float]]:
    simple = [n for n in _SIMPLE if n in interval and held_in(dtype, n) == n]
    if simple:
        yield st.sampled_from(simple)
    closed = _off_open_ends(interval)
    ordinary = _ordinary(closed)
    ends = _ends(dtype, interval)
    usual = _between(ordinary, _FEW, dtype, ends)
    usual = _between(ordinary, _WIDTHS[dtype], dtype, ends) if usual is None else usual
    if usual is not None:
        yield usual
    parts = [closed & _around(end) for end in _WIDER]
    parts += [_reaching(closed)] if _is_far(interval) else []  # the person wants them as large as that
    for part in parts if extremes else ():
        some = _between(part, _WIDTHS[dtype], dtype, ends)
        if some is not None:
            yield some


def _is_far(interval: Interval) -> bool:
    """Whether the interval has an end that is no ordinary number."""
    return any(end is not None and abs(end) > _FAR for end in (interval.low, interval.high))


def _reaching(interval: Interval) -> Interval:
    """The interval, not much longer than its one end is large."""
    ends = [abs(end) for end in (interval.low, interval.high) if end is not None]
    return interval & _around(3 * max(ends))


def _around(end: Fraction) -> Interval:
    return Interval(-end, end, True, True)


def _ordinary(interval: Interval) -> Interval:
    """The part of the interval that has numbers of ordinary size; beside its end nearest to 0 where none has."""
    part = interval & _around(Fraction(_ORDINARY))
    if not part.is_empty and part.low != part.high:
        return part
    near = interval.low if interval.low is not None and interval.low > 0 else interval.high
    if near is None:
        return interval
    reach = max(Fraction(_ORDINARY), abs(near))
    return interval & Interval(near - reach, near + reach, True, True)


def _off_open_ends(interval: Interval) -> Interval:
    """The interval with closed ends, a little inside of the open ones."""
    low, high = interval.low, interval.high
    if low is not None and high is not None:
        step = (high - low) * _FROM_END
        low += 0 if interval.low_closed else step
        high -= 0 if interval.high_closed else step
        return Interval(low, high, True, True)
    if low is not None and not interval.low_closed:
        low += max(_FROM_END, abs(low) * _FROM_END)
    if high is not None and not interval.high_closed:
        high -= max(_FROM_END, abs(high) * _FROM_END)
    return Interval(low, high, low is not None, high is not None)


def _between(
    interval: Interval, width: int, dtype: torch.dtype, ends: tuple[float, float]
) -> st.SearchStrategy[float] | None:
    """The floats of so many bits in a closed interval and between the ends, as the dtype has them; None if none."""
    if interval.is_empty:
        return None
    kinds = {torch.float16 if width == _FEW else dtype, dtype}  # bfloat16 reaches further than float16
    low = max(_nearest(kind, interval.low, up=True) for kind in kinds)
    high = min(_nearest(kind, interval.high, up=False) for kind in kinds)
    if width != _FEW:
        low, high = max(low, ends[0]), min(high, ends[1])
    if low > high or low < ends[0] or high > ends[1]:
        return None
    found = st.floats(
        None if math.isinf(low) else low,
        None if math.isinf(high) else high,
        allow_nan=False,
        allow_infinity=False,
        width=width,  # type: ignore[arg-type]  # 16, 32 or 64
    )
    found = found.map(_as_bfloat16) if dtype == torch.bfloat16 else found
    return found.map(_off_zero) if low <= 0 <= high and max(-low, high) > _LEAST else found


def _off_zero(number: float) -> float:
    """The number, 0 where it is nearer to 0 than what a test means by small: squares of it shall not underflow."""
    return number if abs(number) >= _LEAST else 0.0


def _as_bfloat16(number: float) -> float:
    return held_in(torch.bfloat16, number)


def held_in(dtype: torch.dtype, number: float) -> float:
    """The nearest number that the dtype can hold."""
    return float(torch.tensor(float(number), dtype=torch.float64).to(dtype).double())


def within_dtype(dtype: torch.dtype, interval: Interval, values: Any) -> Any:
    """The values, of which none leaves the interval when it is rounded to the dtype."""
    return values if interval.everything or is_whole(dtype) else np.clip(values, *_ends(dtype, interval))


def _ends(dtype: torch.dtype, interval: Interval) -> tuple[float, float]:
    """The least and the largest number of the dtype in the interval; an open end is one of the dtype's, too."""
    low, high = _nearest(dtype, interval.low, up=True), _nearest(dtype, interval.high, up=False)
    if interval.low is not None and not interval.low_closed and low <= held_in(dtype, float(interval.low)):
        low = _next(dtype, low, 1)
    if interval.high is not None and not interval.high_closed and high >= held_in(dtype, float(interval.high)):
        high = _next(dtype, high, -1)
    return low, high


def _nearest(dtype: torch.dtype, end: Fraction | None, *, up: bool) -> float:
    """The end, rounded into the interval to a number of the dtype; an infinite one where there is no end."""
    if end is None:
        return -math.inf if up else math.inf
    number, way = held_in(dtype, float(end)), 1 if up else -1
    is_far = math.isinf(number)
    if is_far:
        number = math.copysign(torch.finfo(dtype).max, number)
    if (Fraction(number) - end) * way >= 0:
        return number
    return way * math.inf if is_far else _next(dtype, number, way)


_SAME_WIDTH = {64: torch.int64, 32: torch.int32, 16: torch.int16}


def _next(dtype: torch.dtype, number: float, way: int) -> float:
    """The next number of the dtype, above (1) or below (-1): torch has no nextafter for 16 bits."""
    if number == 0:
        return way * torch.finfo(dtype).smallest_normal
    one = torch.tensor([number], dtype=dtype)
    steps = one.view(_SAME_WIDTH[8 * one.element_size()])
    steps += way if number > 0 else -way
    return float(one.double())


def _whole_numbers(dtype: torch.dtype, interval: Interval, extremes: bool) -> st.SearchStrategy[int]:
    low, high = ends_of(dtype, interval)
    reaches = [_ORDINARY, *([_FAR] if extremes else [])]
    chosen = [(max(low, -reach), min(high, reach)) for reach in reaches]
    chosen = [(first, last) for first, last in chosen if first <= last]
    if not chosen or (extremes and _is_far(interval)):
        first = low if interval.low is not None else max(low, high - _FAR)
        last = high if interval.high is not None else min(high, low + _FAR)
        chosen.append((first, last))
    return st.one_of([st.integers(first, last) for first, last in chosen])


def ends_of(dtype: torch.dtype, interval: Interval = _EVERYTHING) -> tuple[int, int]:
    """The least and the largest whole number of the dtype in the interval.  Raises CannotDraw where it has none."""
    if dtype == torch.bool:
        return 0, 1
    limits = torch.iinfo(dtype)
    low = limits.min if interval.low is None else math.ceil(interval.low)
    high = limits.max if interval.high is None else math.floor(interval.high)
    low += low == interval.low and not interval.low_closed
    high -= high == interval.high and not interval.high_closed
    low, high = max(low, limits.min), min(high, limits.max)
    if low > high:
        raise CannotDraw(f"tensors: {dtype} has no number in {_said(interval)}; widen min_value, max_value or domain")
    return low, high


def distinct(dtype: torch.dtype, interval: Interval, count: int, seed: int) -> Any:
    """So many numbers of the dtype in the interval, no two equal; in growing order for the seed 0, else in any.

    Raises CannotDraw where the dtype has fewer there.
    """
    order = np.random.default_rng(seed).permutation(count) if seed else np.arange(count)
    if is_whole(dtype):
        low, high = ends_of(dtype, interval)
        if high - low + 1 >= count:
            first = max(low, min(-count // 2, high - count + 1))
            return first + order
    else:
        closed, whole = _off_open_ends(interval), _ends(dtype, interval)
        for part in (_ordinary(closed), closed & _around(Fraction(_FAR)), closed):
            if part.low is None or part.high is None or part.is_empty:
                continue
            least = max(_nearest(dtype, part.low, up=True), whole[0])
            largest = min(_nearest(dtype, part.high, up=False), whole[1])
            numbers = torch.from_numpy(np.linspace(least, largest, count)).to(dtype).double().numpy()
            if len(np.unique(numbers)) == count:
                return numbers[order]
    raise CannotDraw(
        f"tensors: unique=True, but {dtype} has no {count} different numbers in {_said(interval)}; "
        "widen min_value, max_value or domain, or draw a smaller shape"
    )
