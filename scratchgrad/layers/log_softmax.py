"""Log-softmax: the outputs are the logarithms of a softmax.

    l_i = v_i - log(sum_k exp(v_k))

Shapes  v[i] -> l[i]
Shared  none
Saved   the softmax of v
Kink    none
Source  Goodfellow, Bengio and Courville, Deep Learning, sec. 6.2.2.3
"""

from __future__ import annotations

from typing import Any

from scratchgrad.layer import Layer

log_softmax = Layer("log_softmax", "v[i] -> l[i]")


@log_softmax.define
def definition(s: Any) -> Any:
    """l_i = v_i - log(sum_k exp(v_k))."""
    v, logs = s.tensors
    k = s.index("k", like="i")
    return s.eq(logs[s.i], v[s.i] - s.log(s.sum(s.exp(v[k]), k)))
