"""Leaky ReLU: a positive input passes, any other is multiplied by a small slope.

Saved   u, slope
Source  Maas, Hannun and Ng, Rectifier Nonlinearities Improve Neural Network Acoustic Models, 2013
"""

from __future__ import annotations

from scratchgrad.layer import Layer

leaky_relu = Layer(
    "leaky_relu",
    "u[i] slope -> h[i]",
    "h[i] = where(u[i] > 0, u[i], slope*u[i])",
    shared="slope",
    usual="slope=0.01",
)
