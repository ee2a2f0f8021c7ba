"""Concatenation: the entries of a, then those of b.

Equal   c[k] = where(k < n_i, a[k+0], b[k - n_i])
Saved   nothing but sizes
Source  Huang et al., Densely Connected Convolutional Networks, 2017, eq. 2
"""

from __future__ import annotations

from scratchgrad.layer import Layer

concat = Layer("concat", "a[i] b[j] -> c[k]; k = i + j", "c[k] = a[k+0] + b[k - n_i]")
