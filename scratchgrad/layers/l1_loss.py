"""L1 loss: the sum of the distances of the output v from the target y, entry by entry.

Saved   v - y
Source  Hastie, Tibshirani and Friedman, The Elements of Statistical Learning, sec. 10.6
"""

from __future__ import annotations

from scratchgrad.layer import Layer

l1_loss = Layer("l1_loss", "v[i] y[i] -> L", "L = Sum(abs(v[i] - y[i]), i)")
