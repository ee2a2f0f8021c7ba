"""Group norm: the channels of a group are centred together and divided by their standard deviation.

    mu_g = sum_ck x_gck / (n_c n_k)
    d_gck = x_gck - mu_g
    sigma_g = sqrt(sum_ck d_gck^2 / (n_c n_k) + eps)
    x_hat_gck = d_gck / sigma_g
    y_gck = gamma_gc x_hat_gck + beta_gc

Shapes  x[g,c,k] gamma[g,c] beta[g,c] eps -> y[g,c,k]
Shared  gamma, beta, eps
Saved   x_hat, sigma, gamma
Kink    none; eps > 0 keeps sigma away from 0
Source  Wu and He, Group Normalization, 2018
"""

from __future__ import annotations

from typing import Any

from scratchgrad.layer import Layer

group_norm = Layer(
    "group_norm", "x[g,c,k] gamma[g,c] beta[g,c] eps -> y[g,c,k]", shared="gamma beta eps", usual="gamma=1 eps=1e-5"
)


@group_norm.define
def definition(s: Any) -> Any:
    """Mean, centred input, standard deviation, normalised input, output; g the group, c its channel, k the place."""
    x, gamma, beta, eps, y = s.tensors
    g, c, k = s.g, s.c, s.k
    mu, sigma, number = s.intermediate("mu", g), s.intermediate("sigma", g), c.size * k.size
    d, x_hat = s.intermediate("d", g, c, k), s.intermediate("x_hat", g, c, k)
    return (
        s.eq(mu[g], s.sum(x[g, c, k], c, k) / number),
        s.eq(d[g, c, k], x[g, c, k] - mu[g]),
        s.eq(sigma[g], s.sqrt(s.sum(d[g, c, k] ** 2, c, k) / number + eps)),
        s.eq(x_hat[g, c, k], d[g, c, k] / sigma[g]),
        s.eq(y[g, c, k], gamma[g, c] * x_hat[g, c, k] + beta[g, c]),
    )
