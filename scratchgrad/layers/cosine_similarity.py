"""Cosine similarity: the cosine of the angle between two vectors.

The cosine is undefined where a or b is the zero vector.

Saved   a, b, c, p, q
Source  Manning, Raghavan and Schütze, Introduction to Information Retrieval, sec. 6.3.1
"""

from __future__ import annotations

from scratchgrad.layer import Layer

cosine_similarity = Layer(
    "cosine_similarity",
    "a[i] b[i] -> c",
    """
    p = sqrt(Sum(a[i]**2, i))
    q = sqrt(Sum(b[i]**2, i))
    c = Sum(a[i]*b[i], i)/(p*q)
    """,
)
