"""InfoNCE: among all partners y_m of the batch, x_n is to resemble its own, y_n, most.

    S_nm = sum_k x_nk y_mk / tau
    L_n = log(sum_m exp(S_nm)) - S_nn

This is the cross-entropy -log(P_nn) of the softmax P of S.

Shapes  x[k] y[k] tau -> L
Shared  tau
Batch   n: the partners of the other samples are the negatives
Saved   x, y, tau, S
Kink    none; tau = 0 is excluded
Source  van den Oord, Li and Vinyals, Representation Learning with Contrastive Predictive Coding, 2018, sec. 2.3
"""

from __future__ import annotations

from typing import Any

from scratchgrad.layer import Layer

info_nce = Layer("info_nce", "x[k] y[k] tau -> L", shared="tau", batch="n")


@info_nce.define
def definition(s: Any) -> Any:
    """The similarities S, then the cross-entropy of their diagonal."""
    x, y, tau, L = s.tensors
    n, k, m, S = s.n, s.k, s.index("m", like="n"), s.intermediate("S", s.n, s.index("m", like="n"))
    return (
        s.eq(S[n, m], s.sum(x[n, k] * y[m, k], k) / tau),
        s.eq(L[n], s.log(s.sum(s.exp(S[n, m]), m)) - S[n, n]),
    )
