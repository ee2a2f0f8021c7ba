"""Attention: every output is a mean of the values, weighted by how well the query meets their keys.

    S_ij = sum_k Q_ik K_jk / sqrt(n_k)
    P_ij = exp(S_ij) / sum_l exp(S_il)
    O_id = sum_j P_ij V_jd

With causal=1 the query i meets the keys j <= i only: every other exp counts as 0.

Shapes  Q[i,k] K[j,k] V[j,d] -> O[i,d]
Options causal=0
Shared  none
Saved   Q, K, V, P
Kink    none
Source  Vaswani et al., Attention Is All You Need, 2017, eq. 1
"""

from __future__ import annotations

from typing import Any

from scratchgrad.layer import Layer

scaled_dot_product_attention = Layer(
    "scaled_dot_product_attention", "Q[i,k] K[j,k] V[j,d] -> O[i,d]", options="causal=0", variants=("causal=1",)
)


@scaled_dot_product_attention.define
def definition(s: Any) -> Any:
    """The scores S, their softmax P, the weighted mean of the values."""
    Q, K, V, out = s.tensors
    i, j, k, d, m = s.i, s.j, s.k, s.d, s.index("l", like="j")
    S, P = s.intermediate("S", i, j), s.intermediate("P", i, j)

    def weight(key: Any) -> Any:
        return s.where(key <= i, s.exp(S[i, key]), 0) if s.causal else s.exp(S[i, key])

    return (
        s.eq(S[i, j], s.sum(Q[i, k] * K[j, k], k) / s.sqrt(k.size)),
        s.eq(P[i, j], weight(j) / s.sum(weight(m), m)),
        s.eq(out[i, d], s.sum(P[i, j] * V[j, d], j)),
    )
