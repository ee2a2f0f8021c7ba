"""Hypotheses that compare yours with right and with the tensors at hand, entry by entry.

In   Observed
Out  one sentence that holds at every probe, or None

    yours is some tensor itself; yours = right x f(tensor); yours = right + tensor
"""

from __future__ import annotations

from collections.abc import Callable, Iterator
from functools import partial
from typing import Any

import numpy as np

from scratchgrad.certification.observed import Observed, Predict, Seen

__all__ = ["relation", "same_as"]

Array = Any
Candidate = tuple[str, Predict]

_FACTORS: tuple[tuple[str, Callable[[Array], Array]], ...] = (
    ("{}", lambda z: z),
    ("(1 - {})", lambda z: 1 - z),
    ("{} (1 - {})", lambda z: z * (1 - z)),
    ("(1 - {}^2)", lambda z: 1 - z * z),
    ("{}^2", lambda z: z * z),
    ("sqrt({})", np.sqrt),
    ("2 {}", lambda z: 2 * z),
)


def same_as(observed: Observed) -> str | None:
    """Of which tensor yours is a copy, at every probe."""
    return next((words for words, predict in _itself(observed) if observed.explains(predict)), None)


def relation(observed: Observed) -> str | None:
    """The first relation that holds at every probe."""
    for look in (_factors, _differences):
        for words, predict in look(observed):
            if observed.explains(predict):
                return words
    return None


def _tensors(observed: Observed, s: Seen) -> dict[str, Array]:
    """All tensors at a probe that fit the result: inputs, outputs, upstream gradients."""
    outputs = {role.name: s.truths[role.name].high for role in observed.specification.outputs}
    found = {**s.point.tensors, **outputs, **observed.tensors(s)}
    found.pop(observed.name, None)
    return {name: np.asarray(values, float) for name, values in found.items()}


def _names(observed: Observed) -> list[str]:
    """The tensors that can be multiplied into the result, at all usual points."""

    def fits(name: str) -> bool:
        return all(_fitted(_tensors(observed, s)[name], s.right) is not None for s in observed.usual)

    return [name for name in _tensors(observed, observed.usual[0]) if fits(name)]


def _fitted(values: Array, like: Array) -> Array | None:
    """The values, broadcast to a shape: as they are, or one for each row."""
    if values.shape == like.shape:
        return values
    if values.ndim and values.shape == like.shape[: values.ndim]:
        return np.broadcast_to(values.reshape(values.shape + (1,) * (like.ndim - values.ndim)), like.shape)
    if values.shape == like.shape[like.ndim - values.ndim :]:
        return np.broadcast_to(values, like.shape)
    return None


def _get(observed: Observed, name: str, s: Seen) -> Array:
    found = _fitted(_tensors(observed, s)[name], s.right)
    return np.full(s.right.shape, np.nan) if found is None else found


def _combined(observed: Observed, name: str, right: float, sign: float, s: Seen) -> Array:
    """A part of the right tensor, and the named one with a sign."""
    return right * s.right + sign * _get(observed, name, s)


def _itself(observed: Observed) -> Iterator[Candidate]:
    for name in _names(observed):
        yield f"yours is {name} itself", partial(_combined, observed, name, 0.0, 1.0)
        yield f"yours is -{name}", partial(_combined, observed, name, 0.0, -1.0)


def _factors(observed: Observed) -> Iterator[Candidate]:
    for name in _names(observed):
        for shown, function in _FACTORS:

            def times(s: Seen, n: str = name, f: Callable[[Array], Array] = function) -> Array:
                with np.errstate(all="ignore"):
                    return s.right * f(_get(observed, n, s))

            def over(s: Seen, n: str = name, f: Callable[[Array], Array] = function) -> Array:
                with np.errstate(all="ignore"):
                    return s.right / f(_get(observed, n, s))

            words = shown.format(name, name)
            yield f"yours = right x {words}", times
            yield f"yours = right / {words}: the factor {words} is missing", over


def _differences(observed: Observed) -> Iterator[Candidate]:
    for name in _names(observed):
        yield f"yours = right + {name}", partial(_combined, observed, name, 1.0, 1.0)
        yield f"yours = right - {name}", partial(_combined, observed, name, 1.0, -1.0)
