"""Embedding: the output is the row of a table that the integer t names.

Saved   t, the number of rows
Source  Bengio et al., A Neural Probabilistic Language Model, JMLR 2003
"""

from __future__ import annotations

from scratchgrad.layer import Layer

embedding = Layer("embedding", "t:int E[v,k] -> e[k]", "e[k] = E[t,k]", shared="E")
