"""Bilinear: every output is a weighted sum of the products of two inputs' entries, plus a bias.

Saved   x, y, A
Source  Tenenbaum and Freeman, Separating Style and Content with Bilinear Models, 2000
"""

from __future__ import annotations

from scratchgrad.layer import Layer

bilinear = Layer(
    "bilinear",
    "x[j] y[k] A[i,j,k] b[i] -> z[i]",
    "z[i] = Sum(A[i,j,k]*x[j]*y[k], j, k) + b[i]",
    shared="A b",
)
