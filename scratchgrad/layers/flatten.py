"""Flatten: an image as one vector, row after row, channel after channel.

    u_j = x_chw where j = (c n_h + h) n_w + w

Shapes  x[c,h,w] -> u[j]
Sizes   j = c*h*w
Shared  none
Saved   nothing but sizes
Kink    none
Source  Zhang et al., Dive into Deep Learning, sec. 7.6 (the flatten layer of LeNet)
"""

from __future__ import annotations

from typing import Any

from scratchgrad.layer import Layer

flatten = Layer("flatten", "x[c,h,w] -> u[j]; j = c*h*w")


@flatten.define
def definition(s: Any) -> Any:
    """u_j = sum_chw delta(j, (c n_h + h) n_w + w) x_chw."""
    x, u = s.tensors
    place = s.c * s.h.size * s.w.size + s.h * s.w.size + s.w
    return s.eq(u[s.j], s.sum(s.delta(s.j, place) * x[s.c, s.h, s.w], s.c, s.h, s.w))
