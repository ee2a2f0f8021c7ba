"""Rotary position embedding: every pair of entries, one from each half, is turned by the angle of its place.

The pairs are those of GPT-NeoX and Llama, half an axis apart.

Saved   x, sin(a), cos(a)
Source  Su et al., RoFormer: Enhanced Transformer with Rotary Position Embedding, 2021, eq. 34
"""

from __future__ import annotations

from scratchgrad.layer import Layer

rope = Layer(
    "rope",
    "x[t,j] angle[t,h] -> y[t,j]; j = 2*h",
    """
    a[t,j] = angle[t,j+0] + angle[t,j - n_h]
    y[t,j] = x[t,j]*cos(a[t,j]) + (x[t,j - n_h] - x[t,j + n_h])*sin(a[t,j])
    """,
    shared="angle",
)
