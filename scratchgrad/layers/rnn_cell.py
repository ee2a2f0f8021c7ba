"""RNN cell: the new state is the tanh of a linear map of the input and the old state.

Saved   x, s, W, U, h
Source  Elman, Finding Structure in Time, Cognitive Science 1990
"""

from __future__ import annotations

from scratchgrad.layer import Layer

rnn_cell = Layer(
    "rnn_cell",
    "x[j] s[i] W[i,j] U[i,i] b[i] -> h[i]",
    "h[i] = tanh(Sum(W[i,j]*x[j], j) + Sum(U[i,k]*s[k], k) + b[i])",
    shared="W U b",
)
