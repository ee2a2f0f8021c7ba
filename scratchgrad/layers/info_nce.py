"""InfoNCE: among all partners y_m of the batch, x_n is to resemble its own, y_n, most.

The partners of the other samples are the negatives: the loss is the cross-entropy of the softmax of S.

Saved   x, y, tau, S
Source  van den Oord, Li and Vinyals, Representation Learning with Contrastive Predictive Coding, 2018, sec. 2.3
"""

from __future__ import annotations

from scratchgrad.layer import Layer

info_nce = Layer(
    "info_nce",
    "x[k] y[k] tau>0 -> L",
    """
    S[n,m] = Sum(x[n,k]*y[m,k], k)/tau
    L[n] = log(Sum(exp(S[n,m]), m)) - S[n,n]
    """,
    shared="tau",
    batch="n",
)
