"""GRU cell: the new state lies between the old one and a candidate; the update gate says where.

    v_q = sum_j W_qj x_j + b_q
    w_q = sum_i U_qi h_i + d_q
    r_i = v_i + w_i
    z_i = v_{i + n_i} + w_{i + n_i}
    m_i = w_{i + 2 n_i}
    g_i = v_{i + 2 n_i} + sigmoid(r_i) m_i
    h_new_i = sigmoid(-z_i) tanh(g_i) + sigmoid(z_i) h_i

Shapes  x[j] h[i] W[q,j] U[q,i] b[q] d[q] -> h_new[i]
Sizes   q = 3*i
Shared  W, U, b, d
Saved   x, h, W, U, the gates, m, tanh(g)
Kink    none
Source  Cho et al., Learning Phrase Representations using RNN Encoder-Decoder, 2014 (with the reset gate as in cuDNN)
"""

from __future__ import annotations

from typing import Any

from scratchgrad.layer import Layer

gru_cell = Layer("gru_cell", "x[j] h[i] W[q,j] U[q,i] b[q] d[q] -> h_new[i]; q = 3*i", shared="W U b d")


@gru_cell.define
def definition(s: Any) -> Any:
    """The scores of reset gate, update gate and candidate, in the order of torch; then the new state."""
    x, h, W, U, b, d, h_new = s.tensors
    i, j, q, k, n = s.i, s.j, s.q, s.index("k", like="i"), s.i.size
    v, w = s.intermediate("v", q), s.intermediate("w", q)
    r, z, m, g = (s.intermediate(name, i) for name in "rzmg")
    return (
        s.eq(v[q], s.sum(W[q, j] * x[j], j) + b[q]),
        s.eq(w[q], s.sum(U[q, k] * h[k], k) + d[q]),
        s.eq(r[i], v[i] + w[i]),
        s.eq(z[i], v[i + n] + w[i + n]),
        s.eq(m[i], w[i + 2 * n]),
        s.eq(g[i], v[i + 2 * n] + s.sigmoid(r[i]) * m[i]),
        s.eq(h_new[i], s.sigmoid(-z[i]) * s.tanh(g[i]) + s.sigmoid(z[i]) * h[i]),
    )
