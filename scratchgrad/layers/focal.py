"""Focal loss of binary targets: the cross-entropy of each score, times a power of how wrong the score is.

Equal   p[i] = sigmoid(v[i]);
        L = -Sum(y[i]*(1 - p[i])**gamma*log(p[i]) + (1 - y[i])*p[i]**gamma*log(1 - p[i]), i)
Saved   v, y, a, b, their exponentials
Source  Lin et al., Focal Loss for Dense Object Detection, 2017, eq. 4
"""

from __future__ import annotations

from scratchgrad.layer import Layer

focal = Layer(
    "focal",
    "v[i] y[i] -> L",
    """
    a[i] = log(1 + exp(v[i]))
    b[i] = log(1 + exp(-v[i]))
    L = Sum(y[i]*exp(-gamma*a[i])*b[i] + (1 - y[i])*exp(-gamma*b[i])*a[i], i)
    """,
    options="gamma=2",
    variants=("gamma=1",),
)
