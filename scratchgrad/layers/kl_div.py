"""Kullback-Leibler divergence: how far the distribution with the logarithms l is from the target distribution p.

Saved   l, p
Source  Goodfellow, Bengio and Courville, Deep Learning, sec. 3.13
"""

from __future__ import annotations

from scratchgrad.layer import Layer

kl_div = Layer("kl_div", "l[i] p[i] -> L", "L = Sum(where(p[i] > 0, p[i]*(log(p[i]) - l[i]), 0), i)")
