"""RNN cell: the new state is the tanh of a linear map of the input and the old state.

    h_i = tanh(sum_j W_ij x_j + sum_k U_ik s_k + b_i)

Shapes  x[j] s[i] W[i,j] U[i,i] b[i] -> h[i]
Shared  W, U, b
Saved   x, s, W, U, h
Kink    none
Source  Elman, Finding Structure in Time, Cognitive Science 1990
"""

from __future__ import annotations

from typing import Any

from scratchgrad.layer import Layer

rnn_cell = Layer("rnn_cell", "x[j] s[i] W[i,j] U[i,i] b[i] -> h[i]", shared="W U b")


@rnn_cell.define
def definition(s: Any) -> Any:
    """h_i = tanh(sum_j W_ij x_j + sum_k U_ik s_k + b_i)."""
    x, old, W, U, b, h = s.tensors
    k = s.index("k", like="i")
    u = s.sum(W[s.i, s.j] * x[s.j], s.j) + s.sum(U[s.i, k] * old[k], k) + b[s.i]
    return s.eq(h[s.i], s.tanh(u))
