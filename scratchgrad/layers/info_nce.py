"""InfoNCE: among all samples of the batch, the partner y_n is to be the one that x_n resembles most.

    S_nm = sum_k x_nk y_mk / tau
    P_nm = exp(S_nm) / sum_l exp(S_nl)
    L_n = -log(P_nn)

Shapes  x[k] y[k] tau -> L
Shared  tau
Batch   n: the partners of the other samples are the negatives
Saved   x, y, tau, S, P
Kink    none; tau = 0 is excluded
Source  van den Oord, Li and Vinyals, Contrastive Predictive Coding, 2018, sec. 2.3
"""

from __future__ import annotations

from typing import Any

from scratchgrad.layer import Layer

info_nce = Layer("info_nce", "x[k] y[k] tau -> L", shared="tau", batch="n")


@info_nce.define
def definition(s: Any) -> Any:
    """The similarities S, their softmax P, the cross-entropy of its diagonal."""
    x, y, tau, L = s.tensors
    n, k, m, j = s.n, s.k, s.index("m", like="n"), s.index("l", like="n")
    S, P = s.intermediate("S", n, m), s.intermediate("P", n, m)
    return (
        s.eq(S[n, m], s.sum(x[n, k] * y[m, k], k) / tau),
        s.eq(P[n, m], s.exp(S[n, m]) / s.sum(s.exp(S[n, j]), j)),
        s.eq(L[n], -s.log(P[n, n])),
    )
