"""Sums and products in one order: nodes that differ only by association and commutation become one node.

    (b + 2 a) + a    ->  3 a + b            (y x) (2 z)  ->  2 ((x y) z)
    x * choice(c, a, b)  ->  choice(c, x a, x b)
    choice(c, a, b) + choice(c, d, e)  ->  choice(c, a + d, b + e)
    -2 x > 0  ->  not (x >= 0)

A sum is multiplied out where it contains a choice, and else not.  What a graph has sorted it remembers.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Mapping, Sequence
from fractions import Fraction

from scratchgrad.certification.exact.scalar import Graph, Scalar

__all__ = ["rebuilt", "sorted_form"]

_WIDEST = 64

Number = int | Fraction


def sorted_form(root: Scalar) -> Scalar:
    """The node with sorted sums and products."""
    graph, known = root.graph, root.graph.sorted
    pending = [root]
    while pending:
        node = pending[-1]
        if node.key in known:
            pending.pop()
            continue
        terms = _terms(node) if node.op == "add" else dict.fromkeys(node.operands, 1)
        missing = [x for x in terms if x.key not in known]
        if missing:
            pending += missing
            continue
        if node.op == "add":
            made = _sum(graph, [(known[x.key], times) for x, times in terms.items()])
        else:
            made = _made(graph, node, [known[x.key] for x in node.operands])
        known[node.key] = made
        known[made.key] = made
        pending.pop()
    return known[root.key]


def _made(graph: Graph, node: Scalar, operands: Sequence[Scalar]) -> Scalar:
    """The node, which is no sum, of sorted operands."""
    if node.op == "mul":
        return _product(graph, operands)
    if node.op == "div" and operands[0].op == "choice":
        c, x, y = operands[0].args
        return graph.choice(c, graph.div(x, operands[1]), graph.div(y, operands[1]))
    if node.op in ("positive", "nonnegative", "zero"):
        return _comparison(graph, node.op, operands[0])
    return rebuilt(graph, node, operands)


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
    "stop": Graph.stopped,
}


def _terms(root: Scalar) -> dict[Scalar, int]:
    """What a sum of sums is a sum of, and how often; sums in between are not looked at one by one."""
    sums, pending = {root}, [root]
    while pending:
        inner = [x for x in pending.pop().args if x.op == "add" and x not in sums]
        sums.update(inner)
        pending += inner
    found = {root: 1}
    for node in sorted(sums, key=_key, reverse=True):  # a node is made after its operands
        times = found.pop(node)
        for x in node.args:
            found[x] = found.get(x, 0) + times
    return found


def _sum(graph: Graph, operands: Iterable[tuple[Scalar, int]]) -> Scalar:
    return _total(graph, _merged(graph, _collected(graph, operands)))


def _collected(graph: Graph, operands: Iterable[tuple[Scalar, int]]) -> dict[Scalar, Number]:
    """The terms of a sum, each with its number."""
    terms: dict[Scalar, Number] = {}
    pending = list(operands)
    while pending:
        node, times = pending.pop()
        if node.op == "add" and len(terms) < _WIDEST:
            pending += [(x, times) for x in node.args]
            continue
        factor, term = times, node
        if node.op == "number":
            factor, term = times * node.args[0], graph.one
        elif node.op == "mul" and node.args[0].op == "number":
            factor, term = times * node.args[0].args[0], node.args[1]
        terms[term] = terms.get(term, 0) + factor
    return {term: factor for term, factor in terms.items() if factor}


def _total(graph: Graph, terms: Mapping[Scalar, Number]) -> Scalar:
    total = graph.zero
    for term in sorted(terms, key=_key):
        if terms[term]:
            total = graph.add(total, graph.mul(graph.number(terms[term]), term))
    return total


def _merged(graph: Graph, terms: Mapping[Scalar, Number]) -> dict[Scalar, Number]:
    """The terms with all choices of one condition put together."""
    found: dict[Scalar, Number] = {}
    by: dict[Scalar, list[tuple[Scalar, Number]]] = {}
    for term, factor in terms.items():
        if term.op == "choice" and factor:
            by.setdefault(term.args[0], []).append((term, factor))
        else:
            found[term] = found.get(term, 0) + factor
    for condition, choices in by.items():
        if len(choices) == 1:
            made, factor = choices[0]
        else:
            branches = [
                _sum(graph, [(graph.mul(graph.number(factor), choice.args[side]), 1) for choice, factor in choices])
                for side in (1, 2)
            ]
            made, factor = graph.choice(condition, *branches), 1
        found[made] = found.get(made, 0) + factor
    return found


def _comparison(graph: Graph, op: str, a: Scalar) -> Scalar:
    """The comparison with 0, of a sum whose first coefficient is 1."""
    terms = _collected(graph, [(a, 1)])
    factor = Fraction(terms[min(terms, key=_key)] if terms else 1)
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
    sums = [(place, _collected(graph, [(f, 1)])) for place, f in enumerate(factors) if f.op == "add"]
    sums = [(place, terms) for place, terms in sums if any(term.op == "choice" for term in terms)]
    if len(sums) == 1:
        place, terms = sums[0]
        rest = factors[:place] + factors[place + 1 :]
        return _sum(graph, [(_product(graph, [graph.number(number * c), t, *rest]), 1) for t, c in terms.items()])
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
