"""Log-sum-exp: a smooth maximum of the scores.

    m = log(sum_i exp(v_i))

Shapes  v[i] -> m
Shared  none
Saved   the softmax of v
Kink    none
Source  Boyd and Vandenberghe, Convex Optimization, sec. 3.1.5
"""

from __future__ import annotations

from typing import Any

from scratchgrad.layer import Layer

logsumexp = Layer("logsumexp", "v[i] -> m")


@logsumexp.define
def definition(s: Any) -> Any:
    """The smooth maximum m = log(sum_i exp(v_i))."""
    v, m = s.tensors
    return s.eq(m, s.log(s.sum(s.exp(v[s.i]), s.i)))
