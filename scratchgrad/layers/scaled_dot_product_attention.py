"""Attention: every output is a mean of the values, weighted by how well the query meets their keys.

With causal=1 the query i meets the keys up to i only.

Saved   Q, K, V, P
Source  Vaswani et al., Attention Is All You Need, 2017, eq. 1
"""

from __future__ import annotations

from scratchgrad.layer import Layer

scaled_dot_product_attention = Layer(
    "scaled_dot_product_attention",
    "Q[i,k] K[j,k] V[j,d] -> O[i,d]",
    """
    S[i,j] = Sum(Q[i,k]*K[j,k], k)/sqrt(n_k)
    P[i,j] = where(causal == 0 or j <= i, exp(S[i,j]), 0)/Sum(where(causal == 0 or l <= i, exp(S[i,l]), 0), l)
    O[i,d] = Sum(P[i,j]*V[j,d], j)
    """,
    options="causal=0",
    variants=("causal=1",),
)
