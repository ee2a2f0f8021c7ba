"""ELU: a positive input passes, any other approaches -alpha exponentially.

    h_i = u_i where u_i > 0, else alpha (exp(u_i) - 1)

Shapes  u[i] alpha -> h[i]
Shared  alpha
Saved   u, alpha
Kink    u_i = 0 (unless alpha = 1), where the derivative is taken as alpha
Source  Clevert, Unterthiner and Hochreiter, Fast and Accurate Deep Network Learning by ELUs, ICLR 2016
"""

from __future__ import annotations

from typing import Any

from scratchgrad.layer import Layer

elu = Layer("elu", "u[i] alpha -> h[i]", shared="alpha", usual="alpha=1")


@elu.define
def definition(s: Any) -> Any:
    """h_i = u_i where u_i > 0, else alpha (exp(u_i) - 1)."""
    u, alpha, h = s.tensors
    return s.eq(h[s.i], s.where(u[s.i] > 0, u[s.i], alpha * (s.exp(u[s.i]) - 1)))
