"""GELU with tanh: the normal distribution function of GELU is approximated with a hyperbolic tangent.

Saved   u, tanh(z)
Source  Hendrycks and Gimpel, Gaussian Error Linear Units (GELUs), 2016 (the approximation)
"""

from __future__ import annotations

from scratchgrad.layer import Layer

gelu_tanh = Layer(
    "gelu_tanh",
    "u[i] -> h[i]",
    """
    z[i] = sqrt(2/pi)*(u[i] + 0.044715*u[i]**3)
    h[i] = u[i]*(1 + tanh(z[i]))/2
    """,
)
