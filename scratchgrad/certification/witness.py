"""A witness for the calculus itself: central differences of the definition's forward against the derived element form.

    dJ/dx  =  (J(x + h) - J(x - h)) / 2h  +  O(h^2),      J = sum of <grad_u, u> over the outputs

Nothing of the derivation takes part in the right side: only the evaluation of the definition, in 60-digit arithmetic
with h = 1e-18, at random points away from kinks.  An agreement to 1e-30 says that the element form is the derivative.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from fractions import Fraction
from typing import Any

import mpmath
import numpy as np

from scratchgrad.certification.battery import Battery
from scratchgrad.certification.reference import DIGITS
from scratchgrad.certification.samples import Undefined
from scratchgrad.notation.evaluation import Exact, exact_array

__all__ = ["AGREES_TO", "STEP", "Witness", "WitnessDisagrees", "witness"]

STEP = "1e-18"
AGREES_TO = "1e-30"
_POINTS = 2

Array = Any


class WitnessDisagrees(ArithmeticError):
    """The derived element form is not the derivative of the definition: a mistake in the calculus, not in a kernel."""


@dataclass(frozen=True)
class Witness:
    """At how many points, and in how many entries of gradients, the differences agreed."""

    points: int
    entries: int


def witness(battery: Battery) -> Witness:
    """The differences agree with the element form.  Raises WitnessDisagrees where they do not."""
    points = entries = 0
    spec = battery.specification
    for salt in range(_POINTS):
        point = battery.point("normal", 1, battery.sizes(), salt=f"witness {salt}")
        try:
            right = battery.reference.values(point)
            tensors = {r.name: _row(point.tensors[r.name], r.sample) for r in spec.inputs}
            tensors = {name: a if a.dtype.kind == "i" else exact_array(a) for name, a in tensors.items()}
            upstream = {r.name: exact_array(_row(point.upstream[r.name], r.sample)) for r in spec.outputs}
            for role in spec.differentiable:
                expected = _row(right[role.tensor.gradient.name], role.sample)
                for place in np.ndindex(expected.shape):
                    found = _difference(battery, tensors, upstream, role.name, place)
                    _compare(battery, role.tensor.gradient.name, place, found, expected[place])
                    entries += 1
            points += 1
        except Undefined:
            continue
    return Witness(points, entries)


def _row(values: Any, sample: bool) -> Array:
    return np.asarray(values[0]) if sample else values


def _difference(
    battery: Battery, tensors: Mapping[str, Array], upstream: Mapping[str, Array], name: str, place: tuple[int, ...]
) -> Any:
    step = Fraction(STEP)
    moved = []
    for sign in (1, -1):
        values = tensors[name].copy()
        values[place] += sign * step
        moved.append(_objective(battery, {**tensors, name: values}, upstream))
    with mpmath.workdps(DIGITS):
        return (moved[0] - moved[1]) / (2 * step)


def _objective(battery: Battery, tensors: Mapping[str, Array], upstream: Mapping[str, Array]) -> Any:
    """J = the sum of <grad_u, u> over the outputs."""
    try:
        values = battery.specification.gradients.forward(tensors, Exact(DIGITS))
    except (ArithmeticError, ValueError) as error:
        raise Undefined(str(error)) from error
    with mpmath.workdps(DIGITS):
        return sum((np.sum(upstream[n] * values[n]) for n in upstream), Fraction(0))


def _compare(battery: Battery, name: str, place: tuple[int, ...], found: Any, expected: Any) -> None:
    with mpmath.workdps(DIGITS):
        error = _real(abs(found - expected))
        if not error <= mpmath.mpf(AGREES_TO) * max(1, abs(_real(expected))):
            raise WitnessDisagrees(
                f"{battery.specification.title}: {name}{list(place)} is {float(expected)!r} by the element form, but "
                f"{float(found)!r} by central differences of the definition (h = {STEP}); no kernel is at fault: "
                "please report this definition"
            )


def _real(value: Any) -> Any:
    return mpmath.mpf(value.numerator) / value.denominator if isinstance(value, Fraction) else value
