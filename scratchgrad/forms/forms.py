"""A gradient in its three forms: element, vector, batched.

The vector form is shown only after it agreed with the element form numerically, at pairwise distinct sizes, with every
tensor replaced by independent random numbers.
"""

from __future__ import annotations

from functools import cached_property

import numpy as np
import sympy as sp

from scratchgrad.calculus.derivation import Derivation
from scratchgrad.forms.batched import batched
from scratchgrad.forms.matrix import Node
from scratchgrad.forms.reduction import matrix_form
from scratchgrad.notation.binding import tensor_name, tensors_in
from scratchgrad.notation.definition import Definition
from scratchgrad.notation.evaluation import Valuation
from scratchgrad.notation.indices import Index, Size

__all__ = ["Forms", "agrees"]

_TOLERANCE = 1e-9


class Forms:
    """The element forms of a definition, and their vector and batched forms."""

    def __init__(self, derivation: Derivation) -> None:
        """The forms of `derivation`."""
        self.derivation = derivation

    @cached_property
    def over_batch(self) -> Derivation:
        """The derivation of the batched definition."""
        definition = batched(self.derivation.definition)
        return self.derivation if definition is self.derivation.definition else Derivation(definition)

    def vector(self, name: str) -> Node | None:
        """The vector form of the gradient with respect to `name`, None where there is none."""
        return _checked(self.derivation, name)

    def batched(self, name: str) -> Node | None:
        """The matrix form over a batch, samples as rows, None where there is none."""
        return _checked(self.over_batch, name)


def _checked(derivation: Derivation, name: str) -> Node | None:
    form = derivation[name]
    node = matrix_form(form.element, form.indices)
    return node if node is not None and agrees(node, form.element, form.indices, derivation.definition) else None


def agrees(node: Node, e: sp.Expr, indices: tuple[Index, ...], definition: Definition) -> bool:
    """Whether the matrix form and the element form have the same value, at pairwise distinct sizes.

    Inputs and upstream gradients are random, intermediates and outputs what the definition makes of them.
    """
    random = np.random.default_rng(7)
    used = {tensor_name(t): t for a in definition.assignments for t in tensors_in(a.right)} | {
        tensor_name(t): t for t in tensors_in(e)
    }
    every = [e, *used.values(), *(a.right for a in definition.assignments)]
    found_sizes = set().union(*(_sizes(x) for x in every)) | {i.size for i in indices if isinstance(i.size, Size)}
    sizes = {size: 2 + position for position, size in enumerate(sorted(found_sizes, key=str))}
    at = Valuation({}, sizes)
    declared = definition.tensors
    assigned = {a.target.name for a in definition.assignments}
    for name, element in used.items():
        if name not in assigned:
            axes = declared[name].sizes if name in declared else tuple(i.size for i in getattr(element, "indices", ()))
            shape = [at.size(s) for s in axes]
            whole = name in declared and declared[name].integer
            at.assign(name, random.integers(0, 2, shape) if whole else random.uniform(0.5, 2.0, shape))
    for assignment in definition.assignments:
        at.assign(assignment.target.name, at.value(assignment.right, assignment.target.indices))
    with np.errstate(all="ignore"):
        wanted = at.value(e, indices)
        found = np.asarray(node.value(at)).reshape(wanted.shape)
    return bool(np.allclose(found, wanted, rtol=_TOLERANCE, atol=_TOLERANCE))


def _sizes(e: sp.Expr) -> set[sp.Expr]:
    """The sizes in e; an index keeps its size outside SymPy's arguments."""
    return {i.size for i in e.atoms(Index) if isinstance(i.size, Size)} | set(e.atoms(Size))
