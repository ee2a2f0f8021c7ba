"""Softplus: a smooth ReLU, the logarithm of 1 plus the exponential of the input.

    h_i = log(1 + exp(u_i))

Shapes  u[i] -> h[i]
Shared  none
Saved   u
Kink    none
Source  Dugas et al., Incorporating Second-Order Functional Knowledge for Better Option Pricing, NIPS 2000

The kernel computes max(u, 0) + log(1 + exp(-|u|)), in which no exponential overflows.
"""

from __future__ import annotations

from typing import Any

from scratchgrad.layer import Layer

softplus = Layer("softplus", "u[i] -> h[i]")


@softplus.define
def definition(s: Any) -> Any:
    """h_i = log(1 + exp(u_i))."""
    u, h = s.tensors
    return s.eq(h[s.i], s.log(1 + s.exp(u[s.i])))
