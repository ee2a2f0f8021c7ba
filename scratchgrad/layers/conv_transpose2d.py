"""Transposed convolution: every entry of the image puts its multiple of the filter into the output.

    u_opq = sum over c, h, w, k, l with p = stride h + k - padding and q = stride w + l - padding of W_cokl x_chw, + b_o

Shapes  x[c,h,w] W[c,o,k,l] b[o] -> u[o,p,q]
Sizes   p = stride*(h - 1) + k - 2*padding; q = stride*(w - 1) + l - 2*padding
Options stride=1 padding=0
Shared  W, b
Saved   x, W
Kink    none
Source  Dumoulin and Visin, A Guide to Convolution Arithmetic for Deep Learning, ch. 4
"""

from __future__ import annotations

from typing import Any

from scratchgrad.layer import Layer

conv_transpose2d = Layer(
    "conv_transpose2d",
    "x[c,h,w] W[c,o,k,l] b[o] -> u[o,p,q]; p = stride*(h - 1) + k - 2*padding; q = stride*(w - 1) + l - 2*padding",
    shared="W b",
    options="stride=1 padding=0",
    variants=("stride=2", "stride=2 padding=1"),
)


@conv_transpose2d.define
def definition(s: Any) -> Any:
    """The sum over all entries and filter places that meet at the output's place."""
    x, W, b, u = s.tensors
    meets = s.delta(s.p, s.stride * s.h + s.k - s.padding) * s.delta(s.q, s.stride * s.w + s.l - s.padding)
    term = W[s.c, s.o, s.k, s.l] * x[s.c, s.h, s.w] * meets
    return s.eq(u[s.o, s.p, s.q], s.sum(term, s.c, s.h, s.w, s.k, s.l) + b[s.o])
