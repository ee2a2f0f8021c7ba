"""Leaky ReLU: a positive input passes, any other is multiplied by a small slope.

    h_i = u_i where u_i > 0, else slope u_i

Shapes  u[i] slope -> h[i]
Shared  slope
Saved   u, slope
Kink    u_i = 0, where the derivative is taken as the slope
Source  Maas, Hannun and Ng, Rectifier Nonlinearities Improve Neural Network Acoustic Models, 2013
"""

from __future__ import annotations

from typing import Any

from scratchgrad.layer import Layer

leaky_relu = Layer("leaky_relu", "u[i] slope -> h[i]", shared="slope", usual="slope=0.01")


@leaky_relu.define
def definition(s: Any) -> Any:
    """h_i = u_i where u_i > 0, else slope u_i."""
    u, slope, h = s.tensors
    return s.eq(h[s.i], s.where(u[s.i] > 0, u[s.i], slope * u[s.i]))
