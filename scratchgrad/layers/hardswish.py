"""Hardswish: swish with its sigmoid replaced by a line between -3 and 3.

    h_i = 0 where u_i <= -3, u_i where u_i >= 3, else u_i (u_i + 3) / 6

Shapes  u[i] -> h[i]
Shared  none
Saved   u
Kink    u_i = -3, where the derivative is taken as 0; u_i = 3, where it is taken as 1
Source  Howard et al., Searching for MobileNetV3, ICCV 2019
"""

from __future__ import annotations

from typing import Any

from scratchgrad.layer import Layer

hardswish = Layer("hardswish", "u[i] -> h[i]")


@hardswish.define
def definition(s: Any) -> Any:
    """h_i = 0 where u_i <= -3, u_i where u_i >= 3, else u_i (u_i + 3) / 6."""
    u, h = s.tensors
    x = u[s.i]
    return s.eq(h[s.i], s.where(x > -3, s.where(x < 3, x * (x + 3) / 6, x), 0))
