"""Kullback-Leibler divergence: how far the distribution with the logarithms l is from the target distribution p.

    L = sum_i (p_i (log(p_i) - l_i) where p_i > 0, else 0)

Shapes  l[i] p[i] -> L
Shared  none
Saved   l, p
Kink    p_i = 0, where the derivatives are taken as 0
Source  Goodfellow, Bengio and Courville, Deep Learning, sec. 3.13
"""

from __future__ import annotations

from typing import Any

from scratchgrad.layer import Layer

kl_div = Layer("kl_div", "l[i] p[i] -> L")


@kl_div.define
def definition(s: Any) -> Any:
    """L = sum_i p_i (log(p_i) - l_i) over the p_i > 0."""
    logs, p, L = s.tensors
    return s.eq(L, s.sum(s.where(p[s.i] > 0, p[s.i] * (s.log(p[s.i]) - logs[s.i]), 0), s.i))
