"""Gradients in which an intermediate counts as a constant: what a forgotten path, or a detach too many, gives.

In   Observed, about the gradient of an input of a definition
Out  pairs (words, element form)
"""

from __future__ import annotations

import itertools
from collections.abc import Iterator
from dataclasses import replace

import sympy as sp

from scratchgrad.certification.observed import Observed
from scratchgrad.gradients import Gradients

__all__ = ["held_constant"]

_INTERMEDIATES = 5
"""Of more intermediates only one at a time is held."""


def held_constant(observed: Observed) -> Iterator[tuple[str, sp.Expr]]:
    """The gradients of the definitions in which some intermediates are given, few of them first."""
    definition, role = observed.specification.definition, observed.role
    if definition is None or role in observed.specification.outputs:
        return
    outputs = {t.name for t in definition.outputs}
    between = [a.target for a in definition.assignments if a.target.name not in outputs]
    most = len(between) if len(between) <= _INTERMEDIATES else 1
    for held in (c for n in range(1, most + 1) for c in itertools.combinations(between, n)):
        names = {t.name for t in held}
        rest = replace(
            definition,
            assignments=tuple(a for a in definition.assignments if a.target.name not in names),
            inputs=(*definition.inputs, *held),
        )
        try:
            form = Gradients(rest)[role.name].element
        except (KeyError, ValueError, TypeError, ArithmeticError):  # then it does not depend on the input any more
            continue
        shown = " and ".join(str(t.element) for t in held)
        yield f"{shown} {'is' if len(held) == 1 else 'are'} held constant: a path to {role.name} is missing", form
