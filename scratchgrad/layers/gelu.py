"""GELU: every input is multiplied by the probability that a standard normal number lies below it.

Saved   u
Source  Hendrycks and Gimpel, Gaussian Error Linear Units (GELUs), 2016
"""

from __future__ import annotations

from scratchgrad.layer import Layer

gelu = Layer("gelu", "u[i] -> h[i]", "h[i] = u[i]*(1 + erf(u[i]/sqrt(2)))/2")
