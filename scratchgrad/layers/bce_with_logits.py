"""Binary cross-entropy with logits: the loss of the scores v against the targets y, each between 0 and 1.

    L = sum_i (log(1 + exp(v_i)) - v_i y_i)

Shapes  v[i] y[i] -> L
Shared  none
Saved   v, y
Kink    none
Source  Bishop, Pattern Recognition and Machine Learning, sec. 4.3.2 (cross-entropy of a sigmoid)

Equal to -sum_i (y_i log(h_i) + (1 - y_i) log(1 - h_i)) with h = sigmoid(v), and finite for every score.
"""

from __future__ import annotations

from typing import Any

from scratchgrad.layer import Layer

bce_with_logits = Layer("bce_with_logits", "v[i] y[i] -> L")


@bce_with_logits.define
def definition(s: Any) -> Any:
    """L = sum_i (log(1 + exp(v_i)) - v_i y_i)."""
    v, y, L = s.tensors
    return s.eq(L, s.sum(s.log(1 + s.exp(v[s.i])) - v[s.i] * y[s.i], s.i))
