"""PReLU: a positive input passes, any other is multiplied by a learned slope of its own.

    h_i = u_i where u_i > 0, else a_i u_i

Shapes  u[i] a[i] -> h[i]
Shared  a
Saved   u, a
Kink    u_i = 0, where the derivative is taken as a_i
Source  He et al., Delving Deep into Rectifiers, ICCV 2015
"""

from __future__ import annotations

from typing import Any

from scratchgrad.layer import Layer

prelu = Layer("prelu", "u[i] a[i] -> h[i]", shared="a", usual="a=0.25")


@prelu.define
def definition(s: Any) -> Any:
    """h_i = u_i where u_i > 0, else a_i u_i."""
    u, a, h = s.tensors
    return s.eq(h[s.i], s.where(u[s.i] > 0, u[s.i], a[s.i] * u[s.i]))
