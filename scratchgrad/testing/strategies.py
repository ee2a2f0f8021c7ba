"""Hypothesis strategies: shapes, and tensors with values that hurt, in their domains.

    shapes()               sizes for the letters of a signature: shapes("x[j] W[i,j]") gives {"j": 3, "i": 1}
    tensors(shape)         few distinct values, ordinary ones, extremes; strides, expansions, slices
    members("p[n,i]:simplex")            a tensor with axes of any size, in its domain

They shrink: to smaller sizes, contiguous storage, and the simplest numbers that still fail.
"""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import dataclass
from fractions import Fraction
from functools import lru_cache
from typing import Any

import numpy as np
import torch
from hypothesis import strategies as st
from hypothesis.extra import numpy as arrays_of

from scratchgrad.domain import REALS, Domain, DomainError, Interval
from scratchgrad.membership import inside, narrowed, outside
from scratchgrad.signature import Axes, Signature, SignatureError
from scratchgrad.testing.elements import (
    CannotDraw,
    bits_of,
    distinct,
    elements_of,
    ends_of,
    held_in,
    is_whole,
    within_dtype,
)
from scratchgrad.testing.storages import STORAGES, stored

__all__ = ["members", "shapes", "tensor_of", "tensors"]

_EACH = 32
"""Up to so many entries, each is drawn by itself."""

_SOME = 256
"""So many entries of a larger tensor may differ from the others, where few do."""

_LARGE = ("few", "strewn", "all")
"""How a larger tensor is filled: few entries differ, drawn numbers are everywhere, or all numbers between them."""

_MARGIN = 1 / 8
"""How far from the ends of its domain a value stays that is no extreme."""

_elements = lru_cache(256)(elements_of)

Shape = int | Sequence[int]


def shapes(signature: str = "x[i,j]", *, smallest: int = 1, largest: int = 5) -> st.SearchStrategy[dict[str, int]]:
    """Sizes for all letters of a signature ("x[j] W[i,j]", with or without "-> u[i]").

        @given(shapes("x[j] W[i,j]", largest=3))
        def test_it(sizes): ...                      # {"j": 3, "i": 1}

    Raises SignatureError where it cannot be read, CannotDraw where no size is allowed.
    """
    parsed = Signature.parse(signature if "->" in signature else f"{signature} -> result_")
    if not 0 <= smallest <= largest:
        raise CannotDraw(f"shapes: expected 0 <= smallest <= largest, got smallest={smallest}, largest={largest}")
    letters = dict.fromkeys(letter for t in (*parsed.inputs, *parsed.outputs) for letter in t.axes)
    drawn = st.fixed_dictionaries({letter: st.integers(smallest, largest) for letter in letters})
    return drawn.map(lambda sizes: {letter: sizes[parsed.root(letter)] for letter in letters})


@dataclass(frozen=True)
class _Wanted:
    """What the tensors shall be like, beside their shape and dtype; `interval` has every entry that is drawn."""

    domain: Domain
    interval: Interval
    elements: st.SearchStrategy[Any] | None
    extremes: bool
    strides: bool
    unique: bool
    allow_nan: bool
    allow_infinity: bool

    def numbers(self, dtype: torch.dtype) -> st.SearchStrategy[Any]:
        """The strategy of one entry.  Raises CannotDraw where there is none."""
        if self.elements is None:
            return _elements(
                dtype,
                self.interval,
                extremes=self.extremes,
                allow_nan=self.allow_nan,
                allow_infinity=self.allow_infinity,
            )
        whole = is_whole(dtype)
        return self.elements.map(lambda number: _taken(number, dtype, whole=whole))


def _taken(number: Any, dtype: torch.dtype, *, whole: bool) -> Any:
    """A number of elements=, as the dtype has it.  Raises CannotDraw where it cannot have it."""
    try:
        value = float(number)
        if whole:
            low, high = ends_of(dtype)
            fits = value.is_integer() and low <= int(number) <= high
        else:
            fits = not math.isfinite(value) or math.isfinite(held_in(dtype, value))
    except (TypeError, ValueError, OverflowError):
        fits = False
    if not fits:
        raise CannotDraw(f"tensors: elements= gave {number!r}, which {dtype} cannot hold; give numbers of that dtype")
    return int(number) if whole else held_in(dtype, value)


def tensors(
    shape: Shape | st.SearchStrategy[Shape],
    *,
    dtype: torch.dtype | st.SearchStrategy[torch.dtype] = torch.float64,
    elements: st.SearchStrategy[Any] | None = None,
    min_value: float | None = None,
    max_value: float | None = None,
    allow_nan: bool = False,
    allow_infinity: bool = False,
    unique: bool = False,
    extremes: bool = True,
    strides: bool = True,
    domain: str | Domain = REALS,
) -> st.SearchStrategy[torch.Tensor]:
    """Tensors of a shape: few distinct numbers (so that ties and zeros are frequent), ordinary ones, and extremes.

        tensors((64, 64))                                    large ones are drawn as fast: few numbers, strewn over them
        tensors(5, dtype=st.sampled_from([torch.float32, torch.int64]))
        tensors((3, 4), min_value=0, max_value=10)           or elements=, a strategy of the entries
        tensors((3, 4), domain=":simplex")                   written as behind a tensor in a signature
        tensors((3, 4), allow_nan=True, allow_infinity=True), tensors((3, 4), unique=True)

    `shape` is a number, several, or a strategy of either; `dtype` a torch dtype (real, whole, bool) or a strategy of
    some.  With `extremes`, also numbers up to 1000 (as far as max_value allows) and near the ends of the domain.  With
    `strides`, some are stored transposed, as a slice with steps, behind an offset, or with stride 0.

    Raises CannotDraw or DomainError where no tensor is like that; for a shape or dtype that is drawn, when it is drawn.
    """
    fitting = _domain(domain)
    if elements is not None and not isinstance(elements, st.SearchStrategy):
        raise CannotDraw(f"tensors: expected elements= to be a strategy such as st.floats(0, 1), got {elements!r}")
    if elements is not None and not (min_value is None and max_value is None and not allow_nan and not allow_infinity):
        raise CannotDraw(
            "tensors: elements= says which numbers there are; leave out min_value, max_value, allow_nan and "
            "allow_infinity, or elements"
        )
    if (allow_nan or allow_infinity) and not fitting.is_reals:
        raise CannotDraw(
            f"tensors: NaN and infinity lie in no domain, got domain={str(fitting).strip()!r}; leave one of them out"
        )
    if unique and fitting.structure:
        raise CannotDraw(
            f"tensors: unique=True, but the entries of {str(fitting).strip()!r} depend on one another; leave one out"
        )
    bounds = _bounds(min_value, max_value)
    fitting = fitting & Domain(bounds)
    inner = Interval() if fitting.structure else fitting.interval
    if not extremes and not fitting.structure:
        inner = narrowed(fitting.interval if bounds.everything else _domain(domain).interval, _MARGIN) & bounds
        inner = fitting.interval if inner.is_empty else inner
    wanted = _Wanted(fitting, inner, elements, extremes, strides, unique, allow_nan, allow_infinity)
    if not isinstance(dtype, st.SearchStrategy):
        wanted.numbers(dtype)
    if not isinstance(shape, st.SearchStrategy):
        shape = _sizes(shape)
        _check_fits(fitting, shape)
        if unique and not isinstance(dtype, st.SearchStrategy):
            _check_unique(wanted, dtype, math.prod(shape))
    return _tensors(shape, dtype, wanted)


@st.composite
def _tensors(draw: st.DrawFn, shape: Any, dtype: Any, wanted: _Wanted) -> torch.Tensor:
    sizes = _sizes(draw(shape)) if isinstance(shape, st.SearchStrategy) else shape
    dtype = draw(dtype) if isinstance(dtype, st.SearchStrategy) else dtype
    _check_fits(wanted.domain, sizes)
    storages = [name for name in STORAGES if not (wanted.unique and name == "expanded")]
    storage = draw(st.sampled_from(storages)) if wanted.strides and sizes else "contiguous"
    numbers = _filled(draw, wanted, dtype, math.prod(sizes)).reshape(sizes)
    domain = wanted.domain
    if domain.is_reals or (wanted.elements is None and not domain.structure):
        return stored(torch.from_numpy(numbers).to(dtype), storage)
    narrow = np.float64 if dtype == torch.float64 or is_whole(dtype) else np.float32
    margin = 0 if wanted.extremes else _MARGIN
    moved = inside(domain, numbers.astype(narrow), bits_of(dtype), margin=margin)
    tensor = torch.from_numpy(np.ascontiguousarray(within_dtype(dtype, domain.interval, moved))).to(dtype)
    tensor = tensor.reshape(sizes)
    other = stored(tensor, storage)
    return tensor if outside(domain, other.double().numpy()) is not None else other


def _filled(draw: st.DrawFn, wanted: _Wanted, dtype: torch.dtype, count: int) -> Any:
    """So many numbers: each drawn by itself where they are few, else few of them, strewn over all places."""
    numbers, kind = wanted.numbers(dtype), np.int64 if is_whole(dtype) else np.float64
    if wanted.unique:
        _check_unique(wanted, dtype, count)
        if count <= _EACH:
            return np.array(draw(st.lists(numbers, min_size=count, max_size=count, unique=True)), dtype=kind)
        return distinct(dtype, wanted.interval, count, draw(_SEEDS)).astype(kind)
    if count <= _EACH:
        return np.array(draw(st.lists(numbers, min_size=count, max_size=count)), dtype=kind)
    fill = draw(numbers)
    drawn = draw(arrays_of.arrays(kind, min(count, _SOME), elements=numbers, fill=st.just(fill)))
    how, seed = draw(st.sampled_from(_LARGE)), draw(_SEEDS)  # last, so that the numbers stay when these shrink
    if how == "few":
        found = np.full(count, fill, dtype=kind)
        found[: len(drawn)] = drawn
        return found
    rng, finite = np.random.default_rng(seed), drawn[np.isfinite(drawn)]
    if how == "strewn" or wanted.elements is not None or not len(finite):
        return rng.choice(np.unique(drawn), count)
    least, largest = finite.min(), finite.max()  # of those that are drawn, so that they shrink
    if kind is np.int64:
        return rng.integers(least, largest, count, endpoint=True)
    return rng.permutation(np.linspace(least, largest, count))


_SEEDS = st.integers(0, 2**16)
"""0, the simplest, leaves what differs in growing order."""


def _check_unique(wanted: _Wanted, dtype: torch.dtype, count: int) -> None:
    """Nothing where so many numbers can differ; CannotDraw otherwise."""
    if wanted.elements is None:
        distinct(dtype, wanted.interval, count, 0)
    elif count > _EACH:
        raise CannotDraw(
            f"tensors: unique=True takes at most {_EACH} entries from elements=, got {count}; "
            "give min_value and max_value instead of elements, or a smaller shape"
        )


def _bounds(low: float | None, high: float | None) -> Interval:
    """The interval of min_value and max_value.  Raises CannotDraw where they are none."""
    for name, end in (("min_value", low), ("max_value", high)):
        if end is not None and not (isinstance(end, int | float | Fraction) and math.isfinite(end)):
            raise CannotDraw(f"tensors: expected {name} to be a finite number, got {end!r}; leave it out for no bound")
    if low is not None and high is not None and low > high:
        raise CannotDraw(f"tensors: no number lies between min_value={low!r} and max_value={high!r}; exchange them")
    ends = [None if end is None else Fraction(end) for end in (low, high)]
    return Interval(ends[0], ends[1], low is not None, high is not None)


def _domain(domain: str | Domain) -> Domain:
    """The domain, read.  Raises DomainError."""
    if not isinstance(domain, str | Domain):
        raise DomainError(f"tensors: expected a domain such as '>0' or ':simplex', got {type(domain).__name__}")
    return Domain.parse(domain) if isinstance(domain, str) else domain


def _sizes(shape: Any) -> tuple[int, ...]:
    """The shape as a tuple.  Raises CannotDraw where it is none."""
    sizes = (shape,) if isinstance(shape, int) else shape
    whole = isinstance(sizes, Sequence) and not isinstance(sizes, str)
    if not whole or not all(isinstance(n, int) and not isinstance(n, bool) and n >= 0 for n in sizes):
        raise CannotDraw(f"tensors: expected a shape such as 5 or (3, 4), or a strategy of shapes, got {shape!r}")
    return tuple(sizes)


def _check_fits(domain: Domain, sizes: tuple[int, ...]) -> None:
    """Nothing where tensors of the shape can lie in the domain; DomainError where not."""
    domain.of(("",) * len(sizes), f"tensors: a tensor of shape {sizes}")
    if domain.is_square and sizes[-1] != sizes[-2]:
        raise DomainError(f"tensors: a tensor of shape {sizes} cannot be {domain} ({domain.words}): it is not square")


def members(tensor: str, *, largest: int = 4, **options: Any) -> st.SearchStrategy[torch.Tensor]:
    """A tensor with axes of any size, in its domain; both as a signature writes them, such as "p[n,i]:simplex".

        @given(members("p[n,i]:simplex", largest=3, dtype=torch.float32))

    `options` are those of `tensors`; whole numbers (t[b]:int) stay below `largest`.
    """
    inputs = Signature.parse(f"{tensor} -> result_").inputs
    if len(inputs) != 1:
        raise SignatureError(f"members: expected one tensor such as p[n,i]:simplex, got {tensor!r}")
    (axes,) = inputs
    return shapes(tensor, largest=largest).flatmap(
        lambda sizes: tensor_of(axes, tuple(sizes[letter] for letter in axes.axes), largest, **options)
    )


def tensor_of(tensor: Axes, shape: tuple[int, ...], below: int, **options: Any) -> st.SearchStrategy[torch.Tensor]:
    """Values for an input of a layer; whole numbers stay below a size."""
    if not tensor.integer:
        return tensors(shape, domain=tensor.domain, **options)
    strides = options.get("strides", True)
    return tensors(shape, dtype=torch.int64, min_value=0, max_value=below - 1, strides=strides)
