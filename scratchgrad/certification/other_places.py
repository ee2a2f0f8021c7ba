"""Hypotheses that say where the result would be right: yours, at x, is what is right at another place.

In   Observed
Out  pairs (words, prediction); what is predicted is the definition's own value at a changed point

    the upstream gradient      ignored, squared, its absolute value, only its first or last part
    an input                   the output, another input, its negative, 0, 1 in its place; reversed, shifted
    the direction              a sum that runs from the other end
"""

from __future__ import annotations

import itertools
from collections.abc import Callable, Iterator
from dataclasses import replace
from functools import partial
from typing import Any

import numpy as np

from scratchgrad.certification.axes import axis_words
from scratchgrad.certification.observed import Observed, Predict, Seen
from scratchgrad.certification.point import Point
from scratchgrad.certification.specification import Role

__all__ = ["at_other_inputs", "elsewhere", "only_a_part"]

Array = Any
Candidate = tuple[str, Predict]
Change = Callable[[Array], Array]


def only_a_part(observed: Observed) -> Iterator[Candidate]:
    """Only the first or the last part of an upstream gradient, along some axis, counts."""
    if observed.stage != "backward":
        return
    for role in observed.specification.outputs:
        axes = observed.usual[0].point.upstream[role.name]
        for axis in range(0 if axes is None else axes.ndim):
            for place, word in ((0, "first"), (-1, "last")):
                if role.sample and axis == 0:
                    words = f"not summed over the batch: only the {word} sample counts"
                else:
                    gradient = role.tensor.gradient.name
                    words = (
                        f"only the {word} part of {gradient} along {axis_words(role, axis)} counts: a sum is missing"
                    )
                yield words, _at(observed, partial(_upstream, partial(_kept, axis, place), role))


def elsewhere(observed: Observed) -> Iterator[Candidate]:
    """What is right at a changed point, where the change is one that people make."""
    yield from _upstreams(observed)
    yield from _confused(observed)
    yield from _directions(observed)


def at_other_inputs(observed: Observed) -> Iterator[Candidate]:
    """What is right at other values of an input: likely where no formula says more."""
    for role in observed.specification.differentiable:
        yield from _changed(observed, role)
    if observed.specification.function is not None:
        yield from _outputs(observed)


def _upstreams(observed: Observed) -> Iterator[Candidate]:
    if observed.stage != "backward":
        return
    for role in observed.specification.outputs:
        name = role.tensor.gradient.name
        what = f"the upstream gradient {name}"
        missing = f"the upstream gradient is ignored, {name} is missing: right only where the upstream gradient is 1"
        changes: tuple[tuple[str, Change], ...] = (
            (missing, np.ones_like),
            (f"{what} counts squared", np.square),
            (f"{what} counts without its sign", np.abs),
            (f"{what} is averaged first", lambda g: np.full_like(g, g.mean() if g.size else 0.0)),
            (f"{what} is summed first", lambda g: np.full_like(g, g.sum())),
        )
        for words, change in changes:
            yield words, _at(observed, partial(_upstream, change, role))


def _confused(observed: Observed) -> Iterator[Candidate]:
    """One tensor in the place of another of the same shape."""
    spec = observed.specification
    if spec.function is None:
        yield from _outputs(observed)
    for one, other in itertools.combinations(spec.differentiable, 2):
        if not _alike(observed, one, other):
            continue

        def swapped(p: Point, a: str = one.name, b: str = other.name) -> Point:
            return replace(p, tensors={**p.tensors, a: p.tensors[b], b: p.tensors[a]})

        words = f"yours is right for {one.name} and {other.name} exchanged"
        yield words, _at(observed, swapped)
        both = {r.tensor.gradient.name for r in (one, other)}
        if observed.name in both:
            (partner,) = both - {observed.name}
            yield words, _at(observed, swapped, partner)


def _outputs(observed: Observed) -> Iterator[Candidate]:
    """The output in the place of an input."""
    spec = observed.specification
    for role in spec.differentiable:
        for out in spec.outputs:
            if _alike(observed, role, out):
                words = f"yours is right for the output {out.name} in the place of {role.name}"
                yield words, _with_output(observed, role, out)


def _changed(observed: Observed, role: Role) -> Iterator[Candidate]:
    """One input is changed."""
    name = role.name
    changes: list[tuple[str, Change]] = [
        (f"yours is right for -{name} in the place of {name}: is the sign of {name} reversed?", np.negative),
        (f"{name} is missing (it counts as 1)", np.ones_like),
    ]
    if not role.tensor.indices:  # one number, such as an epsilon
        changes.append((f"{name} is missing (it counts as 0)", np.zeros_like))
    axes = observed.usual[0].point.tensors[name].ndim
    for axis in range(axes):
        where = axis_words(role, axis)
        changes.append((f"yours is right for {name} reversed along {where}", partial(np.flip, axis=axis)))
        changes.append((f"yours is right for {name} shifted along {where}", partial(np.roll, shift=1, axis=axis)))
        changes.append((f"yours is right for {name} shifted along {where}", partial(np.roll, shift=-1, axis=axis)))
    if axes > 1:
        words = f"yours is right for {name} transposed: is a transpose missing?"
        changes.append((words, lambda x: np.swapaxes(x, -1, -2) if x.shape[-1] == x.shape[-2] else x))
    for words, change in changes:

        def put(p: Point, c: Change = change) -> Point:
            return p.with_array(name, np.array(c(p.tensors[name])), upstream=False)

        yield words, _at(observed, put)


def _directions(observed: Observed) -> Iterator[Candidate]:
    """Both the upstream gradient and the result read from the other end."""
    role = observed.role
    if observed.stage != "backward":
        return
    for out in observed.specification.outputs:
        if not _alike(observed, role, out):
            continue
        for axis in range(observed.usual[0].right.ndim):

            def predict(s: Seen, a: int = axis, out: Role = out) -> Array | None:
                changed = _upstream(partial(np.flip, axis=a), out, s.point)
                found = observed.predicted(changed)
                return None if found is None else np.flip(found[observed.name], a)

            yield f"it runs backwards along {axis_words(role, axis)}: yours is right read from the other end", predict


def _at(observed: Observed, change: Callable[[Point], Point], name: str | None = None) -> Predict:
    """The prediction that yours is what is right at a changed point."""
    remembered: dict[Point, Array | None] = {}

    def predict(s: Seen) -> Array | None:
        if s.point not in remembered:
            found = observed.predicted(change(s.point))
            remembered[s.point] = None if found is None else found[name or observed.name]
        return remembered[s.point]

    return predict


def _with_output(observed: Observed, role: Role, out: Role) -> Predict:
    def predict(s: Seen) -> Array | None:
        values = s.truths[out.name].high
        found = observed.predicted(s.point.with_array(role.name, values, upstream=False))
        return None if found is None else found[observed.name]

    return predict


def _upstream(change: Change, role: Role, point: Point) -> Point:
    values = point.upstream[role.name]
    if values is None:
        return point
    with np.errstate(all="ignore"):  # the square of 1e200 is no number, and nothing is right there
        return point.with_array(role.name, np.array(change(values)), upstream=True)


def _kept(axis: int, place: int, values: Array) -> Array:
    """The values, 0 but at one place of an axis."""
    found = np.zeros_like(values)
    if values.shape[axis]:
        at = (slice(None),) * axis + (place,)
        found[at] = values[at]
    return found


def _alike(observed: Observed, one: Role, other: Role) -> bool:
    """Whether two tensors have one shape, at all usual points."""
    return all(
        one.shape(s.point.sizes, s.point.batch) == other.shape(s.point.sizes, s.point.batch) for s in observed.usual
    )
