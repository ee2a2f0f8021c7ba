"""Softmax: the outputs are positive and sum to 1, in the proportions of the scores' exponentials.

    o_i = exp(v_i) / sum_k exp(v_k)

Shapes  v[i] -> o[i]
Shared  none
Saved   o
Kink    none
Source  Bridle, Training Stochastic Model Recognition Algorithms as Networks, NIPS 1989
"""

from __future__ import annotations

from typing import Any

from scratchgrad.layer import Layer

softmax = Layer("softmax", "v[i] -> o[i]")


@softmax.define
def definition(s: Any) -> Any:
    """o_i = exp(v_i) / sum_k exp(v_k)."""
    v, o = s.tensors
    k = s.index("k", like="i")
    return s.eq(o[s.i], s.exp(v[s.i]) / s.sum(s.exp(v[k]), k))
