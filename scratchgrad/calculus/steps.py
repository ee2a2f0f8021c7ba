"""A derivation is data: an ordered tree of steps, each made by a named, cited rule.

The value of a derivation is the value of its last step.  There is no second algorithm behind the printed one: a rule
is a function from expressions to expressions, a step records what it was given and what it returned.
"""

from __future__ import annotations

from dataclasses import dataclass

import sympy as sp

__all__ = ["Rule", "Step"]


@dataclass(frozen=True)
class Rule:
    """A rule that a student can look up: its name, what it states (LaTeX), and its source."""

    name: str
    statement: str
    source: str


@dataclass(frozen=True)
class Step:
    """`before` became `after` by `rule`; `words` say why in one sentence (with $...$ for mathematics)."""

    rule: Rule
    before: sp.Basic
    after: sp.Basic
    words: str
    children: tuple[Step, ...] = ()
