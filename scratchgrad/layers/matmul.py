"""Matrix product of two matrices, sample by sample.

    C_ij = sum_k A_ik B_kj

Shapes  A[i,k] B[k,j] -> C[i,j]
Shared  none
Saved   A, B
Kink    none
Source  Petersen and Pedersen, The Matrix Cookbook, 2012, sec. 2.4
"""

from __future__ import annotations

from typing import Any

from scratchgrad.layer import Layer

matmul = Layer("matmul", "A[i,k] B[k,j] -> C[i,j]")


@matmul.define
def definition(s: Any) -> Any:
    """C_ij = sum_k A_ik B_kj."""
    A, B, C = s.tensors
    return s.eq(C[s.i, s.j], s.sum(A[s.i, s.k] * B[s.k, s.j], s.k))
