"""Max pooling: of every window of the image, the largest entry.

    y_cpq = max_rt x_{c, stride p + r, stride q + t}, r and t below size

Shapes  x[c,h,w] -> y[c,p,q]
Sizes   p = (h - size)//stride + 1; q = (w - size)//stride + 1
Options size=2 stride=size
Shared  none
Saved   the places of the maxima
Kink    where several entries of a window are the largest, the sheet shares its gradient evenly, the kernel gives it
        to the first, as torch does: both are subgradients
Source  Goodfellow, Bengio and Courville, Deep Learning, sec. 9.3
"""

from __future__ import annotations

from typing import Any

from scratchgrad.layer import Layer

max_pool2d = Layer(
    "max_pool2d",
    "x[c,h,w] -> y[c,p,q]; p = (h - size)//stride + 1; q = (w - size)//stride + 1",
    options="size=2 stride=size",
    variants=("size=3", "size=3 stride=2"),
)


@max_pool2d.define
def definition(s: Any) -> Any:
    """The maximum over the window's rows r and columns t."""
    x, y = s.tensors
    r, t = s.index("r", size=s.size), s.index("t", size=s.size)
    return s.eq(y[s.c, s.p, s.q], s.amax(x[s.c, s.stride * s.p + r, s.stride * s.q + t], r, t))
