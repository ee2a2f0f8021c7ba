"""Convolution over two axes: a filter slides over the image and sums what it covers, over the channels of its group.

An x out of range counts as 0.  With several groups, the n_m outputs of group g see the n_c channels of group g only.

Saved   x, W
Source  Goodfellow, Bengio and Courville, Deep Learning, sec. 9.1;
        Dumoulin and Visin, A Guide to Convolution Arithmetic for Deep Learning;
        Krizhevsky, Sutskever and Hinton, ImageNet Classification, 2012 (groups)
"""

from __future__ import annotations

from scratchgrad.layer import Layer

conv2d = Layer(
    "conv2d",
    "x[a,h,w] W[o,c,k,l] b[o] -> u[o,p,q]; a = groups*c; o = groups*m;"
    " p = (h + 2*padding - dilation*(k - 1) - 1)//stride + 1; q = (w + 2*padding - dilation*(l - 1) - 1)//stride + 1",
    """
    u[o,p,q] = where(
        groups == 1,
        Sum(W[o,c,k,l]*x[c, stride*p + dilation*k - padding, stride*q + dilation*l - padding], c, k, l),
        Sum(
            delta(o, n_m*g + m)*W[o,c,k,l]
            *x[n_c*g + c, stride*p + dilation*k - padding, stride*q + dilation*l - padding],
            g<groups, m, c, k, l
        )
    ) + b[o]
    """,
    shared="W b",
    options="stride=1 padding=0 dilation=1 groups=1",
    variants=("padding=1", "stride=2", "stride=2 padding=1", "padding=2", "dilation=2", "groups=2"),
)
