"""RMS norm: every sample is divided by its root mean square, then scaled.

    r = sqrt(sum_i x_i^2 / n_i + eps)
    x_hat_i = x_i / r
    y_i = gamma_i x_hat_i

Shapes  x[i] gamma[i] eps -> y[i]
Shared  gamma, eps
Saved   x_hat, r, gamma
Kink    none; eps > 0 keeps r away from 0
Source  Zhang and Sennrich, Root Mean Square Layer Normalization, 2019
"""

from __future__ import annotations

from typing import Any

from scratchgrad.layer import Layer

rms_norm = Layer("rms_norm", "x[i] gamma[i] eps -> y[i]", shared="gamma eps", usual="gamma=1 eps=1e-5")


@rms_norm.define
def definition(s: Any) -> Any:
    """Root mean square, normalised input, output."""
    x, gamma, eps, y = s.tensors
    i, r, x_hat = s.i, s.intermediate("r"), s.intermediate("x_hat", s.i)
    return (
        s.eq(r, s.sqrt(s.sum(x[i] ** 2, i) / i.size + eps)),
        s.eq(x_hat[i], x[i] / r),
        s.eq(y[i], gamma[i] * x_hat[i]),
    )
