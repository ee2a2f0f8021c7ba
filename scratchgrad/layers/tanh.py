"""Tanh: every output is the hyperbolic tangent of its input.

    h_i = tanh(u_i)

Shapes  u[i] -> h[i]
Shared  none
Saved   h
Kink    none
Source  LeCun, Bottou, Orr and Müller, Efficient BackProp, 1998
"""

from __future__ import annotations

from typing import Any

from scratchgrad.layer import Layer

tanh = Layer("tanh", "u[i] -> h[i]")


@tanh.define
def definition(s: Any) -> Any:
    """h_i = tanh(u_i)."""
    u, h = s.tensors
    return s.eq(h[s.i], s.tanh(u[s.i]))
