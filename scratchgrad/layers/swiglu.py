"""SwiGLU: a linear map of the input, gated by the SiLU of another.

    u_i = sum_j W_ij x_j
    v_i = sum_j V_ij x_j
    h_i = u_i sigmoid(u_i) v_i

Shapes  x[j] W[i,j] V[i,j] -> h[i]
Shared  W, V
Saved   x, W, V, u, v
Kink    none
Source  Shazeer, GLU Variants Improve Transformer, 2020
"""

from __future__ import annotations

from typing import Any

from scratchgrad.layer import Layer

swiglu = Layer("swiglu", "x[j] W[i,j] V[i,j] -> h[i]", shared="W V")


@swiglu.define
def definition(s: Any) -> Any:
    """The gate's input u, the gated v, their product with the sigmoid."""
    x, W, V, h = s.tensors
    u, v = s.intermediate("u", s.i), s.intermediate("v", s.i)
    return (
        s.eq(u[s.i], s.sum(W[s.i, s.j] * x[s.j], s.j)),
        s.eq(v[s.i], s.sum(V[s.i, s.j] * x[s.j], s.j)),
        s.eq(h[s.i], u[s.i] * s.sigmoid(u[s.i]) * v[s.i]),
    )
