"""RMS norm: every sample is divided by its root mean square, then scaled.

Saved   x_hat, r, gamma
Source  Zhang and Sennrich, Root Mean Square Layer Normalization, 2019
"""

from __future__ import annotations

from scratchgrad.layer import Layer

rms_norm = Layer(
    "rms_norm",
    "x[i] gamma[i] eps>0 -> y[i]",
    """
    r = sqrt(Sum(x[i]**2, i)/n_i + eps)
    x_hat[i] = x[i]/r
    y[i] = gamma[i]*x_hat[i]
    """,
    shared="gamma eps",
    usual="gamma=1 eps=1e-5",
)
