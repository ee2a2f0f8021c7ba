"""Further axes in front: every sample tensor of a definition gains them, the shared ones stay.

    u[n,i] = Sum(W[i,j]*x[n,j], j) + b[i]

With the batch index n this is the batched definition; deriving it again gives the batched form, and the sum over the
batch for shared parameters appears by itself.  A layer that a network applies at every place of an image or a sequence
gains that place's axes in the same way.
"""

from __future__ import annotations

from dataclasses import replace
from itertools import chain, count

import sympy as sp

from scratchgrad.notation.binding import element, index_names, replace_tensors, tensor_name, tensors_in
from scratchgrad.notation.definition import Assignment, Definition, Tensor
from scratchgrad.notation.indices import Index, Size, fresh

__all__ = ["batched", "mapped"]


def batched(definition: Definition) -> Definition:
    """The definition over a batch; itself where no input carries samples."""
    if not _carrying(definition):
        return definition
    names = {str(s) for t in definition.tensors.values() for s in t.sizes} | set(definition.tensors)
    letter = fresh(Index("n", 1), _letters(definition)).name
    n = Index(letter, Size(next(name for name in chain(["N"], (f"N_{k}" for k in count(1))) if name not in names)))
    return replace(_along(definition, (n,)), batch=n)


def mapped(definition: Definition, axes: int) -> Definition:
    """The definition at every place of so many further axes, called p, q, ..."""
    taken = _letters(definition)
    places: list[Index] = []
    for letter, _ in zip(chain("pqrst", (f"p_{k}" for k in count(1))), range(axes), strict=False):
        name = fresh(Index(letter, 1), taken).name
        taken.add(name)
        places.append(Index(name, Size(f"n_{name}")))
    return _along(definition, tuple(places)) if places else definition


def _letters(definition: Definition) -> set[str]:
    return index_names(*(a.right for a in definition.assignments)) | {
        i.name for t in definition.tensors.values() for i in t.indices
    }


def _carrying(definition: Definition) -> set[str]:
    """The tensors that have a value for each sample."""
    carrying = {t.name for t in definition.inputs if t.name not in definition.shared}
    if carrying:  # an output has a value for each sample, also where all samples have the same
        carrying |= {t.name for t in definition.outputs}
    for assignment in definition.assignments:
        if any(tensor_name(t) in carrying for t in tensors_in(assignment.right)):
            carrying.add(assignment.target.name)
    return carrying


def _along(definition: Definition, axes: tuple[Index, ...]) -> Definition:
    """The definition with the axes in front of every tensor that carries samples."""
    carrying = _carrying(definition)

    def widened(tensor: Tensor) -> Tensor:
        return replace(tensor, indices=(*axes, *tensor.indices)) if tensor.name in carrying else tensor

    def element_there(e: sp.Expr) -> sp.Expr | None:
        if tensor_name(e) not in carrying:
            return None
        indices = tuple(sp.sympify(replace_tensors(i, element_there)) for i in getattr(e, "indices", ()))
        return element(tensor_name(e), (*axes, *indices), integer=bool(e.is_integer))

    return replace(
        definition,
        assignments=tuple(
            Assignment(widened(a.target), sp.sympify(replace_tensors(a.right, element_there)))
            for a in definition.assignments
        ),
        inputs=tuple(map(widened, definition.inputs)),
        outputs=tuple(map(widened, definition.outputs)),
    )
