"""GRU cell: the new state lies between the old one and a candidate; the update gate says where.

Saved   x, h, W, U, the gates, m, tanh(g)
Source  Cho et al., Learning Phrase Representations using RNN Encoder-Decoder, 2014 (with the reset gate as in cuDNN)
"""

from __future__ import annotations

from scratchgrad.layer import Layer

gru_cell = Layer(
    "gru_cell",
    "x[j] h[i] W[q,j] U[q,i] b[q] d[q] -> h_new[i]; q = 3*i",
    """
    v[q] = Sum(W[q,j]*x[j], j) + b[q]
    w[q] = Sum(U[q,k]*h[k], k) + d[q]
    r[i] = v[i+0] + w[i+0]
    z[i] = v[i + n_i] + w[i + n_i]
    m[i] = w[i + 2*n_i]
    g[i] = v[i + 2*n_i] + sigmoid(r[i])*m[i]
    h_new[i] = sigmoid(-z[i])*tanh(g[i]) + sigmoid(z[i])*h[i]
    """,
    shared="W U b d",
)
