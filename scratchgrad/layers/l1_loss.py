"""L1 loss: the sum of the distances of the output v from the target y, entry by entry.

    L = sum_i |v_i - y_i|

Shapes  v[i] y[i] -> L
Shared  none
Saved   v - y
Kink    v_i = y_i, where the derivative is taken as 0
Source  Hastie, Tibshirani and Friedman, The Elements of Statistical Learning, sec. 10.6
"""

from __future__ import annotations

from typing import Any

from scratchgrad.layer import Layer

l1_loss = Layer("l1_loss", "v[i] y[i] -> L")


@l1_loss.define
def definition(s: Any) -> Any:
    """L = sum_i |v_i - y_i|."""
    v, y, L = s.tensors
    return s.eq(L, s.sum(s.abs(v[s.i] - y[s.i]), s.i))
