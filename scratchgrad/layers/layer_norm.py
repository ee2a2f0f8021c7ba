"""Layer norm: every sample is centred, divided by its standard deviation, then scaled and shifted.

Saved   x_hat, sigma, gamma
Source  Ba, Kiros and Hinton, Layer Normalization, 2016
"""

from __future__ import annotations

from scratchgrad.layer import Layer

layer_norm = Layer(
    "layer_norm",
    "x[i] gamma[i] beta[i] eps>0 -> y[i]",
    """
    mu = Sum(x[i], i)/n_i
    c[i] = x[i] - mu
    sigma = sqrt(Sum(c[i]**2, i)/n_i + eps)
    x_hat[i] = c[i]/sigma
    y[i] = gamma[i]*x_hat[i] + beta[i]
    """,
    shared="gamma beta eps",
    usual="gamma=1 eps=1e-5",
)
