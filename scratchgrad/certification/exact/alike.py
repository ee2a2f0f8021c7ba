"""Pairs of nodes that are one pair, but for the names of their unknowns: what is proven of one holds for all of them.

In   nodes a, b, the facts about their unknowns
Out  a key; two pairs with equal keys ask the same question

The samples of a batch, the windows of a pooling and the rows of a matrix ask the same questions again and again.
Unknowns are numbered as they are met; whatever is true for all real values of them is true under every name.  The facts
are part of the key, with numbers in the place of names.
"""

from __future__ import annotations

from collections.abc import Hashable, Mapping
from fractions import Fraction
from typing import Any

from scratchgrad.certification.exact.facts import Facts
from scratchgrad.certification.exact.scalar import Scalar, ordered

__all__ = ["question"]


def question(a: Scalar, b: Scalar, facts: Facts) -> Hashable:
    """The pair and the facts about it without names."""
    places: dict[int, int] = {}
    numbers: dict[str, int] = {}
    nodes: list[tuple[Any, ...]] = []
    for place, node in enumerate(ordered((a, b))):
        places[node.key] = place
        if node.op == "symbol":
            nodes.append(("symbol", numbers.setdefault(node.args[0], len(numbers))))
        else:
            nodes.append((node.op, *(_without_names(arg, places) for arg in node.args)))
    return tuple(nodes), places[a.key], places[b.key], _about(facts, numbers)


def _without_names(argument: Any, places: Mapping[int, int]) -> Hashable:
    """An operand as its place among the nodes; a number as its two integers, whose hash is quick."""
    if isinstance(argument, Scalar):
        return places[argument.key]
    return ("number", argument.numerator, argument.denominator) if isinstance(argument, Fraction) else ("", argument)


def _about(facts: Facts, numbers: Mapping[str, int]) -> Hashable:
    """The facts that a proof about these unknowns may use, by number."""
    related = facts.related(numbers)
    number = {**numbers, **{name: len(numbers) + n for n, name in enumerate(sorted(related - numbers.keys()))}}
    about = facts.about(related)
    return (
        len(number),
        frozenset((number[name], interval) for name, interval in about.bounds.items()),
        frozenset((number[name], number[other]) for name, other in about.equal.items()),
        frozenset((number[name], values) for name, values in about.few.items()),
        *(frozenset(tuple(number[name] for name in row) for row in rows) for rows in (about.rows, about.one_hot)),
        frozenset(tuple(tuple(number[name] for name in row) for row in matrix) for matrix in about.definite),
    )
