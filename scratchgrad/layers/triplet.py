"""Triplet loss: the anchor a is to be closer to the positive p than to the negative q, by a margin.

    d = sum_i (a_i - p_i)^2
    e = sum_i (a_i - q_i)^2
    L = max(d - e + margin, 0)

Shapes  a[i] p[i] q[i] margin -> L
Shared  margin
Saved   a, p, q, d - e + margin
Kink    d - e + margin = 0: the gradient is 0
Source  Schroff, Kalenichenko and Philbin, FaceNet, 2015, sec. 3.1
"""

from __future__ import annotations

from typing import Any

from scratchgrad.layer import Layer

triplet = Layer("triplet", "a[i] p[i] q[i] margin -> L", shared="margin")


@triplet.define
def definition(s: Any) -> Any:
    """The squared distances d to the positive and e to the negative, then the hinge."""
    a, p, q, margin, L = s.tensors
    i, d, e = s.i, s.intermediate("d"), s.intermediate("e")
    return (
        s.eq(d, s.sum((a[i] - p[i]) ** 2, i)),
        s.eq(e, s.sum((a[i] - q[i]) ** 2, i)),
        s.eq(L, s.max(d - e + margin, 0)),
    )
