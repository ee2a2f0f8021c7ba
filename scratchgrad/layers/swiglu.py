"""SwiGLU: a linear map of the input, gated by the SiLU of another.

Saved   x, W, V, u, v
Source  Shazeer, GLU Variants Improve Transformer, 2020
"""

from __future__ import annotations

from scratchgrad.layer import Layer

swiglu = Layer(
    "swiglu",
    "x[j] W[i,j] V[i,j] -> h[i]",
    """
    u[i] = Sum(W[i,j]*x[j], j)
    v[i] = Sum(V[i,j]*x[j], j)
    h[i] = u[i]*sigmoid(u[i])*v[i]
    """,
    shared="W V",
)
