r"""The domains of a definition's inputs, as a sheet says them.

nu>0            for $\nu > 0$
u[i] in [0,1)   for $u_{i} \in [0, 1)$
y[i]:onehot     for one-hot $y$
A[i,j]:symmetric       for symmetric $A$, and that its entries count as independent in the gradient
"""

from __future__ import annotations

from collections.abc import Callable
from fractions import Fraction

import sympy as sp

from scratchgrad.domain import Interval
from scratchgrad.notation.definition import Definition, Tensor
from scratchgrad.sheets.gradient_section import Paper, listed

__all__ = ["domain_sentences"]

_FROM, _UP_TO = (">", "\\geq"), ("<", "\\leq")

_STRUCTURES: dict[str, Callable[[str, str], str]] = {
    "simplex": lambda name, entry: f"rows of ${name}$ in the simplex (${entry} \\geq 0$, with the sum 1)",
    "simplex>0": lambda name, entry: f"rows of ${name}$ inside the simplex (${entry} > 0$, with the sum 1)",
    "onehot": lambda name, entry: f"one-hot ${name}$ (one ${entry} = 1$, the others 0)",
    "binary": lambda name, entry: f"${entry} \\in \\{{0, 1\\}}$",
    "sign": lambda name, entry: f"${entry} \\in \\{{-1, 1\\}}$",
    "symmetric": lambda name, entry: f"symmetric ${name}$",
    "positive_definite": lambda name, entry: f"symmetric, positive definite ${name}$",
}

_DEPENDENT = ("simplex", "onehot", "symmetric", "positive_definite")
"""Structures that tie the entries of a tensor to one another."""


def domain_sentences(definition: Definition, paper: Paper) -> str:
    """For which values the sheet holds, and how its gradients treat tied entries; empty for all real numbers."""
    declared = [t for t in definition.inputs if not t.domain.is_reals and not t.integer]
    if not declared:
        return ""
    sentence = f"All of this is for {listed([_said(t, paper) for t in declared])}."
    tied = [f"${paper.name(t.name)}$" for t in declared if t.domain.structure in _DEPENDENT]
    if tied:
        sentence += f" The gradient takes the entries of {listed(tied)} as independent variables, as torch does."
    return sentence


def _said(tensor: Tensor, paper: Paper) -> str:
    r"""What is said of one tensor: "$\nu > 0$", "one-hot $y$"."""
    name, entry = paper.name(tensor.name), paper.tex(tensor.element)
    structure = str(tensor.domain).removeprefix(":")
    if structure in _STRUCTURES:
        return _STRUCTURES[structure](name, entry)
    return f"${entry} {_interval(tensor.domain.interval, paper)}$"


def _interval(interval: Interval, paper: Paper) -> str:
    low, high = (None if end is None else _number(end, paper) for end in (interval.low, interval.high))
    if high is None:
        return f"{_FROM[interval.low_closed]} {low}"
    if low is None:
        return f"{_UP_TO[interval.high_closed]} {high}"
    return f"\\in {'(['[interval.low_closed]}{low}, {high}{')]'[interval.high_closed]}"


def _number(end: Fraction, paper: Paper) -> str:
    return paper.tex(sp.Rational(end.numerator, end.denominator))
