"""Whole numbers as an example has them: permutations, offsets, sorted and distinct ones stay what they are.

In   the integer arrays of the examples
Out  Structure: what they have in common, how others like them are drawn, and how that is said

Few numbers may have a structure by chance.  How likely that is decides: four labels of ten classes are distinct every
second time, and say nothing; four of six that are sorted as well are meant to be so.
"""

from __future__ import annotations

import math
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np

__all__ = ["Structure", "structure_of"]

Array = Any

_FEW = 3
"""So many numbers may be a permutation by accident; then index them freely, twice, too."""

# TRUST: integers-in-range
_CHANCE = 0.33
"""Distinct or sorted numbers are taken to be meant so where chance makes such ones less often than that."""


@dataclass(frozen=True)
class Structure:
    """What integer arrays have in common; `words` say it, "" where they are free.

    `fixed` says that their number is part of it: no other number of them is like these.
    """

    words: str
    draw: Callable[[Sequence[Array], np.random.Generator, tuple[int, ...]], Array]
    fixed: bool = False


def structure_of(examples: Sequence[Array]) -> Structure:
    """The first structure that all the examples have."""
    whole = [a for a in examples if a.size and a.dtype.kind in "iu"]
    if whole and len(whole) == len(examples):
        for holds, structure in _STRUCTURES:
            if all(map(holds, whole)):
                return structure
    return _FREE


def _any(examples: Sequence[Array], rng: np.random.Generator, shape: tuple[int, ...]) -> Array:
    """Any of the numbers."""
    drawn = np.concatenate([array.ravel() for array in examples])
    return np.zeros(shape, drawn.dtype) if not drawn.size else rng.choice(drawn, shape)


def _is_permutation(values: Array) -> bool:
    """Whether rows are permutations of 0, 1, 2, ..; too short or sorted ones may be so by accident."""
    if not values.ndim or values.shape[-1] <= _FEW:
        return False
    rows, every = values.reshape(-1, values.shape[-1]), np.arange(values.shape[-1])
    return bool((np.sort(rows) == every).all() and not (rows == every).all())


def _permutations(examples: Sequence[Array], rng: np.random.Generator, shape: tuple[int, ...]) -> Array:
    if not shape:
        return _any(examples, rng, shape)
    return rng.permuted(np.broadcast_to(np.arange(shape[-1], dtype=examples[0].dtype), shape), axis=-1)


def _is_one_hot(values: Array) -> bool:
    """Whether there are several rows with a single 1 and else zeros."""
    several = values.ndim > 1 and values.shape[-1] > 1 and values.size > values.shape[-1]
    return bool(several and np.isin(values, (0, 1)).all() and (values.sum(axis=-1) == 1).all())


def _one_hot(examples: Sequence[Array], rng: np.random.Generator, shape: tuple[int, ...]) -> Array:
    found = np.zeros(shape, examples[0].dtype)
    np.put_along_axis(found, rng.integers(shape[-1], size=(*shape[:-1], 1)), 1, axis=-1)
    return found


def _is_increasing(values: Array) -> bool:
    """Whether the numbers grow, and not one by one: offsets from 0 on, or sorted ones of which none comes twice."""
    steps = np.diff(values) if values.ndim == 1 else np.zeros(0)
    if len(steps) < 2 or not (steps > 0).all() or not (steps > 1).any():
        return False
    return bool(values[0] == 0 or _chance_of_distinct(values) / math.factorial(len(values)) < _CHANCE / _FEW)


def _is_sorted(values: Array) -> bool:
    """Whether the numbers never fall, and some come several times: segments, or offsets of which some are empty."""
    steps = np.diff(values) if values.ndim == 1 else np.zeros(0)
    if not (steps >= 0).all() or not (steps > 0).any() or not (steps == 0).any():
        return False
    ways = math.factorial(len(values)) if len(values) <= _ALL else math.inf
    for count in np.unique(values, return_counts=True)[1]:
        ways = ways / math.factorial(count) if ways < math.inf else ways
    return 1 / ways < _CHANCE / _FEW


_ALL = 20
"""Of more numbers none is sorted by accident."""


def _sorted(examples: Sequence[Array], rng: np.random.Generator, shape: tuple[int, ...]) -> Array:
    """The same numbers, each as often as another one; of another length sorted anew, between the same ends."""
    example = examples[int(rng.integers(len(examples)))]
    numbers, counts = np.unique(example, return_counts=True)
    if shape == example.shape:
        return np.repeat(numbers, rng.permutation(counts))
    found = np.sort(rng.choice(example, shape))
    if found.size > 1:
        found[0], found[-1] = example[0], example[-1]
    return found


def _is_distinct(values: Array) -> bool:
    """Whether no number comes twice in a row, where chance would have made one come twice."""
    if not values.ndim or values.shape[-1] <= 1 or values.size <= _FEW:
        return False
    rows = values.reshape(-1, values.shape[-1])
    if any(len(np.unique(row)) < len(row) for row in rows):
        return False
    one_by_one = (np.diff(rows) == 1).all()
    return bool(not one_by_one and _chance_of_distinct(values) < _CHANCE)


def _chance_of_distinct(values: Array) -> float:
    """How likely all rows are distinct where each number up to the largest is as likely."""
    many, length = int(values.max()) + 1, values.shape[-1]
    one = math.prod(1 - k / many for k in range(length))
    return float(one ** (values.size // length))


def _given(examples: Sequence[Array], rng: np.random.Generator, shape: tuple[int, ...]) -> Array:
    """One of the examples of this shape; else some of their numbers, in order."""
    same = [array for array in examples if array.shape == shape]
    return same[int(rng.integers(len(same)))].copy() if same else np.sort(_some(examples, rng, shape), axis=-1)


def _distinct(examples: Sequence[Array], rng: np.random.Generator, shape: tuple[int, ...]) -> Array:
    """The rows of the examples, each in another order; of another length some of their numbers."""
    same = [array for array in examples if array.shape[-1:] == shape[-1:]]
    if not same:
        return _some(examples, rng, shape)
    rows = np.concatenate([array.reshape(-1, array.shape[-1]) for array in same])
    count = math.prod(shape[:-1])
    return rng.permuted(rows[rng.integers(len(rows), size=count)], axis=-1).reshape(shape)


def _some(examples: Sequence[Array], rng: np.random.Generator, shape: tuple[int, ...]) -> Array:
    """Distinct numbers up to the largest, as long as there are so many."""
    most = max(int(array.max()) for array in examples) + 1
    if not shape or shape[-1] > most:
        return _any(examples, rng, shape)
    rows = rng.permuted(np.broadcast_to(np.arange(most), (*shape[:-1], most)), axis=-1)
    return rows[..., : shape[-1]].astype(examples[0].dtype)


_FREE = Structure("", _any)
_STRUCTURES: tuple[tuple[Callable[[Array], bool], Structure], ...] = (
    (_is_permutation, Structure("a permutation", _permutations)),
    (_is_one_hot, Structure("one-hot", _one_hot)),
    (_is_increasing, Structure("as given, growing", _given, fixed=True)),
    (_is_sorted, Structure("sorted", _sorted)),
    (_is_distinct, Structure("distinct numbers", _distinct, fixed=True)),
)
