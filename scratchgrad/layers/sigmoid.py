"""Sigmoid: every output is the logistic function of its input, a number between 0 and 1.

    h_i = 1 / (1 + exp(-u_i))

Shapes  u[i] -> h[i]
Shared  none
Saved   h
Kink    none
Source  Bishop, Pattern Recognition and Machine Learning, sec. 4.2 (logistic sigmoid)
"""

from __future__ import annotations

from typing import Any

from scratchgrad.layer import Layer

sigmoid = Layer("sigmoid", "u[i] -> h[i]")


@sigmoid.define
def definition(s: Any) -> Any:
    """h_i = 1 / (1 + exp(-u_i))."""
    u, h = s.tensors
    return s.eq(h[s.i], s.sigmoid(u[s.i]))
