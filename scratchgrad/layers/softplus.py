"""Softplus: a smooth ReLU, the logarithm of 1 plus the exponential of the input.

The kernel computes the equal form, in which no exponential overflows.

Equal   h[i] = max(u[i], 0) + log(1 + exp(-abs(u[i])))
Saved   u
Source  Dugas et al., Incorporating Second-Order Functional Knowledge for Better Option Pricing, NIPS 2000
"""

from __future__ import annotations

from scratchgrad.layer import Layer

softplus = Layer("softplus", "u[i] -> h[i]", "h[i] = log(1 + exp(u[i]))")
