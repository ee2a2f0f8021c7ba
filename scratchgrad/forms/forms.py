"""A gradient in its forms: element, vector (or einsum), batched.

A form is shown only after it agreed with the element form numerically (forms.verification).
"""

from __future__ import annotations

from dataclasses import dataclass
from functools import cached_property

import sympy as sp

from scratchgrad.calculus.derivation import Derivation
from scratchgrad.forms.batched import batched
from scratchgrad.forms.einsum import Einsum, einsum_form
from scratchgrad.forms.node import Node
from scratchgrad.forms.reduction import matrix_form
from scratchgrad.forms.verification import Outcome, compared, verdict
from scratchgrad.notation.indices import Index
from scratchgrad.notation.limits import task

__all__ = ["Forms"]


@dataclass(frozen=True)
class _Written:
    """What the element form of one tensor can be written as, and whether what was found had to be withheld."""

    matrix: Node | None
    einsum: Einsum | None
    withheld: bool


class Forms:
    """The element forms of a definition, and their vector and batched forms."""

    def __init__(self, derivation: Derivation) -> None:
        """The forms of `derivation`."""
        self.derivation = derivation
        self._written: dict[tuple[Derivation, str], _Written] = {}
        self._locals: dict[str, Node | Einsum | None] = {}
        self._outcomes: dict[str, Outcome] = {}

    @cached_property
    def over_batch(self) -> Derivation:
        """The derivation of the batched definition."""
        definition = batched(self.derivation.definition)
        return self.derivation if definition is self.derivation.definition else Derivation(definition)

    def vector(self, name: str) -> Node | None:
        """The vector form of the gradient with respect to `name`, None where there is none."""
        return self._of(self.derivation, name).matrix

    def batched(self, name: str) -> Node | None:
        """The matrix form over a batch, samples as rows, None where there is none."""
        return self._of(self.over_batch, name).matrix

    def einsum(self, name: str) -> Einsum | None:
        """The gradient as einsum, where it has no vector form; None where it has one, or neither."""
        return self._of(self.derivation, name).einsum

    def batched_einsum(self, name: str) -> Einsum | None:
        """The same over a batch."""
        return self._of(self.over_batch, name).einsum

    def local(self, name: str) -> Node | Einsum | None:
        """The gradient in terms of those of what consumes the tensor; None where no matrices and no einsum write it."""
        if name not in self._locals:
            form = self.derivation[name]
            with task(f"finding the form of the gradient with respect to {name}"):
                found = _form_of(self.derivation.local(name), form.indices, self.derivation)
            self._locals[name] = found.matrix or found.einsum
        return self._locals[name]

    def withheld(self, name: str) -> bool:
        """Whether a form was found that no numbers confirmed, so that it is not shown."""
        return self._of(self.derivation, name).withheld

    def outcome(self, name: str) -> Outcome:
        """What differences of the definition say about the element form."""
        if name not in self._outcomes:
            with task(f"confirming the gradient with respect to {name} with numbers"):
                self._outcomes[name] = verdict(self.derivation, name)
        return self._outcomes[name]

    def _of(self, derivation: Derivation, name: str) -> _Written:
        key = (derivation, name)
        if key not in self._written:
            with task(f"finding the form of the gradient with respect to {name}"):
                self._written[key] = _written(derivation, name)
        return self._written[key]


def _written(derivation: Derivation, name: str) -> _Written:
    form = derivation[name]
    return _form_of(form.element, form.indices, derivation)


def _form_of(e: sp.Expr, indices: tuple[Index, ...], derivation: Derivation) -> _Written:
    node = matrix_form(e, indices)
    outcome = None if node is None else compared(node, e, indices, derivation.definition)
    if outcome is Outcome.AGREES:
        return _Written(node, None, withheld=False)
    withheld = outcome is Outcome.UNKNOWN
    einsum = einsum_form(e, indices)
    if einsum is not None:
        outcome = compared(einsum, e, indices, derivation.definition)
        if outcome is Outcome.AGREES:
            return _Written(None, einsum, withheld)
        withheld |= outcome is Outcome.UNKNOWN
    return _Written(None, None, withheld)
