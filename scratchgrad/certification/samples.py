"""Many samples at once: the definition of one sample, evaluated exactly over a stack of independent samples.

In   tensors and upstream gradients, each with the sample in front; every sample has its own copy of every tensor
Out  outputs and gradients, each with the sample in front, in exact rational or many-digit arithmetic

Every element T[i, j] of the definition is read as T[s, i, j]; nothing is summed over s.  One walk over an expression
serves all samples.  Inverses and determinants know no further axis: there the samples are taken one by one.
"""

from __future__ import annotations

from collections.abc import Mapping
from functools import lru_cache
from typing import Any

import mpmath
import numpy as np
import sympy as sp

from scratchgrad.certification.noise import Noise, NoisyExact
from scratchgrad.gradients import Gradients
from scratchgrad.notation.binding import element, tensor_name
from scratchgrad.notation.definition import Definition
from scratchgrad.notation.evaluation import EvaluationError, Exact, Labelled, Valuation
from scratchgrad.notation.indices import Index, Size
from scratchgrad.notation.nodes import Determinant, InverseElement, LogDeterminant

__all__ = ["Undefined", "evaluate"]

_SAMPLE = Index("sample ", Size("samples "))  # no letter of a definition has a blank

Array = Any


class Undefined(ArithmeticError):
    """The definition has no value at a point."""


class _Stack(Valuation):
    """A valuation in which every tensor has the sample in front."""

    def _element(self, e: sp.Basic) -> Labelled:
        return super()._element(_with_sample(e))


@lru_cache(maxsize=1024)
def _with_sample(e: sp.Basic) -> sp.Expr:
    return element(tensor_name(e), (_SAMPLE, *getattr(e, "indices", ())))


def evaluate(
    gradients: Gradients,
    tensors: Mapping[str, Array],
    upstream: Mapping[str, Array],
    sizes: Mapping[sp.Expr, int],
    *,
    digits: int,
    noise: Noise | None = None,
) -> dict[str, Array]:
    """Every output, and grad_x for every differentiable input; an absent upstream gradient is zero.

    With noise, the tensors, what forward assigns, and the values of functions are moved.

    Raises Undefined where the definition has no value.
    """
    try:
        if _takes_matrices(gradients.definition):
            return _one_by_one(gradients, tensors, upstream, digits=digits, noise=noise)
        return _stacked(gradients, tensors, upstream, sizes, digits=digits, noise=noise)
    except (ArithmeticError, EvaluationError, ValueError) as error:
        raise Undefined(f"the definition has no value: {error}") from error


def _stacked(
    gradients: Gradients,
    tensors: Mapping[str, Array],
    upstream: Mapping[str, Array],
    sizes: Mapping[sp.Expr, int],
    *,
    digits: int,
    noise: Noise | None,
) -> dict[str, Array]:
    definition = gradients.definition
    samples = len(next(iter((*tensors.values(), *upstream.values()))))
    moved = noise or _as_it_is
    arithmetic = Exact(digits) if noise is None else NoisyExact(digits, noise)
    with mpmath.workdps(digits):
        at = _Stack({n: moved(a) for n, a in tensors.items()}, {**sizes, _SAMPLE.size: samples}, arithmetic)
        for assignment in definition.assignments:
            value = at.value(assignment.right, (_SAMPLE, *assignment.target.indices))
            at.assign(assignment.target.name, moved(value))
        for output in definition.outputs:
            shape = (samples, *(at.size(s) for s in output.sizes))
            at.assign(output.gradient.name, moved(upstream.get(output.name, np.zeros(shape))))
    found = {output.name: at.tensors[output.name] for output in definition.outputs}
    for name in gradients:
        form = gradients[name]
        found[f"grad_{name}"] = at.value(form.element, (_SAMPLE, *form.indices))
    return found


def _as_it_is(values: Array) -> Array:
    return values


def _one_by_one(
    gradients: Gradients,
    tensors: Mapping[str, Array],
    upstream: Mapping[str, Array],
    *,
    digits: int,
    noise: Noise | None,
) -> dict[str, Array]:
    moved = noise or _as_it_is
    samples: list[dict[str, Array]] = []
    for n in range(len(next(iter((*tensors.values(), *upstream.values()))))):
        row = {name: moved(np.asarray(values[n])) for name, values in tensors.items()}
        arriving = {name: moved(np.asarray(g[n])) for name, g in upstream.items()}
        at = gradients.valuation(row, arriving, Exact(digits) if noise is None else NoisyExact(digits, noise))
        found = {output.name: at.tensors[output.name] for output in gradients.definition.outputs}
        for name in gradients:
            form = gradients[name]
            found[f"grad_{name}"] = at.value(form.element, form.indices)
        samples.append(found)
    return {name: np.stack([one[name] for one in samples]) for name in samples[0]}


def _takes_matrices(definition: Definition) -> bool:
    return any(a.right.has(InverseElement, Determinant, LogDeterminant) for a in definition.assignments)
