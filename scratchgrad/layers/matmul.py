"""Matrix product of two matrices, sample by sample.

Saved   A, B
Source  Petersen and Pedersen, The Matrix Cookbook, 2012, sec. 2.4
"""

from __future__ import annotations

from scratchgrad.layer import Layer

matmul = Layer("matmul", "A[i,k] B[k,j] -> C[i,j]", "C[i,j] = Sum(A[i,k]*B[k,j], k)")
