"""Negative log-likelihood: what the log-probabilities l say against the class t.

    L = -l_t

Shapes  l[i] t:int -> L
Shared  none
Saved   t, the number of classes
Kink    none
Source  Goodfellow, Bengio and Courville, Deep Learning, sec. 5.5 (maximum likelihood)
"""

from __future__ import annotations

from typing import Any

from scratchgrad.layer import Layer

nll = Layer("nll", "l[i] t:int -> L")


@nll.define
def definition(s: Any) -> Any:
    """L = -sum_i l_i delta_it = -l_t."""
    logs, t, L = s.tensors
    return s.eq(L, -s.sum(logs[s.i] * s.delta(s.i, t), s.i))
