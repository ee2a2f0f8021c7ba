"""Conditions on a whole probe: the largest number in a tensor, a zero, a tie, an index that repeats, a size.

In   Observed
Out  numbers for every probe, as features; entry_conditions.py finds what separates
"""

from __future__ import annotations

from collections.abc import Callable, Iterator
from functools import partial
from typing import Any

import numpy as np

from scratchgrad.certification.entry_conditions import Feature
from scratchgrad.certification.observed import Observed, Seen

__all__ = ["probe_features"]

Array = Any


def probe_features(observed: Observed) -> Iterator[Feature]:
    """Numbers that belong to a probe, simple ones first."""
    spec = observed.specification
    for role in spec.inputs:
        if role.integer:
            yield _truth(f"repetitions in {role.name}", role.name, _repeats, f"an index in {role.name} repeats")
    for role in spec.differentiable:
        name = role.name
        yield _truth(f"{name} is 0", name, lambda x: not x.any(), f"{name} is 0 everywhere")
        yield _truth(f"zeros in {name}", name, lambda x: bool((x == 0).any()), f"{name} has an exact 0")
        yield _truth(f"ties of {name}", name, _tied, f"the largest number of {name} stands there twice (a tie)")
        yield _truth(f"negative {name}", name, lambda x: bool((x < 0).any()), f"{name} has a negative number")
    for role in spec.differentiable:
        yield _number(f"the largest |{role.name}|", role.name, lambda x: np.abs(x).max(initial=0.0))
        yield _number(f"the largest number of {role.name}", role.name, lambda x: x.max() if x.size else 0.0)
        yield _number(f"the smallest number of {role.name}", role.name, lambda x: x.min() if x.size else 0.0)
    if observed.stage == "backward":
        for role in spec.outputs:
            yield Feature(f"the largest |{role.tensor.gradient.name}|", partial(_largest_arriving, role.name))


def _largest_arriving(output: str, s: Seen) -> Array:
    gradient = s.point.upstream[output]
    return np.array([0.0 if gradient is None else float(np.abs(gradient).max(initial=0.0))])


def _truth(name: str, tensor: str, holds: Callable[[Array], bool], words: str) -> Feature:
    def of(s: Seen) -> Array:
        return np.array([float(holds(s.point.tensors[tensor]))])

    return Feature(name, of, said=(f"where {words}", f"except where {words}"))


def _number(name: str, tensor: str, measure: Callable[[Array], Any]) -> Feature:
    return Feature(name, lambda s: np.array([float(measure(s.point.tensors[tensor]))]))


def _repeats(t: Array) -> bool:
    return bool(np.unique(t).size < t.size)


def _tied(x: Array) -> bool:
    """Whether the largest number of some row stands in it more than once."""
    rows = x.reshape(-1, x.shape[-1]) if x.ndim else x.reshape(1, 1)
    return bool(rows.size and (np.sum(rows == rows.max(axis=-1, keepdims=True), axis=-1) > 1).any())
