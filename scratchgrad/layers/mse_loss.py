"""Mean squared error: the mean of the squared differences of the output v from the target y.

    L = sum_i (v_i - y_i)^2 / n_i

Shapes  v[i] y[i] -> L
Shared  none
Saved   v - y
Kink    none
Source  Goodfellow, Bengio and Courville, Deep Learning, sec. 5.1.4
"""

from __future__ import annotations

from typing import Any

from scratchgrad.layer import Layer

mse_loss = Layer("mse_loss", "v[i] y[i] -> L")


@mse_loss.define
def definition(s: Any) -> Any:
    """L = sum_i (v_i - y_i)^2 / n_i."""
    v, y, L = s.tensors
    return s.eq(L, s.sum((v[s.i] - y[s.i]) ** 2, s.i) / s.i.size)
