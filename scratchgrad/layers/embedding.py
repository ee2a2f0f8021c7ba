"""Embedding: the output is the row of a table that the integer t names.

    e_k = E_tk

Shapes  t:int E[v,k] -> e[k]
Shared  E
Saved   t, the number of rows
Kink    none
Source  Bengio et al., A Neural Probabilistic Language Model, JMLR 2003
"""

from __future__ import annotations

from typing import Any

from scratchgrad.layer import Layer

embedding = Layer("embedding", "t:int E[v,k] -> e[k]", shared="E")


@embedding.define
def definition(s: Any) -> Any:
    """e_k = E_tk."""
    t, E, e = s.tensors
    return s.eq(e[s.k], E[t, s.k])
