"""A gradient in its three forms: element, vector, batched.

The vector form is shown only after it agreed with the element form numerically, at pairwise distinct sizes, with every
tensor replaced by independent random numbers.
"""

from __future__ import annotations

from functools import cached_property

import numpy as np
import sympy as sp

from scratchgrad.calculus.derivation import Derivation, ElementForm
from scratchgrad.forms.batched import batched
from scratchgrad.forms.matrix import Node
from scratchgrad.forms.reduction import matrix_form
from scratchgrad.notation.binding import tensor_name, tensors_in
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
        return _checked(self.derivation[name])

    def batched(self, name: str) -> Node | None:
        """The matrix form over a batch, samples as rows, None where there is none."""
        return _checked(self.over_batch[name])


def _checked(form: ElementForm) -> Node | None:
    node = matrix_form(form.element, form.indices)
    return node if node is not None and agrees(node, form.element, form.indices) else None


def agrees(node: Node, e: sp.Expr, indices: tuple[Index, ...]) -> bool:
    """Whether the matrix form and the element form have the same value, at pairwise distinct sizes."""
    random = np.random.default_rng(7)
    sizes = {size: 2 + position for position, size in enumerate(sorted(e.atoms(Size) | _sizes(e, indices), key=str))}
    tensors: dict[str, np.ndarray] = {}
    for used in tensors_in(e):
        shape = [int(i.size.subs(sizes)) for i in getattr(used, "indices", ())]
        tensors.setdefault(tensor_name(used), random.uniform(0.5, 2.0, shape))
    at = Valuation(tensors, sizes)
    wanted = at.value(e, indices)
    found = np.asarray(node.value(at)).reshape(wanted.shape)
    return bool(np.allclose(found, wanted, rtol=_TOLERANCE, atol=_TOLERANCE))


def _sizes(e: sp.Expr, indices: tuple[Index, ...]) -> set[sp.Expr]:
    """The sizes of all indices; an index keeps its size outside SymPy's arguments."""
    return {i.size for i in e.atoms(Index) | set(indices) if isinstance(i.size, Size)}
