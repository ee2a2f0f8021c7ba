"""Bilinear: every output is a weighted sum of the products of two inputs' entries, plus a bias.

    z_i = sum_jk A_ijk x_j y_k + b_i

Shapes  x[j] y[k] A[i,j,k] b[i] -> z[i]
Shared  A, b
Saved   x, y, A
Kink    none
Source  Tenenbaum and Freeman, Separating Style and Content with Bilinear Models, 2000
"""

from __future__ import annotations

from typing import Any

from scratchgrad.layer import Layer

bilinear = Layer("bilinear", "x[j] y[k] A[i,j,k] b[i] -> z[i]", shared="A b")


@bilinear.define
def definition(s: Any) -> Any:
    """z_i = sum_jk A_ijk x_j y_k + b_i."""
    x, y, A, b, z = s.tensors
    return s.eq(z[s.i], s.sum(A[s.i, s.j, s.k] * x[s.j] * y[s.k], s.j, s.k) + b[s.i])
