"""Triplet loss: the anchor a is to be closer to the positive p than to the negative q, by a margin.

Saved   a, p, q, d - e + margin
Source  Schroff, Kalenichenko and Philbin, FaceNet, 2015, sec. 3.1
"""

from __future__ import annotations

from scratchgrad.layer import Layer

triplet = Layer(
    "triplet",
    "a[i] p[i] q[i] margin -> L",
    """
    d = Sum((a[i] - p[i])**2, i)
    e = Sum((a[i] - q[i])**2, i)
    L = max(d - e + margin, 0)
    """,
    shared="margin",
)
