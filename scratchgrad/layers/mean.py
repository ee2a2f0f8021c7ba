"""Mean over the first axis: of every feature, the mean over the places t.

    m_i = sum_t x_ti / n_t

Shapes  x[t,i] -> m[i]
Shared  none
Saved   nothing but sizes
Kink    none
Source  Lin, Chen and Yan, Network in Network, 2014, sec. 3.2 (global average pooling)
"""

from __future__ import annotations

from typing import Any

from scratchgrad.layer import Layer

mean = Layer("mean", "x[t,i] -> m[i]")


@mean.define
def definition(s: Any) -> Any:
    """m_i = sum_t x_ti / n_t."""
    x, m = s.tensors
    return s.eq(m[s.i], s.sum(x[s.t, s.i], s.t) / s.t.size)
