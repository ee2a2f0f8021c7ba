"""The rules of factors of matrices and of the systems that they solve."""

from __future__ import annotations

from fractions import Fraction
from typing import Any

import numpy as np

from scratchgrad.certification.exact.arrays import Arrays
from scratchgrad.certification.exact.rules import rule

__all__: list[str] = []

Array = Any


def _turned(a: Array) -> Array:
    return np.swapaxes(a, -1, -2)


@rule("linalg_cholesky_ex")
def _cholesky_ex(on: Arrays, a: Array, upper: bool = False, check_errors: bool = False) -> tuple[Array, None]:
    return _cholesky(on, a, upper), None


@rule("cholesky")
def _cholesky(on: Arrays, a: Array, upper: bool = False) -> Array:
    """Column by column, of the symmetric part: torch reads one triangle, and gives both halves of the gradient."""
    a = on.mul(Fraction(1, 2), on.add(a, _turned(a)))
    found = on.filled(a.shape)
    for j in range(a.shape[-1]):
        for i in range(j, a.shape[-1]):
            rest = on.sub(a[..., i, j], on.sum(on.mul(found[..., i, :j], found[..., j, :j]), -1))
            found[..., i, j] = (on.sqrt(rest) if i == j else on.div(rest, found[..., j, j]))[()]
    return _turned(found) if upper else found


def _solved(on: Arrays, a: Array, b: Array, *, upper: bool, unit: bool = False) -> Array:
    """X with a X = b, where only a triangle of `a` counts: by substitution, row by row."""
    n = a.shape[-1]
    a = np.broadcast_to(a, np.broadcast_shapes(a.shape[:-2], b.shape[:-2]) + a.shape[-2:])
    rows: list[Array] = [None] * n
    for i in range(n - 1, -1, -1) if upper else range(n):
        rest = np.broadcast_to(b[..., i, :], a.shape[:-2] + b.shape[-1:])
        for k in range(i + 1, n) if upper else range(i):
            rest = on.sub(rest, on.mul(a[..., i, k, None], rows[k]))
        rows[i] = rest if unit else on.div(rest, a[..., i, i, None])
    return np.stack(rows, axis=-2)


@rule("linalg_solve_triangular")
def _solve_triangular(
    on: Arrays, a: Array, b: Array, *, upper: bool, left: bool = True, unitriangular: bool = False
) -> Array:
    a, b = on.of(a), on.of(b)
    if left:
        return _solved(on, a, b, upper=upper, unit=unitriangular)
    return _turned(_solved(on, _turned(a), _turned(b), upper=not upper, unit=unitriangular))


@rule("triangular_solve")
def _triangular_solve(
    on: Arrays, b: Array, a: Array, upper: bool = True, transpose: bool = False, unitriangular: bool = False
) -> tuple[Array, Array]:
    a, b = on.of(a), on.of(b)
    factor = _turned(a) if transpose else a
    return _solved(on, factor, b, upper=upper != transpose, unit=unitriangular), a


@rule("cholesky_solve", "_cholesky_solve_helper")
def _cholesky_solve(on: Arrays, b: Array, factor: Array, upper: bool = False) -> Array:
    low = _turned(on.of(factor)) if upper else on.of(factor)
    return _solved(on, _turned(low), _solved(on, low, on.of(b), upper=False), upper=True)


@rule("cholesky_inverse")
def _cholesky_inverse(on: Arrays, factor: Array, upper: bool = False) -> Array:
    return _cholesky_solve(on, on.of(np.eye(factor.shape[-1], dtype=int)), factor, upper)


@rule("addbmm")
def _addbmm(on: Arrays, c: Array, a: Array, b: Array, beta: Any = 1, alpha: Any = 1) -> Array:
    return on.add(on.mul(beta, c), on.mul(alpha, on.sum(on.matmul(on.of(a), on.of(b)), 0)))
