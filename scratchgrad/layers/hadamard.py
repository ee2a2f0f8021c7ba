"""Hadamard product: every output is the product of two inputs.

    c_i = a_i b_i

Shapes  a[i] b[i] -> c[i]
Shared  none
Saved   a, b
Kink    none
Source  Horn and Johnson, Topics in Matrix Analysis, ch. 5
"""

from __future__ import annotations

from typing import Any

from scratchgrad.layer import Layer

hadamard = Layer("hadamard", "a[i] b[i] -> c[i]")


@hadamard.define
def definition(s: Any) -> Any:
    """c_i = a_i b_i."""
    a, b, c = s.tensors
    return s.eq(c[s.i], a[s.i] * b[s.i])
