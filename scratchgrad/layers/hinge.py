"""Hinge loss: how much the margins y_i v_i of the scores fall short of 1, for targets -1 or 1.

    L = sum_i (1 - y_i v_i where y_i v_i < 1, else 0)

Shapes  v[i] y[i] -> L
Shared  none
Saved   v, y
Kink    y_i v_i = 1, where the derivative is taken as 0
Source  Cortes and Vapnik, Support-Vector Networks, Machine Learning 1995
"""

from __future__ import annotations

from typing import Any

from scratchgrad.layer import Layer

hinge = Layer("hinge", "v[i] y[i] -> L")


@hinge.define
def definition(s: Any) -> Any:
    """L = sum_i (1 - y_i v_i where y_i v_i < 1, else 0)."""
    v, y, L = s.tensors
    margin = y[s.i] * v[s.i]
    return s.eq(L, s.sum(s.where(margin < 1, 1 - margin, 0), s.i))
