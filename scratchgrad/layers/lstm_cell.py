"""LSTM cell: the cell state is kept in part and written in part; the new state is what the output gate shows of it.

Saved   x, h, c, W, U, the gates, tanh(c_new)
Source  Hochreiter and Schmidhuber, Long Short-Term Memory, 1997; Gers, Schmidhuber and Cummins, 2000 (forget gate)
"""

from __future__ import annotations

from scratchgrad.layer import Layer

lstm_cell = Layer(
    "lstm_cell",
    "x[j] h[i] c[i] W[q,j] U[q,i] b[q] -> h_new[i] c_new[i]; q = 4*i",
    """
    z[q] = Sum(W[q,j]*x[j], j) + Sum(U[q,k]*h[k], k) + b[q]
    a[i] = z[i+0]
    f[i] = z[i + n_i]
    g[i] = z[i + 2*n_i]
    o[i] = z[i + 3*n_i]
    c_new[i] = sigmoid(f[i])*c[i] + sigmoid(a[i])*tanh(g[i])
    h_new[i] = sigmoid(o[i])*tanh(c_new[i])
    """,
    shared="W U b",
)
