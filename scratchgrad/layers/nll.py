"""Negative log-likelihood: what the log-probabilities l say against the class t.

Equal   L = -l[t]
Saved   t, the number of classes
Source  Goodfellow, Bengio and Courville, Deep Learning, sec. 5.5 (maximum likelihood)
"""

from __future__ import annotations

from scratchgrad.layer import Layer

nll = Layer("nll", "l[i] t:int -> L", "L = -Sum(l[i]*delta(i, t), i)")
