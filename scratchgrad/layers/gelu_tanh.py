"""GELU with tanh: the normal distribution function of GELU is approximated with a hyperbolic tangent.

    z_i = sqrt(2 / pi) (u_i + 0.044715 u_i^3)
    h_i = u_i (1 + tanh(z_i)) / 2

Shapes  u[i] -> h[i]
Shared  none
Saved   u, tanh(z)
Kink    none
Source  Hendrycks and Gimpel, Gaussian Error Linear Units (GELUs), 2016 (the approximation)
"""

from __future__ import annotations

from typing import Any

from scratchgrad.layer import Layer

gelu_tanh = Layer("gelu_tanh", "u[i] -> h[i]")


@gelu_tanh.define
def definition(s: Any) -> Any:
    """z_i = sqrt(2 / pi) (u_i + 0.044715 u_i^3), then h_i = u_i (1 + tanh(z_i)) / 2."""
    u, h = s.tensors
    x, z = u[s.i], s.intermediate("z", s.i)
    return (
        s.eq(z[s.i], s.sqrt(2 / s.pi) * (x + s.number("0.044715") * x**3)),
        s.eq(h[s.i], x * (1 + s.tanh(z[s.i])) / 2),
    )
