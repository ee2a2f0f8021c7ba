"""Mean over the first axis: of every feature, the mean over the places t.

Saved   nothing but sizes
Source  Lin, Chen and Yan, Network in Network, 2014, sec. 3.2 (global average pooling)
"""

from __future__ import annotations

from scratchgrad.layer import Layer

mean = Layer("mean", "x[t,i] -> m[i]", "m[i] = Sum(x[t,i], t)/n_t")
