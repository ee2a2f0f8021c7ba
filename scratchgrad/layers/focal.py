"""Focal loss of binary targets: the cross-entropy of each score, times a power of how wrong the score is.

    a_i = log(1 + exp(v_i))
    b_i = log(1 + exp(-v_i))
    L = sum_i (y_i exp(-gamma a_i) b_i + (1 - y_i) exp(-gamma b_i) a_i)

With p = sigmoid(v): b = -log p, a = -log(1 - p), exp(-gamma a) = (1 - p)^gamma.

Shapes  v[i] y[i] -> L
Options gamma=2
Shared  none
Saved   v, y, a, b, their exponentials
Kink    none
Source  Lin et al., Focal Loss for Dense Object Detection, 2017, eq. 4
"""

from __future__ import annotations

from typing import Any

from scratchgrad.layer import Layer

focal = Layer("focal", "v[i] y[i] -> L", options="gamma=2", variants=("gamma=1",))


@focal.define
def definition(s: Any) -> Any:
    """The two logarithms, then the weighted cross-entropy."""
    v, y, L = s.tensors
    i, a, b = s.i, s.intermediate("a", s.i), s.intermediate("b", s.i)
    term = y[i] * s.exp(-s.gamma * a[i]) * b[i] + (1 - y[i]) * s.exp(-s.gamma * b[i]) * a[i]
    return (
        s.eq(a[i], s.log(1 + s.exp(v[i]))),
        s.eq(b[i], s.log(1 + s.exp(-v[i]))),
        s.eq(L, s.sum(term, i)),
    )
