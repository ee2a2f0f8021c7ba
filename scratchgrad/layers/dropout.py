"""Dropout: the inputs that the mask keeps are scaled up, the others are 0.

    h_i = scale m_i u_i

Shapes  u[i] m[i] scale -> h[i]
Shared  scale
Saved   u, m, scale
Kink    none
Source  Srivastava et al., Dropout, JMLR 2014

The mask m is an input, 1 where an entry is kept and 0 elsewhere, so that the layer is a function; the usual scale
is 1 / (1 - p) for a probability p of a 0.
"""

from __future__ import annotations

from typing import Any

from scratchgrad.layer import Layer

dropout = Layer("dropout", "u[i] m[i] scale -> h[i]", shared="scale")


@dropout.define
def definition(s: Any) -> Any:
    """h_i = scale m_i u_i."""
    u, m, scale, h = s.tensors
    return s.eq(h[s.i], scale * m[s.i] * u[s.i])
