"""ELU: a positive input passes, any other approaches -alpha exponentially.

Saved   u, alpha
Source  Clevert, Unterthiner and Hochreiter, Fast and Accurate Deep Network Learning by ELUs, ICLR 2016
"""

from __future__ import annotations

from scratchgrad.layer import Layer

elu = Layer(
    "elu",
    "u[i] alpha -> h[i]",
    "h[i] = where(u[i] > 0, u[i], alpha*(exp(u[i]) - 1))",
    shared="alpha",
    usual="alpha=1",
)
