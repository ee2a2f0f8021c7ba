"""Residual with a scale: the input, plus a multiple of what a branch made of it.

    y_i = x_i + alpha f_i

Shapes  x[i] f[i] alpha -> y[i]
Shared  alpha
Saved   f, alpha
Kink    none
Source  Szegedy et al., Inception-v4, 2017, sec. 3.3
"""

from __future__ import annotations

from typing import Any

from scratchgrad.layer import Layer

residual_scale = Layer("residual_scale", "x[i] f[i] alpha -> y[i]", shared="alpha")


@residual_scale.define
def definition(s: Any) -> Any:
    """y_i = x_i + alpha f_i."""
    x, f, alpha, y = s.tensors
    return s.eq(y[s.i], x[s.i] + alpha * f[s.i])
