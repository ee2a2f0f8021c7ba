"""Dropout: the inputs that the mask keeps are scaled up, the others are 0.

The mask m is an input, 1 where an entry is kept and 0 elsewhere, so that the layer is a function; the usual scale
is 1 / (1 - p) for a probability p of a 0.

Saved   u, m, scale
Source  Srivastava et al., Dropout, JMLR 2014
"""

from __future__ import annotations

from scratchgrad.layer import Layer

dropout = Layer("dropout", "u[i] m[i] scale -> h[i]", "h[i] = scale*m[i]*u[i]", shared="scale")
