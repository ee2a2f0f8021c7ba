"""What a wrong result looks like: hypotheses that are tested against all that the subject returned.

In   Observed: a wrong output or gradient, at every probe
Out  one sentence that holds at every probe, or none

    a constant factor, a sign, a transposition, gradients in the wrong order, what is not summed, or averaged; what is
    right elsewhere (other_places.py); then the formulas that are one mistake away from the right one (formulas.py)
"""

from __future__ import annotations

import itertools
from collections.abc import Iterable, Iterator
from fractions import Fraction
from functools import partial
from typing import Any, NamedTuple

import numpy as np

from scratchgrad.certification.axes import axis_words
from scratchgrad.certification.formulas import formula
from scratchgrad.certification.jacobians import jacobian_hypothesis
from scratchgrad.certification.observed import Observed, Predict, Seen, close
from scratchgrad.certification.other_places import at_other_inputs, elsewhere, only_a_part
from scratchgrad.certification.relations import relation, same_as
from scratchgrad.certification.without_operations import without_operations

__all__ = ["Hypothesis", "hypothesis"]

_DIGITS = 1e-9
_NONE = 1e-12
_DIMENSIONS = 4
"""Tensors of more axes are not looked at in every order of their axes."""

Array = Any
Candidate = tuple[str, Predict]


class Hypothesis(NamedTuple):
    """What explains every probe; `whole` where it says what is wrong, and not only what was returned."""

    words: str
    whole: bool = True


def hypothesis(observed: Observed) -> Hypothesis | None:
    """What the mistake looks like: the first hypothesis that explains every probe; None where none does."""
    usual = observed.usual
    if not usual or not all(observed.name in s.yours for s in usual):
        return None
    if not any(s.failed for s in usual):  # right at ordinary points: they do not tell one mistake from another
        return None
    if not any(s.tells for s in observed.failed):  # nothing but numbers that are not finite
        return None
    looks = (look(observed) for look in (_ratios, _sums, _arrangements, only_a_part, elsewhere))
    simple = _first(observed, itertools.chain.from_iterable(looks))
    if simple is not None:
        return Hypothesis(simple)
    found = formula(observed)
    if found is None and (itself := same_as(observed)) is not None:
        return Hypothesis(itself, whole=False)
    order = ("the right numbers stand in another order", _sorted_alike)
    found = (
        found
        or _first(observed, at_other_inputs(observed))
        or relation(observed)
        or jacobian_hypothesis(observed)
        or _first(observed, itertools.chain(without_operations(observed), [order]))
    )
    return None if found is None else Hypothesis(found)


def _first(observed: Observed, candidates: Iterable[Candidate]) -> str | None:
    """The words of the first candidate that explains every probe."""
    return next((words for words, predict in candidates if observed.explains(predict)), None)


def _ratios(observed: Observed) -> Iterator[Candidate]:
    """Yours = k x right, where k is the same everywhere, or follows the sizes."""
    name, factors = observed.name, []
    for s in observed.usual:
        if not s.fits or not s.right.size or not np.isfinite(s.mine).all():
            return
        k = float((s.mine * s.right).sum() / (s.right * s.right).sum()) if s.right.any() else 0.0
        if not close(s.mine, k * s.right):
            return
        factors.append(k)
    if all(abs(k) < _DIGITS for k in factors):
        yield f"{name} is 0 everywhere", lambda s: 0 * s.right
    if _equal(factors) and abs(factors[0] - 1) > _NONE:
        k = factors[0]
        words = "the sign is wrong everywhere: yours = -right" if abs(k + 1) < _DIGITS else ""
        yield words or f"yours = {_factor(k)} x right everywhere", lambda s: k * s.right
    yield from _by_scalars(observed)
    if observed.specification.batched:
        words = "yours = right / batch: a mean over the batch stands where the sum belongs"
        yield words, lambda s: s.right / max(s.point.batch or 1, 1)
        yield "yours = right x batch", lambda s: s.right * (s.point.batch or 1)
        yield "yours = right x sqrt(batch)", lambda s: s.right * float(s.point.batch or 1) ** 0.5
        yield "yours = right / sqrt(batch)", lambda s: s.right / float(s.point.batch or 1) ** 0.5
    for size in observed.specification.sizes:
        yield from _by_size(size)


def _by_size(size: Any) -> Iterator[Candidate]:
    """Factors that follow a size."""

    def of(power: float, of_one_less: float = 0.0) -> Predict:
        def predict(s: Seen) -> Array:
            n = s.point.sizes[size]
            return s.right * float(n) ** power * float(max(n - 1, 1)) ** of_one_less

        return predict

    yield f"yours = right / {size}: a mean stands where a sum belongs", of(-1)
    yield f"yours = right x {size}: a sum stands where a mean belongs", of(1)
    yield f"yours = right x {size}/({size} - 1): it divides by {size} - 1 where {size} belongs", of(1, -1)
    yield f"yours = right x ({size} - 1)/{size}: it divides by {size} where {size} - 1 belongs", of(-1, 1)
    yield f"yours = right x sqrt({size})", of(0.5)
    yield f"yours = right / sqrt({size})", of(-0.5)


def _by_scalars(observed: Observed) -> Iterator[Candidate]:
    """Factors that are inputs of one number."""
    for role in observed.specification.differentiable:
        if role.tensor.sizes or role.sample:
            continue

        def times(s: Seen, name: str = role.name) -> Array:
            return s.right * float(s.point.tensors[name])

        def over(s: Seen, name: str = role.name) -> Array | None:
            c = float(s.point.tensors[name])
            return s.right / c if c else None

        yield f"yours = right x {role.name}", times
        yield f"yours = right / {role.name}: the factor {role.name} is missing", over


def _arrangements(observed: Observed) -> Iterator[Candidate]:
    """The right numbers in a wrong place."""
    axes = max((s.right.ndim for s in observed.usual), default=0)
    if axes > 1:
        yield "transposed: yours, transposed, is right", lambda s: np.swapaxes(s.right, -1, -2)
    for axis in range(axes):
        where = axis_words(observed.role, axis)
        yield f"the right numbers in reversed order along {where}", partial(_flipped, axis)
        for shift, way in ((1, "towards the end"), (-1, "towards the beginning")):
            words = f"the right numbers, shifted by one {way} along {where}"
            yield words, partial(_rolled, axis, shift)
            yield f"{words}, 0 in the gap", partial(_pushed, axis, shift)
    if axes > 1:
        for shift in (1, -1):
            words = "the right numbers, shifted by one along the last two axes, 0 in the gap"
            yield words, partial(_pushed_twice, shift)
    for order in itertools.permutations(range(axes)) if 2 < axes <= _DIMENSIONS else ():
        words = f"the axes are permuted: yours is the right tensor with its axes in the order {order}"
        yield words, partial(_permuted, order)
    for other in observed.usual[0].truths:
        if other != observed.name:
            words = f"what stands in the place of {observed.name} is {other}: the order is wrong"
            yield words, partial(_other, other)
    if not all(s.fits for s in observed.usual):
        words = "the numbers are right, the shape is not"
        yield words, lambda s: s.right.reshape(s.mine.shape) if s.mine.size == s.right.size else s.right


def _sorted_alike(s: Seen) -> Array:
    """The right numbers in the order of yours."""
    if not s.fits:
        return s.right
    found = np.empty(s.right.size)
    found[np.argsort(s.mine, axis=None, kind="stable")] = np.sort(s.right, axis=None)
    return found.reshape(s.right.shape)


def _flipped(axis: int, s: Seen) -> Array:
    return np.flip(s.right, axis)


def _rolled(axis: int, shift: int, s: Seen) -> Array:
    return np.roll(s.right, shift, axis)


def _permuted(order: tuple[int, ...], s: Seen) -> Array:
    return s.right.transpose(order)


def _other(name: str, s: Seen) -> Array:
    return s.truths[name].high


def _pushed(axis: int, shift: int, s: Seen) -> Array:
    """The right values shifted along an axis; nothing comes in from the other end."""
    return _moved(s.right, axis, shift)


def _pushed_twice(shift: int, s: Seen) -> Array:
    return _moved(_moved(s.right, -1, shift), -2, shift)


def _moved(values: Array, axis: int, shift: int) -> Array:
    found = np.array(np.roll(values, shift, axis))
    edge = [slice(None)] * found.ndim
    edge[axis] = slice(0, 1) if shift > 0 else slice(-1, None)
    found[tuple(edge)] = 0
    return found


def _sums(observed: Observed) -> Iterator[Candidate]:
    """Yours has an axis more than the right tensor, and summed over it would be right."""
    first = observed.usual[0]
    more = first.mine.ndim - first.right.ndim
    if more <= 0:
        return
    for axes in itertools.combinations(range(first.mine.ndim), more):
        if not all(close(s.mine.sum(axis=axes), s.right) for s in observed.usual if s.mine.ndim == first.mine.ndim):
            continue

        def predict(s: Seen, axes: tuple[int, ...] = axes) -> Array | None:
            fits = s.mine.ndim == s.right.ndim + len(axes)
            return s.mine if fits and s.agrees_with_sum(axes) else None if s.mine.shape == s.right.shape else s.right

        if axes == (0,) and observed.specification.batched and not observed.role.sample:
            yield "not summed over the batch: yours has one gradient for each sample", predict
        else:
            of = "axis" if len(axes) == 1 else "axes"
            lengths = " and ".join(_length(first, first.mine.shape[a]) for a in axes)
            shown = " and ".join(map(str, axes))
            yield f"not summed over {of} {shown}, of {lengths}: yours has one gradient for each place", predict


def _length(seen: Seen, length: int) -> str:
    """The size that is so long, by its name where it has one."""
    names = [str(size) for size, n in seen.point.sizes.items() if n == length]
    return f"length {names[0]}" if len(names) == 1 else f"length {length}"


def _equal(numbers: list[float]) -> bool:
    return max(numbers) - min(numbers) <= _DIGITS * max(map(abs, numbers))


def _factor(k: float) -> str:
    near = Fraction(k).limit_denominator(100)
    return str(near) if abs(float(near) - k) <= _DIGITS * abs(k) else f"{k:.10g}"
