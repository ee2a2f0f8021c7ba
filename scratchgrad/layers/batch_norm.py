"""Batch norm in training: every feature is centred and divided by its standard deviation over the batch.

Saved   x_hat, sigma, gamma
Source  Ioffe and Szegedy, Batch Normalization, 2015
"""

from __future__ import annotations

from scratchgrad.layer import Layer

batch_norm = Layer(
    "batch_norm",
    "x[i] gamma[i] beta[i] eps>0 -> y[i]",
    """
    mu[i] = Sum(x[n,i], n)/n_n
    c[n,i] = x[n,i] - mu[i]
    sigma[i] = sqrt(Sum(c[n,i]**2, n)/n_n + eps)
    x_hat[n,i] = c[n,i]/sigma[i]
    y[n,i] = gamma[i]*x_hat[n,i] + beta[i]
    """,
    shared="gamma beta eps",
    usual="gamma=1 eps=1e-5",
    batch="n",
)
