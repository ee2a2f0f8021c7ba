"""A witness for the calculus itself: the derived element form against the adjoints of the definition's own entries.

Nothing of the derivation takes part in the adjoints: only the entries of the definition, differentiated one operation
after the other.  Both are evaluated in ball arithmetic at random points away from kinks; an agreement to 1e-30 says
that the element form, which sheets print and counterexamples quote, is the derivative.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any
from weakref import WeakKeyDictionary

import flint
import numpy as np

from scratchgrad.certification.battery import Battery
from scratchgrad.certification.exact.balls import Program, balls, precisely
from scratchgrad.certification.exact.entries import Entries, gradient_name
from scratchgrad.certification.exact.from_definition import Symbolic
from scratchgrad.certification.point import Point
from scratchgrad.certification.reference import Undefined
from scratchgrad.notation.evaluation import EvaluationError, Valuation

__all__ = ["AGREES_TO", "Witness", "WitnessDisagrees", "element_forms", "witness"]

AGREES_TO = "1e-30"
# TRUST: witness-points
_POINTS = 2
# TRUST: witness-points
_DRAWS = 48
_FIRST = 8
_KINDS = ("normal", "spread", "small")
"""So many points are drawn until there are enough at which the definition has a value and no tie; after the first ones
with axes of length 1, because where one number often lies in a domain, many seldom do."""

Array = Any


class WitnessDisagrees(ArithmeticError):
    """The derived element form is not the derivative of the definition: a mistake in the calculus, not in a kernel."""


@dataclass(frozen=True)
class Witness:
    """At how many points, and in how many entries of gradients, both agreed."""

    points: int
    entries: int


def element_forms(battery: Battery, entries: Entries, point: Point) -> dict[str, Array]:
    """The derived element forms of one sample as nodes, by the name of the gradient."""
    spec, graph = battery.specification, entries.graph
    definition, gradients = spec.definition, spec.gradients
    assert definition is not None and gradients is not None  # there is a witness for definitions only
    tensors = {**entries.inputs, **entries.upstream}
    at = Valuation(tensors, point.sizes, Symbolic(graph))
    for assignment in definition.assignments:
        at.assign(assignment.target.name, at.value(assignment.right, assignment.target.indices))
    return {gradient_name(name): at.value(form.element, form.indices) for name, form in gradients.items()}


_seen: WeakKeyDictionary[Battery, Witness] = WeakKeyDictionary()


def witness(battery: Battery) -> Witness:
    """The element form agrees with the adjoints.  Raises WitnessDisagrees where it does not."""
    if battery not in _seen:
        _seen[battery] = _witnessed(battery)
    return _seen[battery]


@precisely
def _witnessed(battery: Battery) -> Witness:
    if battery.specification.definition is None:
        return Witness(0, 0)
    points = compared = 0
    for salt in range(_DRAWS):
        if points == _POINTS:
            break
        kind = _KINDS[salt % len(_KINDS)] if salt >= _POINTS else _KINDS[0]
        sizes = battery.sizes() if salt < _FIRST else battery.sizes((1,))
        seen = _at(battery, battery.point(kind, 1, sizes, salt=f"witness {salt}"))
        points, compared = points + (seen is not None), compared + (seen or 0)
    return Witness(points, compared)


def _at(battery: Battery, point: Point) -> int | None:
    """How many entries agree at the point; None where the definition has no value there, or jumps between two.

    A derivative may have a value where the definition has none, such as 1/p where log(p) is not real.
    """
    spec = battery.specification
    try:
        right = battery.reference.values(point)
        entries, _ = battery.reference.entries(point)
        forms = element_forms(battery, entries, point)
    except (Undefined, EvaluationError):
        return None
    if not all(value.is_finite() for role in spec.outputs for value in right[role.name].ravel()):
        return None
    symbols: dict[str, Array] = {}
    for role in spec.differentiable:
        _give(symbols, entries.inputs[role.name], _row(point.tensors[role.name], role.sample))
    for role in spec.outputs:
        name = role.tensor.gradient.name
        _give(symbols, entries.upstream[name], _row(point.upstream[role.name], role.sample))
    tied = np.zeros(1, dtype=bool)
    Program([node for array in entries.outputs.values() for node in array.ravel()]).run(symbols, 1, tied=tied)
    if tied[0]:
        return None
    found = Program([node for array in forms.values() for node in array.ravel()]).run(symbols, 1)
    values, compared = iter(found), 0
    for role in spec.differentiable:
        name = role.tensor.gradient.name
        expected = _row(right[name], role.sample)
        for place in np.ndindex(expected.shape):
            value = next(values)[0]
            if expected[place].is_finite():  # elsewhere the definition has no derivative
                compared += _compare(battery, name, place, value, expected[place])
    return compared


def _row(values: Any, sample: bool) -> Array:
    return np.asarray(values[0]) if sample else values


def _give(symbols: dict[str, Array], nodes: Array, values: Array) -> None:
    for node, value in zip(nodes.ravel(), balls(values), strict=True):
        symbols[node.args[0]] = np.array([value], dtype=object)


def _compare(battery: Battery, name: str, place: tuple[int, ...], found: Any, expected: Any) -> bool:
    """Whether both are known to agree; balls that overlap and are too wide to tell say nothing."""
    if abs(found - expected) <= flint.arb(AGREES_TO) * abs(expected).max(flint.arb(1)):
        return True
    if found.is_finite() and found.overlaps(expected):
        return False
    raise WitnessDisagrees(
        f"{battery.specification.title}: {name}{list(place)} is {float(found)!r} by the element form, but "
        f"{float(expected)!r} by the adjoints of the definition; no kernel is at fault: please report this "
        "definition"
    )
