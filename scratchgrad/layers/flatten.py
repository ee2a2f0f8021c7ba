"""Flatten: an image as one vector, row after row, channel after channel.

Saved   nothing but sizes
Source  Zhang et al., Dive into Deep Learning, sec. 7.6 (the flatten layer of LeNet)
"""

from __future__ import annotations

from scratchgrad.layer import Layer

flatten = Layer(
    "flatten",
    "x[c,h,w] -> u[j]; j = c*h*w",
    "u[j] = Sum(delta(j, c*n_h*n_w + h*n_w + w)*x[c,h,w], c, h, w)",
)
