"""Sums and products in one order: nodes that differ only by association and commutation become one node.

    (b + 2 a) + a    ->  3 a + b            (y x) (2 z)  ->  2 ((x y) z)

Nothing is expanded.  What a graph has sorted it remembers.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from fractions import Fraction

from scratchgrad.certification.exact.scalar import Graph, Scalar

__all__ = ["rebuilt", "sorted_form"]

_WIDEST = 64


def sorted_form(root: Scalar) -> Scalar:
    """The node with sorted sums and products."""
    graph, known = root.graph, root.graph.sorted
    pending = [root]
    while pending:
        node = pending[-1]
        if node.key in known:
            pending.pop()
            continue
        missing = [x for x in node.operands if x.key not in known]
        if missing:
            pending += missing
            continue
        operands = [known[x.key] for x in node.operands]
        if node.op == "add":
            made = _sum(graph, operands)
        elif node.op == "mul":
            made = _product(graph, operands)
        else:
            made = rebuilt(graph, node, operands)
        known[node.key] = made
        known[made.key] = made
        pending.pop()
    return known[root.key]


def rebuilt(graph: Graph, node: Scalar, operands: Sequence[Scalar]) -> Scalar:
    """The node with other operands."""
    op = node.op
    if not operands:
        return node
    if op in _MADE:
        return _MADE[op](graph, *operands)
    return graph.power(operands[0], node.args[1]) if op == "power" else graph.function(op, operands[0])


_MADE: Mapping[str, Callable[..., Scalar]] = {
    "add": Graph.add,
    "mul": Graph.mul,
    "div": Graph.div,
    "positive": Graph.positive,
    "nonnegative": Graph.nonnegative,
    "zero": Graph.is_zero,
    "not": Graph.negation,
    "and": Graph.both,
    "choice": Graph.choice,
}


def _sum(graph: Graph, operands: Sequence[Scalar]) -> Scalar:
    terms: dict[Scalar, Fraction] = {}
    pending = list(operands)
    while pending:
        node = pending.pop()
        if node.op == "add" and len(terms) < _WIDEST:
            pending += node.args
            continue
        factor, term = Fraction(1), node
        if node.op == "number":
            factor, term = node.args[0], graph.one
        elif node.op == "mul" and node.args[0].op == "number":
            factor, term = node.args[0].args[0], node.args[1]
        terms[term] = terms.get(term, Fraction(0)) + factor
    total = graph.zero
    for term in sorted(terms, key=_key):
        if terms[term]:
            total = graph.add(total, graph.mul(graph.number(terms[term]), term))
    return total


def _product(graph: Graph, operands: Sequence[Scalar]) -> Scalar:
    number, factors = Fraction(1), list[Scalar]()
    pending = list(operands)
    while pending:
        node = pending.pop()
        if node.op == "mul" and len(factors) < _WIDEST:
            pending += node.args
        elif node.op == "number":
            number *= node.args[0]
        else:
            factors.append(node)
    found = graph.one
    for factor in sorted(factors, key=_key):
        found = graph.mul(found, factor)
    return graph.mul(graph.number(number), found)


def _key(node: Scalar) -> int:
    return node.key
