"""Log-sum-exp: a smooth maximum of the scores.

Saved   the softmax of v
Source  Boyd and Vandenberghe, Convex Optimization, sec. 3.1.5
"""

from __future__ import annotations

from scratchgrad.layer import Layer

logsumexp = Layer("logsumexp", "v[i] -> m", "m = log(Sum(exp(v[i]), i))")
