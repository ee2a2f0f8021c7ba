"""Layer norm: every sample is centred, divided by its standard deviation, then scaled and shifted.

    mu = sum_i x_i / n_i
    c_i = x_i - mu
    sigma = sqrt(sum_i c_i^2 / n_i + eps)
    x_hat_i = c_i / sigma
    y_i = gamma_i x_hat_i + beta_i

Shapes  x[i] gamma[i] beta[i] eps -> y[i]
Shared  gamma, beta, eps
Saved   x_hat, sigma, gamma
Kink    none; eps > 0 keeps sigma away from 0
Source  Ba, Kiros and Hinton, Layer Normalization, 2016
"""

from __future__ import annotations

from typing import Any

from scratchgrad.layer import Layer

layer_norm = Layer("layer_norm", "x[i] gamma[i] beta[i] eps -> y[i]", shared="gamma beta eps", usual="gamma=1 eps=1e-5")


@layer_norm.define
def definition(s: Any) -> Any:
    """Mean, centred input, standard deviation, normalised input, output."""
    x, gamma, beta, eps, y = s.tensors
    i, mu, sigma = s.i, s.intermediate("mu"), s.intermediate("sigma")
    c, x_hat = s.intermediate("c", i), s.intermediate("x_hat", i)
    return (
        s.eq(mu, s.sum(x[i], i) / i.size),
        s.eq(c[i], x[i] - mu),
        s.eq(sigma, s.sqrt(s.sum(c[i] ** 2, i) / i.size + eps)),
        s.eq(x_hat[i], c[i] / sigma),
        s.eq(y[i], gamma[i] * x_hat[i] + beta[i]),
    )
