"""Cross-entropy with label smoothing: the loss of the scores v against the target y, mixed with even odds.

Saved   o, log o, q, y, eps
Source  Szegedy et al., Rethinking the Inception Architecture for Computer Vision, CVPR 2016, sec. 7
"""

from __future__ import annotations

from scratchgrad.layer import Layer

label_smoothing_cross_entropy = Layer(
    "label_smoothing_cross_entropy",
    "v[i] y[i] eps -> L",
    """
    o[i] = exp(v[i])/Sum(exp(v[k]), k)
    q[i] = (1 - eps)*y[i] + eps/n_i
    L = -Sum(q[i]*log(o[i]), i)
    """,
    shared="eps",
    usual="eps=0.1",
)
