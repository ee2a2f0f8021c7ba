"""Hypotheses about formulas: the derived one with one mistake in it, or with an intermediate held constant.

In   Observed, of a definition
Out  one sentence that holds at every probe, or None
"""

from __future__ import annotations

import itertools
from collections.abc import Iterator
from functools import partial
from typing import Any

import numpy as np
import sympy as sp

from scratchgrad.certification.held import held_constant
from scratchgrad.certification.observed import Observed, Seen, arriving
from scratchgrad.certification.point import Point
from scratchgrad.certification.specification import Role
from scratchgrad.certification.variants import softmaxes, variants
from scratchgrad.notation.arithmetic import Float
from scratchgrad.notation.evaluation import EvaluationError, Valuation
from scratchgrad.notation.text import to_text

__all__ = ["formula"]

_TRIED = 400

Array = Any
Form = tuple[sp.Expr, tuple[Any, ...]]


def formula(observed: Observed) -> str | None:
    """The first formula one mistake away that gives what the subject gives, at every probe."""
    if observed.specification.definition is None:
        return None
    at = _Valuations(observed)
    e, indices = _form(observed)
    seen: set[sp.Expr] = {e}
    for words, variant in itertools.chain(_variants(observed, e), held_constant(observed)):
        if variant in seen:
            continue
        seen.add(variant)
        if observed.explains(partial(at.value, variant, indices)):
            return f"{words}: yours = {to_text(variant)}"
        if len(seen) > _TRIED:
            break
    return None


def _form(observed: Observed) -> Form:
    """The right formula, and its free indices."""
    spec = observed.specification
    if observed.role in spec.outputs:
        assert spec.definition is not None  # formulae are compared for definitions only
        assignment = spec.definition.assignment(observed.name)
        assert assignment is not None  # every output is assigned
        return assignment.right, assignment.target.indices
    assert spec.gradients is not None
    form = spec.gradients[observed.role.name]
    return form.element, form.indices


def _variants(observed: Observed, e: sp.Expr) -> Iterator[tuple[str, sp.Expr]]:
    spec = observed.specification
    assert spec.definition is not None
    tensors = dict(spec.definition.tensors)
    if observed.role not in spec.outputs:
        tensors |= {r.tensor.gradient.name: r.tensor.gradient for r in spec.outputs}
    return variants(e, tensors, softmaxes(spec.definition))


class _Valuations:
    """Values of formulae at points, sample by sample, with all that forward computes."""

    def __init__(self, observed: Observed) -> None:
        self.observed = observed
        self._known: dict[Point, list[Valuation]] = {}

    def value(self, e: sp.Expr, indices: tuple[Any, ...], s: Seen) -> Array | None:
        """The formula's value, summed over the samples for a shared input; None where it cannot be evaluated."""
        try:
            with np.errstate(all="ignore"):
                parts = [at.value(e, indices) for at in self._at(s.point)]
        except (ArithmeticError, ValueError, EvaluationError):
            return None
        if not parts:
            return None
        return np.stack(parts) if self.observed.role.sample else sum(parts[1:], parts[0])

    def _at(self, point: Point) -> list[Valuation]:
        if point not in self._known:
            self._known[point] = [self._sample(point, n) for n in range(1 if point.batch is None else point.batch)]
        return self._known[point]

    def _sample(self, point: Point, n: int) -> Valuation:
        spec = self.observed.specification

        def row(role: Role, values: Any) -> Any:
            return values[n] if role.sample else values

        tensors = {r.name: row(r, point.tensors[r.name]) for r in spec.inputs}
        gradients = arriving(spec, point)
        upstream = {r.name: row(r, gradients[r.name]) for r in spec.outputs}
        assert spec.gradients is not None
        return spec.gradients.valuation(tensors, upstream, Float())
