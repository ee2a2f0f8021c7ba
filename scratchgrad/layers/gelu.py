"""GELU: every input is multiplied by the probability that a standard normal number lies below it.

    h_i = u_i (1 + erf(u_i / sqrt(2))) / 2

Shapes  u[i] -> h[i]
Shared  none
Saved   u
Kink    none
Source  Hendrycks and Gimpel, Gaussian Error Linear Units (GELUs), 2016
"""

from __future__ import annotations

from typing import Any

from scratchgrad.layer import Layer

gelu = Layer("gelu", "u[i] -> h[i]")


@gelu.define
def definition(s: Any) -> Any:
    """h_i = u_i (1 + erf(u_i / sqrt(2))) / 2."""
    u, h = s.tensors
    return s.eq(h[s.i], u[s.i] * (1 + s.erf(u[s.i] / s.sqrt(2))) / 2)
