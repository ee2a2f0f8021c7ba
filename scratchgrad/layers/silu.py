"""SiLU: every input is multiplied by its own sigmoid (swish).

    h_i = u_i / (1 + exp(-u_i))

Shapes  u[i] -> h[i]
Shared  none
Saved   u, sigmoid(u)
Kink    none
Source  Elfwing, Uchibe and Doya, Sigmoid-Weighted Linear Units, 2018; Ramachandran, Zoph and Le 2017 (swish)
"""

from __future__ import annotations

from typing import Any

from scratchgrad.layer import Layer

silu = Layer("silu", "u[i] -> h[i]")


@silu.define
def definition(s: Any) -> Any:
    """h_i = u_i sigmoid(u_i)."""
    u, h = s.tensors
    return s.eq(h[s.i], u[s.i] * s.sigmoid(u[s.i]))
