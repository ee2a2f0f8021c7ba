"""Mish: every input is multiplied by the hyperbolic tangent of its softplus.

The kernel computes the equal form, in which no exponential overflows.

Equal   h[i] = u[i]*tanh(max(u[i], 0) + log(1 + exp(-abs(u[i]))))
Saved   u, tanh(p)
Source  Misra, Mish: A Self Regularized Non-Monotonic Activation Function, BMVC 2020
"""

from __future__ import annotations

from scratchgrad.layer import Layer

mish = Layer(
    "mish",
    "u[i] -> h[i]",
    """
    p[i] = log(1 + exp(u[i]))
    h[i] = u[i]*tanh(p[i])
    """,
)
