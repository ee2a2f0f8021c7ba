"""A definition: a layer's forward equation as assignments in element form.

    u[i] = Sum(W[i,j]*x[j], j) + b[i]

The assignments run in order; a left side is an element with distinct bare indices; the outputs are among the left
sides, the other left sides are intermediates, and every tensor that is never assigned is an input.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field, replace

import sympy as sp

from scratchgrad.domain import REALS, Domain
from scratchgrad.notation.binding import element, replace_tensors, substitute, tensor_name
from scratchgrad.notation.indices import Index
from scratchgrad.notation.text import to_text

__all__ = ["Assignment", "Definition", "Tensor"]


@dataclass(frozen=True)
class Tensor:
    """A tensor of a definition: its name, one index per axis (the letters that the definition uses first), its domain.

    The domain is that of an input.  The gradient with respect to a :symmetric matrix treats its entries as independent
    variables, as torch does: entry (i, j) and entry (j, i) have a gradient each.  So it is for rows of a :simplex.
    """

    name: str
    indices: tuple[Index, ...] = ()
    domain: Domain = REALS

    @property
    def integer(self) -> bool:
        """Whether it holds whole numbers, by which nothing is differentiated."""
        return self.domain.integer

    def __getitem__(self, indices: sp.Expr | int | Iterable[sp.Expr | int]) -> sp.Expr:
        """The element at `indices`."""
        return element(self.name, indices if isinstance(indices, tuple) else (indices,), integer=self.integer)

    @property
    def element(self) -> sp.Expr:
        """The element at the tensor's own letters, x[j] for the tensor x."""
        return element(self.name, self.indices, integer=self.integer)

    @property
    def sizes(self) -> tuple[sp.Expr, ...]:
        """The size of every axis."""
        return tuple(i.size for i in self.indices)

    @property
    def gradient(self) -> Tensor:
        """The gradient of J with respect to this tensor: grad_x for x."""
        return Tensor(f"grad_{self.name}", self.indices)


@dataclass(frozen=True)
class Assignment:
    """`left = right`, for every value of the indices of the left side."""

    target: Tensor
    right: sp.Expr

    @property
    def left(self) -> sp.Expr:
        """The left side, an element with distinct bare indices."""
        return self.target.element

    def at(self, indices: Iterable[sp.Expr]) -> sp.Expr:
        """The right side at other indices."""
        return substitute(self.right, dict(zip(self.target.indices, indices, strict=True)))

    def __str__(self) -> str:
        """The assignment in the text grammar."""
        return f"{to_text(self.left)} = {to_text(self.right)}"


@dataclass(frozen=True)
class Definition:
    """A layer's forward equation.  `batch` is set where the definition is the batched one: its batch index."""

    assignments: tuple[Assignment, ...]
    inputs: tuple[Tensor, ...]
    outputs: tuple[Tensor, ...]
    name: str = ""
    latex: Mapping[str, str] = field(default_factory=dict, hash=False, compare=False)
    shared: tuple[str, ...] = ()
    batch: Index | None = None

    def __str__(self) -> str:
        """The definition in the text grammar."""
        return "; ".join(map(str, self.assignments))

    @property
    def tensors(self) -> dict[str, Tensor]:
        """Every tensor by name: inputs, intermediates, outputs."""
        return {t.name: t for t in (*self.inputs, *(a.target for a in self.assignments))}

    def assignment(self, name: str) -> Assignment | None:
        """The assignment of the tensor `name`, None for an input."""
        return next((a for a in self.assignments if a.target.name == name), None)

    def renamed(self, names: Mapping[str, str], latex: Mapping[str, str] | None = None) -> Definition:
        """The same definition in other names, such as a network's own."""

        def rename(tensor: Tensor) -> Tensor:
            return replace(tensor, name=names.get(tensor.name, tensor.name))

        def renamed_element(e: sp.Expr) -> sp.Expr | None:
            new = names.get(tensor_name(e))
            if new is None:
                return None
            indices = tuple(sp.sympify(replace_tensors(i, renamed_element)) for i in getattr(e, "indices", ()))
            return element(new, indices, integer=bool(e.is_integer))

        return replace(
            self,
            assignments=tuple(
                Assignment(rename(a.target), sp.sympify(replace_tensors(a.right, renamed_element)))
                for a in self.assignments
            ),
            inputs=tuple(map(rename, self.inputs)),
            outputs=tuple(map(rename, self.outputs)),
            shared=tuple(names.get(n, n) for n in self.shared),
            latex=dict(latex if latex is not None else self.latex),
        )
