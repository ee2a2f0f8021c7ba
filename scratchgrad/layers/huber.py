"""Huber loss: squared near the target, linear further away than d.

Saved   v - y, d
Source  Huber, Robust Estimation of a Location Parameter, Annals of Mathematical Statistics 1964
"""

from __future__ import annotations

from scratchgrad.layer import Layer

huber = Layer(
    "huber",
    "v[i] y[i] d>0 -> L",
    """
    e[i] = v[i] - y[i]
    L = Sum(where(abs(e[i]) < d, e[i]**2/2, d*(abs(e[i]) - d/2)), i)
    """,
    shared="d",
    usual="d=1",
)
