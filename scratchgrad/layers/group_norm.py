"""Group norm: the channels of a group are centred together and divided by their standard deviation.

Saved   x_hat, sigma, gamma
Source  Wu and He, Group Normalization, 2018
"""

from __future__ import annotations

from scratchgrad.layer import Layer

group_norm = Layer(
    "group_norm",
    "x[g,c,k] gamma[g,c] beta[g,c] eps>0 -> y[g,c,k]",
    """
    mu[g] = Sum(x[g,c,k], c, k)/(n_c*n_k)
    d[g,c,k] = x[g,c,k] - mu[g]
    sigma[g] = sqrt(Sum(d[g,c,k]**2, c, k)/(n_c*n_k) + eps)
    x_hat[g,c,k] = d[g,c,k]/sigma[g]
    y[g,c,k] = gamma[g,c]*x_hat[g,c,k] + beta[g,c]
    """,
    shared="gamma beta eps",
    usual="gamma=1 eps=1e-5",
)
