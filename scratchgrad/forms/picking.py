"""Matrices that pick: one-hot rows for classes, rows that an index vector names, triangles of a condition on indices.

delta(i, t[n])     one_hot(t, n_i)     row n is 1 at the class t[n], else 0
E[t[n], k]         E[t]                row n is the row of E that t[n] names
where(j <= i, 1, 0)   tril(ones)       1 on and below the diagonal
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

import numpy as np
import sympy as sp
from sympy.core.relational import Relational

from scratchgrad.forms.matrix import Broadcast, Identity, Number, Plus, Scale
from scratchgrad.forms.node import ATOM, COLUMNS, Node
from scratchgrad.notation.evaluation import Valuation

__all__ = ["Gather", "OneHot", "Triangle", "of_positions"]


@dataclass(frozen=True)
class OneHot(Node):
    """For each class index of an integer-valued tensor a row that is 1 there; for a single one a column."""

    classes: str

    def value(self, at: Valuation) -> Any:
        """Zeros and ones."""
        classes = at.tensors[self.classes]
        count = at.size(self.indices[-1].size)
        rows = (np.arange(count) == classes[..., None]).astype(float)
        return rows if self.shape[1] is not None else rows.reshape(-1, 1)

    def _text(self, style: str = COLUMNS) -> tuple[str, int]:
        """A call of one_hot, with the number of classes."""
        row, column = self.shape
        classes = column if column is not None else row
        return f"one_hot({self.classes}, {classes.size if classes is not None else 1})", ATOM


@dataclass(frozen=True)
class Gather(Node):
    """The rows of a matrix that an integer-valued vector names, or such elements of a vector."""

    name: str
    rows: str

    def value(self, at: Valuation) -> Any:
        """The rows; one out of range is 0."""
        values, rows = at.tensors[self.name], at.tensors[self.rows]
        inside = (rows >= 0) & (rows < len(values))
        picked = values[np.where(inside, rows, 0)]
        picked = picked.reshape(len(rows), -1)
        return np.where(inside[:, None], picked, 0.0)

    def _text(self, style: str = COLUMNS) -> tuple[str, int]:
        """The name with the index vector in brackets."""
        return f"{self.name}[{self.rows}]", ATOM


@dataclass(frozen=True)
class Triangle(Node):
    """1 below a diagonal, else 0: that many places above the main one, which counts as below."""

    above: int

    def value(self, at: Valuation) -> Any:
        """Zeros and ones."""
        row, column = self.indices
        return np.tri(at.size(row.size), at.size(column.size), self.above)

    def _text(self, style: str = COLUMNS) -> tuple[str, int]:
        """A call of tril."""
        return f"tril(ones{f', {self.above}' if self.above else ''})", ATOM


def of_positions(relation: Relational) -> Node:
    """1 where a comparison of two indices holds, a matrix over them."""
    row, column = relation.lhs, relation.rhs
    shape = (row, column)
    if isinstance(relation, sp.Eq):
        return Identity(shape)
    if isinstance(relation, sp.Ne):
        minus = Scale(shape, Number((None, None), sp.Integer(-1)), Identity(shape))
        return Plus(shape, (Broadcast(shape, Number((None, None), sp.Integer(1))), minus))
    if isinstance(relation, (sp.Ge, sp.Gt)):  # column <= row
        return Triangle(shape, 0 if isinstance(relation, sp.Ge) else -1)
    return Triangle((column, row), 0 if isinstance(relation, sp.Le) else -1)
