"""Average pooling: of every window of the image, the mean.

An x out of range counts as 0.

Saved   nothing but sizes
Source  LeCun et al., Gradient-Based Learning Applied to Document Recognition, 1998, sec. II
"""

from __future__ import annotations

from scratchgrad.layer import Layer

avg_pool2d = Layer(
    "avg_pool2d",
    "x[c,h,w] -> y[c,p,q]; p = (h + 2*padding - size)//stride + 1; q = (w + 2*padding - size)//stride + 1",
    "y[c,p,q] = Sum(x[c, stride*p + r - padding, stride*q + t - padding], r<size, t<size)/size**2",
    options="size=2 stride=size padding=0",
    variants=("size=3", "size=3 stride=2 padding=1"),
)
