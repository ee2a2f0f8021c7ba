"""SiLU: every input is multiplied by its own sigmoid (swish).

Equal   h[i] = u[i]/(1 + exp(-u[i]))
Saved   u, sigmoid(u)
Source  Elfwing, Uchibe and Doya, Sigmoid-Weighted Linear Units, 2018; Ramachandran, Zoph and Le 2017 (swish)
"""

from __future__ import annotations

from scratchgrad.layer import Layer

silu = Layer("silu", "u[i] -> h[i]", "h[i] = u[i]*sigmoid(u[i])")
