"""Average pooling: of every window of the image, the mean.

    y_cpq = sum_rt x_{c, stride p + r - padding, stride q + t - padding} / size^2, r and t below size

Shapes  x[c,h,w] -> y[c,p,q]
Sizes   p = (h + 2*padding - size)//stride + 1; q = (w + 2*padding - size)//stride + 1
Options size=2 stride=size padding=0
Shared  none
Saved   nothing but sizes
Kink    none; an x out of range counts as 0
Source  LeCun et al., Gradient-Based Learning Applied to Document Recognition, 1998, sec. II
"""

from __future__ import annotations

from typing import Any

from scratchgrad.layer import Layer

avg_pool2d = Layer(
    "avg_pool2d",
    "x[c,h,w] -> y[c,p,q]; p = (h + 2*padding - size)//stride + 1; q = (w + 2*padding - size)//stride + 1",
    options="size=2 stride=size padding=0",
    variants=("size=3", "size=3 stride=2 padding=1"),
)


@avg_pool2d.define
def definition(s: Any) -> Any:
    """The mean over the window's rows r and columns t."""
    x, y = s.tensors
    r, t = s.index("r", size=s.size), s.index("t", size=s.size)
    element = x[s.c, s.stride * s.p + r - s.padding, s.stride * s.q + t - s.padding]
    return s.eq(y[s.c, s.p, s.q], s.sum(element, r, t) / s.size**2)
