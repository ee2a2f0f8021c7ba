"""Log-softmax: the outputs are the logarithms of a softmax.

Saved   the softmax of v
Source  Goodfellow, Bengio and Courville, Deep Learning, sec. 6.2.2.3
"""

from __future__ import annotations

from scratchgrad.layer import Layer

log_softmax = Layer("log_softmax", "v[i] -> l[i]", "l[i] = v[i] - log(Sum(exp(v[k]), k))")
