"""Batch norm in training: every feature is centred and divided by its standard deviation over the batch.

    mu_i = sum_n x_ni / n_n
    c_ni = x_ni - mu_i
    sigma_i = sqrt(sum_n c_ni^2 / n_n + eps)
    x_hat_ni = c_ni / sigma_i
    y_ni = gamma_i x_hat_ni + beta_i

Shapes  x[i] gamma[i] beta[i] eps -> y[i]
Shared  gamma, beta, eps
Batch   n: the samples of a batch depend on one another
Saved   x_hat, sigma, gamma
Kink    none; eps > 0 keeps sigma away from 0
Source  Ioffe and Szegedy, Batch Normalization, 2015
"""

from __future__ import annotations

from typing import Any

from scratchgrad.layer import Layer

batch_norm = Layer(
    "batch_norm", "x[i] gamma[i] beta[i] eps -> y[i]", shared="gamma beta eps", usual="gamma=1 eps=1e-5", batch="n"
)


@batch_norm.define
def definition(s: Any) -> Any:
    """Mean, centred input, standard deviation, normalised input, output."""
    x, gamma, beta, eps, y = s.tensors
    n, i, mu, sigma = s.n, s.i, s.intermediate("mu", s.i), s.intermediate("sigma", s.i)
    c, x_hat = s.intermediate("c", n, i), s.intermediate("x_hat", n, i)
    return (
        s.eq(mu[i], s.sum(x[n, i], n) / n.size),
        s.eq(c[n, i], x[n, i] - mu[i]),
        s.eq(sigma[i], s.sqrt(s.sum(c[n, i] ** 2, n) / n.size + eps)),
        s.eq(x_hat[n, i], c[n, i] / sigma[i]),
        s.eq(y[n, i], gamma[i] * x_hat[n, i] + beta[i]),
    )
