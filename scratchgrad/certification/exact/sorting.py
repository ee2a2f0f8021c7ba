"""Sums and products in one order: nodes that differ only by association and commutation become one node.

    (b + 2 a) + a    ->  3 a + b            (y x) (2 z)  ->  2 ((x y) z)
    x * choice(c, a, b)  ->  choice(c, x a, x b)
    choice(c, a, b) + choice(c, d, e)  ->  choice(c, a + d, b + e)
    -2 x > 0  ->  not (x >= 0)

A sum is multiplied out where it contains a choice, and else not.  What a graph has sorted it remembers.
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
        elif node.op == "div" and operands[0].op == "choice":
            c, x, y = operands[0].args
            made = graph.choice(c, graph.div(x, operands[1]), graph.div(y, operands[1]))
        elif node.op in ("positive", "nonnegative", "zero"):
            made = _comparison(graph, node.op, operands[0])
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
    return graph.power(operands[0], node.args[1]) if op == "power" else graph.function(op, *operands)


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
    return _total(graph, _merged(graph, _collected(graph, operands)))


def _collected(graph: Graph, operands: Sequence[Scalar]) -> dict[Scalar, Fraction]:
    """The terms of a sum, each with its number."""
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
    return {term: factor for term, factor in terms.items() if factor}


def _total(graph: Graph, terms: Mapping[Scalar, Fraction]) -> Scalar:
    total = graph.zero
    for term in sorted(terms, key=_key):
        if terms[term]:
            total = graph.add(total, graph.mul(graph.number(terms[term]), term))
    return total


def _merged(graph: Graph, terms: Mapping[Scalar, Fraction]) -> dict[Scalar, Fraction]:
    """The terms with all choices of one condition put together."""
    found: dict[Scalar, Fraction] = {}
    by: dict[Scalar, list[tuple[Scalar, Fraction]]] = {}
    for term, factor in terms.items():
        if term.op == "choice" and factor:
            by.setdefault(term.args[0], []).append((term, factor))
        else:
            found[term] = found.get(term, Fraction(0)) + factor
    for condition, choices in by.items():
        if len(choices) == 1:
            made, factor = choices[0]
        else:
            branches = [
                _sum(graph, [graph.mul(graph.number(factor), choice.args[side]) for choice, factor in choices])
                for side in (1, 2)
            ]
            made, factor = graph.choice(condition, *branches), Fraction(1)
        found[made] = found.get(made, Fraction(0)) + factor
    return found


def _comparison(graph: Graph, op: str, a: Scalar) -> Scalar:
    """The comparison with 0, of a sum whose first coefficient is 1."""
    terms = _collected(graph, [a])
    factor = terms[min(terms, key=_key)] if terms else Fraction(1)
    if list(terms) == [graph.one]:
        factor = abs(factor)
    if factor in (0, 1):
        return _MADE[op](graph, a)
    scaled = _total(graph, {term: c / factor for term, c in terms.items()})
    if factor > 0 or op == "zero":
        return _MADE[op](graph, scaled)
    return graph.negation(_MADE["positive" if op == "nonnegative" else "nonnegative"](graph, scaled))


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
    sums = [(place, _collected(graph, [f])) for place, f in enumerate(factors) if f.op == "add"]
    sums = [(place, terms) for place, terms in sums if any(term.op == "choice" for term in terms)]
    if len(sums) == 1:
        place, terms = sums[0]
        rest = factors[:place] + factors[place + 1 :]
        return _sum(graph, [_product(graph, [graph.number(number * c), t, *rest]) for t, c in terms.items()])
    choices = {f for f in factors if f.op == "choice"}
    if len({f.args[0] for f in choices}) == 1 and number:
        condition = next(iter(choices)).args[0]
        sides = [_product(graph, [f.args[side] if f in choices else f for f in factors]) for side in (1, 2)]
        return graph.mul(graph.number(number), graph.choice(condition, *sides))
    found = graph.one
    for factor in sorted(factors, key=_key):
        found = graph.mul(found, factor)
    return graph.mul(graph.number(number), found)


def _key(node: Scalar) -> int:
    return node.key
