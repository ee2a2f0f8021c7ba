"""Mish: every input is multiplied by the hyperbolic tangent of its softplus.

    p_i = log(1 + exp(u_i))
    h_i = u_i tanh(p_i)

Shapes  u[i] -> h[i]
Shared  none
Saved   u, tanh(p)
Kink    none
Source  Misra, Mish: A Self Regularized Non-Monotonic Activation Function, BMVC 2020

The kernel computes p as max(u, 0) + log(1 + exp(-|u|)), in which no exponential overflows.
"""

from __future__ import annotations

from typing import Any

from scratchgrad.layer import Layer

mish = Layer("mish", "u[i] -> h[i]")


@mish.define
def definition(s: Any) -> Any:
    """The softplus p_i = log(1 + exp(u_i)), then h_i = u_i tanh(p_i)."""
    u, h = s.tensors
    p = s.intermediate("p", s.i)
    return (
        s.eq(p[s.i], s.log(1 + s.exp(u[s.i]))),
        s.eq(h[s.i], u[s.i] * s.tanh(p[s.i])),
    )
