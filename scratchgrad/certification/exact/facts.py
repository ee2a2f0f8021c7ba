"""What a domain says of the entries of a tensor, as facts about symbols that a proof may use.

In   the domain of every input, its entries
Out  Facts: bounds, entries that are equal, rows whose sum is 1, entries of few values, positive definite matrices

A fact is used when values are compared, after everything is differentiated: y² = y holds for a one-hot y, and its
derivative does not.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass, field
from typing import Any

import numpy as np

from scratchgrad.domain import Domain, Interval

__all__ = ["Facts", "facts_of"]

Array = Any
Row = tuple[str, ...]

_FEW: dict[str, tuple[int, ...]] = {"sign": (-1, 1), "binary": (0, 1)}


@dataclass
class Facts:
    """Facts about symbols, by their names.

    `rows` sum to 1, those in `one_hot` have a single 1; `equal` leads from an entry above the diagonal of a symmetric
    matrix to its mirror image; `few` are all the values that an entry may have; `definite` are matrices.
    """

    bounds: dict[str, Interval] = field(default_factory=dict)
    equal: dict[str, str] = field(default_factory=dict)
    rows: list[Row] = field(default_factory=list)
    one_hot: list[Row] = field(default_factory=list)
    few: dict[str, tuple[int, ...]] = field(default_factory=dict)
    definite: list[tuple[Row, ...]] = field(default_factory=list)

    def related(self, names: Iterable[str]) -> set[str]:
        """The names, and all that stand in a row or a matrix with one of them."""
        found = set(names)
        for group in (*self.rows, *(tuple(name for row in matrix for name in row) for matrix in self.definite)):
            if found & set(group):
                found |= set(group)
        return found | {self.equal[name] for name in found if name in self.equal}

    def about(self, names: Iterable[str]) -> Facts:
        """The facts that are about these names alone."""
        known = set(names)
        return Facts(
            {n: b for n, b in self.bounds.items() if n in known},
            {n: m for n, m in self.equal.items() if {n, m} <= known},
            [row for row in self.rows if set(row) <= known],
            [row for row in self.one_hot if set(row) <= known],
            {n: values for n, values in self.few.items() if n in known},
            [m for m in self.definite if {name for row in m for name in row} <= known],
        )


def facts_of(domains: Mapping[str, Domain], inputs: Mapping[str, Array]) -> Facts:
    """The facts about the entries of all inputs that have a domain; a batch axis may stand in front."""
    found = Facts()
    for name, domain in domains.items():
        if domain.is_reals or name not in inputs or not inputs[name].size:
            continue
        names = np.vectorize(lambda node: node.args[0], otypes=[object])(inputs[name])
        if not domain.interval.everything:
            found.bounds |= {one: domain.interval for one in names.ravel()}
        if domain.structure in _FEW:
            found.few |= {one: _FEW[domain.structure] for one in names.ravel()}
        if domain.structure in ("simplex", "onehot"):
            rows = [tuple(row) for row in names.reshape(-1, names.shape[-1])]
            found.rows += rows
            found.one_hot += rows if domain.structure == "onehot" else []
        if domain.is_square:
            for matrix in names.reshape(-1, *names.shape[-2:]):
                found.equal |= dict(_mirrored(matrix))
                found.definite += [tuple(map(tuple, matrix))] if domain.structure == "positive_definite" else []
    return found


def _mirrored(matrix: Array) -> Iterator[tuple[str, str]]:
    for i, j in np.ndindex(matrix.shape):
        if i < j:
            yield matrix[i, j], matrix[j, i]
