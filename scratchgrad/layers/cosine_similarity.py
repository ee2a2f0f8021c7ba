"""Cosine similarity: the cosine of the angle between two vectors.

    p = sqrt(sum_i a_i^2)
    q = sqrt(sum_i b_i^2)
    c = sum_i a_i b_i / (p q)

Shapes  a[i] b[i] -> c
Shared  none
Saved   a, b, c, p, q
Kink    none; the cosine is undefined where a or b is the zero vector
Source  Manning, Raghavan and Schütze, Introduction to Information Retrieval, sec. 6.3.1
"""

from __future__ import annotations

from typing import Any

from scratchgrad.layer import Layer

cosine_similarity = Layer("cosine_similarity", "a[i] b[i] -> c")


@cosine_similarity.define
def definition(s: Any) -> Any:
    """The lengths p and q, then the cosine."""
    a, b, c = s.tensors
    p, q = s.intermediate("p"), s.intermediate("q")
    return (
        s.eq(p, s.sqrt(s.sum(a[s.i] ** 2, s.i))),
        s.eq(q, s.sqrt(s.sum(b[s.i] ** 2, s.i))),
        s.eq(c, s.sum(a[s.i] * b[s.i], s.i) / (p * q)),
    )
