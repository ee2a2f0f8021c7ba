"""LSTM cell: the cell state is kept in part and written in part; the new state is what the output gate shows of it.

    z_q = sum_j W_qj x_j + sum_i U_qi h_i + b_q
    a_i = z_i
    f_i = z_{i + n_i}
    g_i = z_{i + 2 n_i}
    o_i = z_{i + 3 n_i}
    c_new_i = sigmoid(f_i) c_i + sigmoid(a_i) tanh(g_i)
    h_new_i = sigmoid(o_i) tanh(c_new_i)

Shapes  x[j] h[i] c[i] W[q,j] U[q,i] b[q] -> h_new[i] c_new[i]
Sizes   q = 4*i
Shared  W, U, b
Saved   x, h, c, W, U, the gates, tanh(c_new)
Kink    none
Source  Hochreiter and Schmidhuber, Long Short-Term Memory, 1997; Gers, Schmidhuber and Cummins, 2000 (forget gate)
"""

from __future__ import annotations

from typing import Any

from scratchgrad.layer import Layer

lstm_cell = Layer("lstm_cell", "x[j] h[i] c[i] W[q,j] U[q,i] b[q] -> h_new[i] c_new[i]; q = 4*i", shared="W U b")


@lstm_cell.define
def definition(s: Any) -> Any:
    """The gates' scores, in the order of torch: input, forget, candidate, output; then the two states."""
    x, h, c, W, U, b, h_new, c_new = s.tensors
    i, j, q, k = s.i, s.j, s.q, s.index("k", like="i")
    z = s.intermediate("z", q)
    gates = [s.intermediate(name, i) for name in "afgo"]
    a, f, g, o = (gate[i] for gate in gates)
    return (
        s.eq(z[q], s.sum(W[q, j] * x[j], j) + s.sum(U[q, k] * h[k], k) + b[q]),
        *(s.eq(gate[i], z[i + number * i.size]) for number, gate in enumerate(gates)),
        s.eq(c_new[i], s.sigmoid(f) * c[i] + s.sigmoid(a) * s.tanh(g)),
        s.eq(h_new[i], s.sigmoid(o) * s.tanh(c_new[i])),
    )
