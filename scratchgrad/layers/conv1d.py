"""Convolution over one axis: a filter slides over the input and sums what it covers, over all channels.

    u_op = sum_ck W_ock x_{c, stride p + dilation k - padding} + b_o

Shapes  x[c,i] W[o,c,k] b[o] -> u[o,p]
Sizes   p = (i + 2*padding - dilation*(k - 1) - 1)//stride + 1
Options stride=1 padding=0 dilation=1
Shared  W, b
Saved   x, W
Kink    none; an x out of range counts as 0
Source  Goodfellow, Bengio and Courville, Deep Learning, sec. 9.1; Dumoulin and Visin, A Guide to Convolution Arithmetic
"""

from __future__ import annotations

from typing import Any

from scratchgrad.layer import Layer

conv1d = Layer(
    "conv1d",
    "x[c,i] W[o,c,k] b[o] -> u[o,p]; p = (i + 2*padding - dilation*(k - 1) - 1)//stride + 1",
    shared="W b",
    options="stride=1 padding=0 dilation=1",
    variants=("padding=1", "stride=2", "stride=2 padding=1", "dilation=2"),
)


@conv1d.define
def definition(s: Any) -> Any:
    """u_op = sum_ck W_ock x_{c, stride p + dilation k - padding} + b_o."""
    x, W, b, u = s.tensors
    place = s.stride * s.p + s.dilation * s.k - s.padding
    return s.eq(u[s.o, s.p], s.sum(W[s.o, s.c, s.k] * x[s.c, place], s.c, s.k) + b[s.o])
