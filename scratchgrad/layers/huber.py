"""Huber loss: squared near the target, linear further away than d.

    e_i = v_i - y_i
    L = sum_i (e_i^2 / 2 where |e_i| < d, else d (|e_i| - d / 2))

Shapes  v[i] y[i] d -> L
Shared  d
Saved   v - y, d
Kink    none for d > 0: at |e_i| = d both branches have the same derivatives
Source  Huber, Robust Estimation of a Location Parameter, Annals of Mathematical Statistics 1964
"""

from __future__ import annotations

from typing import Any

from scratchgrad.layer import Layer

huber = Layer("huber", "v[i] y[i] d -> L", shared="d", usual="d=1")


@huber.define
def definition(s: Any) -> Any:
    """e_i = v_i - y_i, then L = sum_i (e_i^2 / 2 where |e_i| < d, else d (|e_i| - d / 2))."""
    v, y, d, L = s.tensors
    e = s.intermediate("e", s.i)
    far = s.abs(e[s.i])
    return (
        s.eq(e[s.i], v[s.i] - y[s.i]),
        s.eq(L, s.sum(s.where(far < d, e[s.i] ** 2 / 2, d * (far - d / 2)), s.i)),
    )
