"""Rotary position embedding: every pair of entries, one from each half, is turned by the angle of its place.

    a_tj = angle_tj where j < n_h, else angle_{t, j - n_h}
    y_tj = x_tj cos(a_tj) + (x_{t, j - n_h} - x_{t, j + n_h}) sin(a_tj)

An x out of range counts as 0.  The pairs are those of GPT-NeoX and Llama, half an axis apart.

Shapes  x[t,j] angle[t,h] -> y[t,j]
Sizes   j = 2*h
Shared  angle
Saved   x, sin(a), cos(a)
Kink    none
Source  Su et al., RoFormer: Enhanced Transformer with Rotary Position Embedding, 2021, eq. 34
"""

from __future__ import annotations

from typing import Any

from scratchgrad.layer import Layer

rope = Layer("rope", "x[t,j] angle[t,h] -> y[t,j]; j = 2*h", shared="angle")


@rope.define
def definition(s: Any) -> Any:
    """The angle of every entry, then the rotation."""
    x, angle, y = s.tensors
    t, j, half, a = s.t, s.j, s.h.size, s.intermediate("a", s.t, s.j)
    partner = x[t, j - half] - x[t, j + half]
    return (
        s.eq(a[t, j], angle[t, j] + angle[t, j - half]),
        s.eq(y[t, j], x[t, j] * s.cos(a[t, j]) + partner * s.sin(a[t, j])),
    )
