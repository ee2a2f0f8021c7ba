"""The batched definition: every sample tensor gains the batch index n in front.

    u[n,i] = Sum(W[i,j]*x[n,j], j) + b[i]

Deriving it again gives the batched form; the sum over the batch for shared parameters appears by itself.
"""

from __future__ import annotations

from dataclasses import replace
from itertools import chain, count

import sympy as sp

from scratchgrad.notation.binding import element, index_names, replace_tensors, tensor_name, tensors_in
from scratchgrad.notation.definition import Assignment, Definition, Tensor
from scratchgrad.notation.indices import Index, Size, fresh

__all__ = ["batched"]


def batched(definition: Definition) -> Definition:
    """The definition over a batch; itself where no input carries samples."""
    carrying = {t.name for t in definition.inputs if t.name not in definition.shared}
    for assignment in definition.assignments:
        if any(tensor_name(t) in carrying for t in tensors_in(assignment.right)):
            carrying.add(assignment.target.name)
    if not carrying:
        return definition
    taken = index_names(*(a.right for a in definition.assignments)) | {
        i.name for t in definition.tensors.values() for i in t.indices
    }
    names = {str(s) for t in definition.tensors.values() for s in t.sizes} | set(definition.tensors)
    letter = fresh(Index("n", 1), taken).name
    n = Index(letter, Size(next(name for name in chain(["N"], (f"N_{k}" for k in count(1))) if name not in names)))

    def widened(tensor: Tensor) -> Tensor:
        return replace(tensor, indices=(n, *tensor.indices)) if tensor.name in carrying else tensor

    def element_at_n(e: sp.Expr) -> sp.Expr | None:
        if tensor_name(e) not in carrying:
            return None
        indices = tuple(sp.sympify(replace_tensors(i, element_at_n)) for i in getattr(e, "indices", ()))
        return element(tensor_name(e), (n, *indices), integer=bool(e.is_integer))

    return replace(
        definition,
        assignments=tuple(
            Assignment(widened(a.target), sp.sympify(replace_tensors(a.right, element_at_n)))
            for a in definition.assignments
        ),
        inputs=tuple(map(widened, definition.inputs)),
        outputs=tuple(map(widened, definition.outputs)),
        batch=n,
    )
