"""Transposed convolution: every entry of the image puts its multiple of the filter into the output.

Saved   x, W
Source  Dumoulin and Visin, A Guide to Convolution Arithmetic for Deep Learning, ch. 4
"""

from __future__ import annotations

from scratchgrad.layer import Layer

conv_transpose2d = Layer(
    "conv_transpose2d",
    "x[c,h,w] W[c,o,k,l] b[o] -> u[o,p,q]; p = stride*(h - 1) + k - 2*padding; q = stride*(w - 1) + l - 2*padding",
    """
    u[o,p,q] = Sum(
        W[c,o,k,l]*x[c,h,w]*delta(p, stride*h + k - padding)*delta(q, stride*w + l - padding), c, h, w, k, l
    ) + b[o]
    """,
    shared="W b",
    options="stride=1 padding=0",
    variants=("stride=2", "stride=2 padding=1"),
)
