"""Convolution over two axes: a filter slides over the image and sums what it covers, over the channels of its group.

    u_opq = sum_ckl W_ockl x_{c, stride p + dilation k - padding, stride q + dilation l - padding} + b_o

With several groups, the outputs of group g (n_o / groups each) see the channels of group g (n_c each) only.

Shapes  x[a,h,w] W[o,c,k,l] b[o] -> u[o,p,q]
Sizes   a = groups*c; o = groups*m; p = (h + 2*padding - dilation*(k - 1) - 1)//stride + 1;
        q = (w + 2*padding - dilation*(l - 1) - 1)//stride + 1
Options stride=1 padding=0 dilation=1 groups=1
Shared  W, b
Saved   x, W
Kink    none; an x out of range counts as 0
Source  Goodfellow, Bengio and Courville, Deep Learning, sec. 9.1;
        Dumoulin and Visin, A Guide to Convolution Arithmetic for Deep Learning;
        Krizhevsky, Sutskever and Hinton, ImageNet Classification, 2012 (groups)
"""

from __future__ import annotations

from typing import Any

from scratchgrad.layer import Layer

conv2d = Layer(
    "conv2d",
    "x[a,h,w] W[o,c,k,l] b[o] -> u[o,p,q]; a = groups*c; o = groups*m;"
    " p = (h + 2*padding - dilation*(k - 1) - 1)//stride + 1; q = (w + 2*padding - dilation*(l - 1) - 1)//stride + 1",
    shared="W b",
    options="stride=1 padding=0 dilation=1 groups=1",
    variants=("padding=1", "stride=2", "stride=2 padding=1", "padding=2", "dilation=2", "groups=2"),
)


@conv2d.define
def definition(s: Any) -> Any:
    """The sum over the filter and the channels; with groups, over the group g to which the output o belongs."""
    x, W, b, u = s.tensors
    o, c, k, p, q = s.o, s.c, s.k, s.p, s.q
    y = s.stride * p + s.dilation * k - s.padding
    z = s.stride * q + s.dilation * s.l - s.padding
    if s.groups == 1:
        return s.eq(u[o, p, q], s.sum(W[o, c, k, s.l] * x[c, y, z], c, k, s.l) + b[o])
    g, m = s.index("g", size=s.groups), s.m
    belongs = s.delta(o, m.size * g + m)
    return s.eq(u[o, p, q], s.sum(belongs * W[o, c, k, s.l] * x[c.size * g + c, y, z], g, m, c, k, s.l) + b[o])
