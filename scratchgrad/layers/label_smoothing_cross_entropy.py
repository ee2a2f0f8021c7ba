"""Cross-entropy with label smoothing: the loss of the scores v against the target y, mixed with even odds.

    o_i = exp(v_i) / sum_k exp(v_k)
    q_i = (1 - eps) y_i + eps / n_i
    L = -sum_i q_i log(o_i)

Shapes  v[i] y[i] eps -> L
Shared  eps
Saved   o, log o, q, y, eps
Kink    none
Source  Szegedy et al., Rethinking the Inception Architecture for Computer Vision, CVPR 2016, sec. 7
"""

from __future__ import annotations

from typing import Any

from scratchgrad.layer import Layer

label_smoothing_cross_entropy = Layer(
    "label_smoothing_cross_entropy", "v[i] y[i] eps -> L", shared="eps", usual="eps=0.1"
)


@label_smoothing_cross_entropy.define
def definition(s: Any) -> Any:
    """Softmax, smoothed target, cross-entropy."""
    v, y, eps, L = s.tensors
    k, o, q = s.index("k", like="i"), s.intermediate("o", s.i), s.intermediate("q", s.i)
    return (
        s.eq(o[s.i], s.exp(v[s.i]) / s.sum(s.exp(v[k]), k)),
        s.eq(q[s.i], (1 - eps) * y[s.i] + eps / s.i.size),
        s.eq(L, -s.sum(q[s.i] * s.log(o[s.i]), s.i)),
    )
