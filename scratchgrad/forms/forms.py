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

    Inputs and upstream gradients are random, intermediates and outputs what the definition makes of them.  Once all are
    positive, so that logarithms and roots exist; once they have both signs, so that both sides of a kink count.
    """
    found = set().union(*(_sizes(x) for x in (e, *indices, *(a.right for a in definition.assignments))))
    found |= {s for t in definition.tensors.values() for s in t.sizes if isinstance(s, Size)}
    sizes = {size: 2 + position for position, size in enumerate(sorted(found, key=str))}
    random = np.random.default_rng(7)
    return all(_agrees_at(_probe(definition, sizes, random, least), node, e, indices) for least in (0.5, -2.0))


def _agrees_at(at: Valuation, node: Node, e: sp.Expr, indices: tuple[Index, ...]) -> bool:
    with np.errstate(all="ignore"):
        wanted = at.value(e, indices)
        try:
            found = np.asarray(node.value(at)).reshape(wanted.shape)
        except ValueError:  # the shapes do not even fit, as for the diagonal of a matrix that is not square
            return False
    return bool(np.allclose(found, wanted, rtol=_TOLERANCE, atol=_TOLERANCE, equal_nan=True))


def _probe(definition: Definition, sizes: dict[sp.Expr, int], random: np.random.Generator, least: float) -> Valuation:
    """Random inputs and upstream gradients between `least` and 2, and all values that forward makes of the inputs."""
    at = Valuation({}, sizes)
    for tensor in (*definition.inputs, *(o.gradient for o in definition.outputs)):
        shape = [at.size(s) for s in tensor.sizes]
        at.assign(tensor.name, random.integers(0, 2, shape) if tensor.integer else random.uniform(least, 2.0, shape))
    for assignment in definition.assignments:
        at.assign(assignment.target.name, at.value(assignment.right, assignment.target.indices))
    return at


def _sizes(e: sp.Expr) -> set[sp.Expr]:
    """The sizes in e; an index keeps its size outside SymPy's arguments."""
    return {i.size for i in e.atoms(Index) if isinstance(i.size, Size)} | set(e.atoms(Size))
