"""Hadamard product: every output is the product of two inputs.

Saved   a, b
Source  Horn and Johnson, Topics in Matrix Analysis, ch. 5
"""

from __future__ import annotations

from scratchgrad.layer import Layer

hadamard = Layer("hadamard", "a[i] b[i] -> c[i]", "c[i] = a[i]*b[i]")
