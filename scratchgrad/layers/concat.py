"""Concatenation: the entries of a, then those of b.

    c_k = a_k where k < n_i, else b_{k - n_i}

Shapes  a[i] b[j] -> c[k]
Sizes   k = i + j
Shared  none
Saved   nothing but sizes
Kink    none
Source  Huang et al., Densely Connected Convolutional Networks, 2017, eq. 2
"""

from __future__ import annotations

from typing import Any

from scratchgrad.layer import Layer

concat = Layer("concat", "a[i] b[j] -> c[k]; k = i + j")


@concat.define
def definition(s: Any) -> Any:
    """c_k = a_k + b_{k - n_i}: an element out of range is 0."""
    a, b, c = s.tensors
    return s.eq(c[s.k], a[s.k] + b[s.k - s.i.size])
