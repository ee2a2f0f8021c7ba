"""Tanh: every output is the hyperbolic tangent of its input.

Saved   h
Source  LeCun, Bottou, Orr and Müller, Efficient BackProp, 1998
"""

from __future__ import annotations

from scratchgrad.layer import Layer

tanh = Layer("tanh", "u[i] -> h[i]", "h[i] = tanh(u[i])")
