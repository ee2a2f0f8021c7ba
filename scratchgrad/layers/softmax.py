"""Softmax: the outputs are positive and sum to 1, in the proportions of the scores' exponentials.

Saved   o
Source  Bridle, Training Stochastic Model Recognition Algorithms as Networks, NIPS 1989
"""

from __future__ import annotations

from scratchgrad.layer import Layer

softmax = Layer("softmax", "v[i] -> o[i]", "o[i] = exp(v[i])/Sum(exp(v[k]), k)")
