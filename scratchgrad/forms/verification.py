"""What is shown was checked with numbers first: the element form against differences, other forms against that.

    verdict(derivation, "W")     AGREES, DIFFERS, or UNKNOWN where no probe gives finite values on both sides

A probe is a point: random inputs and upstream gradients, also of what is assigned, and all values that forward makes.
Once all are positive, so that logarithms and roots exist; once they have both signs, so that both sides of a kink
count; then probabilities; square matrices with a positive determinant; matrices that are small beside vectors.  Inputs
with an interval as their domain lie in it.  Two
forms are also compared where what forward assigns is random, too: they are equal whatever it is.  Sizes are pairwise
distinct, so that a transposition shows.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from dataclasses import replace
from enum import Enum
from itertools import chain, islice
from typing import Any, Protocol

import numpy as np
import sympy as sp

from scratchgrad.calculus.derivation import Derivation
from scratchgrad.domain import Domain
from scratchgrad.membership import inside
from scratchgrad.notation.definition import Definition
from scratchgrad.notation.evaluation import EvaluationError, Valuation
from scratchgrad.notation.indices import Index, Size

__all__ = ["Outcome", "compared", "verdict"]

# TRUST: forms-by-numbers
_TOLERANCE = 1e-9
_STEP, _SLACK = 1e-5, 1e-5  # of central differences
_MARGIN = 1 / 16  # differences step over no end of a domain
_FEW = 5  # with more sizes than this, they are only nearly distinct, or a probe would be large
_RANGES = (  # least, most, on the diagonal of a square matrix, factor of matrices
    (0.5, 2.0, 0.0, 1.0),
    (-2.0, 2.0, 0.0, 1.0),
    (0.1, 0.45, 0.0, 1.0),
    (-0.3, 0.3, 1.0, 1.0),
    (1.0, 2.0, 0.0, 0.02),
)


class Outcome(Enum):
    """What a comparison of numbers says."""

    AGREES = "agrees"
    DIFFERS = "differs"
    UNKNOWN = "unknown"


class Evaluated(Protocol):
    """Anything with a value at a point, such as a matrix form."""

    def value(self, at: Valuation) -> Any:
        """The value."""


def compared(form: Evaluated, e: sp.Expr, indices: tuple[Index, ...], definition: Definition) -> Outcome:
    """Whether a form and the element form have the same value at every probe; NaN counts as equal to NaN."""
    sizes = _distinct(definition, e, indices)
    probes = chain(_probes(definition, sizes), _probes(definition, sizes, assigned=False))
    return _joined(_compared_at(at, form, e, indices) for at in islice(probes, len(_RANGES) + 1))


def _compared_at(at: Valuation, form: Evaluated, e: sp.Expr, indices: tuple[Index, ...]) -> Outcome:
    with np.errstate(all="ignore"):
        try:
            wanted = at.value(e, indices)
            found = np.asarray(form.value(at)).reshape(wanted.shape)
        except (EvaluationError, np.linalg.LinAlgError):
            return Outcome.UNKNOWN
        except ValueError:  # the shapes do not even fit, as for the diagonal of a matrix that is not square
            return Outcome.DIFFERS
    return _outcome(found, wanted, _TOLERANCE, _TOLERANCE)


def _outcome(found: Any, wanted: Any, relative: float, absolute: float) -> Outcome:
    if not np.allclose(found, wanted, rtol=relative, atol=absolute, equal_nan=True):
        return Outcome.DIFFERS
    return Outcome.AGREES if np.isfinite(wanted).any() or not np.size(wanted) else Outcome.UNKNOWN


def _joined(outcomes: Iterable[Outcome]) -> Outcome:
    """One difference decides; else one agreement does."""
    agreed = False
    for outcome in outcomes:
        if outcome is Outcome.DIFFERS:
            return outcome
        agreed |= outcome is Outcome.AGREES
    return Outcome.AGREES if agreed else Outcome.UNKNOWN


def verdict(derivation: Derivation, name: str) -> Outcome:
    """Whether an element form is the slope of J along a random direction, by central differences of the definition.

    DIFFERS only where no probe agrees: a probe near a kink says nothing.
    """
    definition, form = derivation.definition, derivation[name]
    # TRUST: forms-by-numbers
    found: set[Outcome] = set()
    for at in _probes(definition, _nearly_distinct(definition, form.element, form.indices)):
        found.add(_slope_at(at, definition, name, form.element, form.indices))
        if Outcome.AGREES in found:
            return Outcome.AGREES
    return Outcome.DIFFERS if Outcome.DIFFERS in found else Outcome.UNKNOWN


def _slope_at(at: Valuation, definition: Definition, name: str, e: sp.Expr, indices: tuple[Index, ...]) -> Outcome:
    direction = np.random.default_rng(5).uniform(-1.0, 1.0, np.shape(at.tensors[name]))
    with np.errstate(all="ignore"):
        try:
            predicted = np.sum(at.value(e, indices) * direction)
            ahead, behind = (_objective(at, definition, name, s * _STEP * direction) for s in (1, -1))
            slope = (ahead - behind) / (2 * _STEP)  # no number where both are infinite
        except (EvaluationError, np.linalg.LinAlgError):
            return Outcome.UNKNOWN
    scale = max(1.0, abs(float(ahead)))
    return _outcome(predicted, slope, _SLACK, _SLACK * scale) if np.isfinite(slope) else Outcome.UNKNOWN


def _objective(at: Valuation, definition: Definition, name: str, shift: Any) -> Any:
    """J, the outputs weighted with their upstream gradients, where one tensor is shifted."""
    moved = Valuation(at.tensors, at.sizes)
    assigned = definition.assignment(name) is not None
    if not assigned:
        moved.assign(name, at.tensors[name] + shift)
    for assignment in definition.assignments:
        target = assignment.target
        value = moved.value(assignment.right, target.indices)
        moved.assign(target.name, value + shift if target.name == name else value)
    return sum(np.sum(moved.tensors[o.name] * at.tensors[o.gradient.name]) for o in definition.outputs)


def _probes(definition: Definition, sizes: dict[sp.Expr, int], *, assigned: bool = True) -> Iterator[Valuation]:
    random = np.random.default_rng(7)
    for least, most, diagonal, factor in _RANGES:
        at = Valuation({}, sizes)
        whole = {a.target.name for a in definition.assignments} - {o.name for o in definition.outputs}
        adjoints = [a.target.gradient for a in definition.assignments if a.target.name in whole]
        bars = [replace(o.gradient, name=f"bar_{o.name}") for o in definition.outputs]
        for tensor in (*definition.inputs, *(o.gradient for o in definition.outputs), *adjoints, *bars):
            shape = [at.size(s) for s in tensor.sizes]
            values: Any = random.integers(0, 2, shape) if tensor.integer else random.uniform(least, most, shape)
            values = values * factor if len(shape) > 1 and not tensor.integer else values
            if diagonal and len(shape) > 1 and shape[-1] == shape[-2]:
                values = values + diagonal * np.eye(shape[-1])
            if not tensor.integer:  # a form that holds for all matrices is not only tried at symmetric ones
                values = inside(Domain(tensor.domain.interval), np.asarray(values), margin=_MARGIN)
            at.assign(tensor.name, values)
        try:
            for target in (a.target for a in definition.assignments if not assigned):
                at.assign(target.name, random.uniform(least, most, [at.size(s) for s in target.sizes]))
            for assignment in definition.assignments if assigned else ():
                at.assign(assignment.target.name, at.value(assignment.right, assignment.target.indices))
        except np.linalg.LinAlgError:
            continue
        yield at


def _distinct(definition: Definition, e: sp.Expr, indices: tuple[Index, ...]) -> dict[sp.Expr, int]:
    """A size for every axis, pairwise distinct."""
    return {size: 2 + position for position, size in enumerate(_all_sizes(definition, e, indices))}


def _nearly_distinct(definition: Definition, e: sp.Expr, indices: tuple[Index, ...]) -> dict[sp.Expr, int]:
    found = _all_sizes(definition, e, indices)
    return {s: 2 + (position if len(found) <= _FEW else position % 3) for position, s in enumerate(found)}


def _all_sizes(definition: Definition, e: sp.Expr, indices: tuple[Index, ...]) -> list[sp.Expr]:
    found = set().union(*(_sizes(x) for x in (e, *indices, *(a.right for a in definition.assignments))))
    found |= {s for t in definition.tensors.values() for s in t.sizes if isinstance(s, Size)}
    return sorted(found, key=str)


def _sizes(e: sp.Expr) -> set[sp.Expr]:
    """The sizes in e; an index keeps its size outside SymPy's arguments."""
    return {i.size for i in e.atoms(Index) if isinstance(i.size, Size)} | set(e.atoms(Size))
