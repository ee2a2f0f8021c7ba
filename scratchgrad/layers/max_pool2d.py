"""Max pooling: of every window of the image, the largest entry.

Where several entries of a window are the largest, the sheet shares its gradient evenly and the kernel gives it to the
first, as torch does: both are subgradients.

Saved   the places of the maxima
Source  Goodfellow, Bengio and Courville, Deep Learning, sec. 9.3
"""

from __future__ import annotations

from scratchgrad.layer import Layer

max_pool2d = Layer(
    "max_pool2d",
    "x[c,h,w] -> y[c,p,q]; p = (h - size)//stride + 1; q = (w - size)//stride + 1",
    "y[c,p,q] = Max(x[c, stride*p + r, stride*q + t], r<size, t<size)",
    options="size=2 stride=size",
    variants=("size=3", "size=3 stride=2"),
)
