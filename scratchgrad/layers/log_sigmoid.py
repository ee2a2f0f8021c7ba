"""Log-sigmoid: every output is the logarithm of the logistic function of its input.

    h_i = -log(1 + exp(-u_i))

Shapes  u[i] -> h[i]
Shared  none
Saved   u
Kink    none
Source  Goodfellow, Bengio and Courville, Deep Learning, sec. 3.10 (sigmoid and softplus)

The kernel computes min(u, 0) - log(1 + exp(-|u|)), in which no exponential overflows.
"""

from __future__ import annotations

from typing import Any

from scratchgrad.layer import Layer

log_sigmoid = Layer("log_sigmoid", "u[i] -> h[i]")


@log_sigmoid.define
def definition(s: Any) -> Any:
    """h_i = log(1 / (1 + exp(-u_i))) = -log(1 + exp(-u_i))."""
    u, h = s.tensors
    return s.eq(h[s.i], -s.log(1 + s.exp(-u[s.i])))
