"""Convolution over one axis: a filter slides over the input and sums what it covers, over all channels.

An x out of range counts as 0.

Saved   x, W
Source  Goodfellow, Bengio and Courville, Deep Learning, sec. 9.1; Dumoulin and Visin, A Guide to Convolution Arithmetic
"""

from __future__ import annotations

from scratchgrad.layer import Layer

conv1d = Layer(
    "conv1d",
    "x[c,i] W[o,c,k] b[o] -> u[o,p]; p = (i + 2*padding - dilation*(k - 1) - 1)//stride + 1",
    "u[o,p] = Sum(W[o,c,k]*x[c, stride*p + dilation*k - padding], c, k) + b[o]",
    shared="W b",
    options="stride=1 padding=0 dilation=1",
    variants=("padding=1", "stride=2", "stride=2 padding=1", "dilation=2"),
)
