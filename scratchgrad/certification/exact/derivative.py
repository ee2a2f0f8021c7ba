"""The exact derivative of exact scalars: adjoints, from the outputs back to the inputs.

In   pairs (output, upstream gradient), inputs; all of them nodes
Out  for every input x the node  sum over the outputs of  g * du/dx

The derivative of a function is the table's.  That of choice(c, a, b) is the derivative of the branch that c chooses:
the sides of a kink, not the kink.  It needs no element form, so it also differentiates what only torch has defined.
"""

from __future__ import annotations

from collections.abc import Sequence

from scratchgrad.certification.exact.scalar import Graph, Scalar, ordered
from scratchgrad.notation.functions import TABLE

__all__ = ["adjoints"]


def adjoints(outputs: Sequence[tuple[Scalar, Scalar]], inputs: Sequence[Scalar]) -> list[Scalar]:
    """The gradient with respect to every input; 0 where no output depends on it."""
    if not outputs:
        return [x.graph.zero for x in inputs]
    graph = outputs[0][0].graph
    wanted = {x.key for x in inputs}
    nodes = ordered(u for u, _ in outputs)
    depends: set[int] = set()
    for node in nodes:
        if node.key in wanted or any(a.key in depends for a in node.operands):
            depends.add(node.key)
    gradient: dict[int, Scalar] = {}

    def give(node: Scalar, value: Scalar) -> None:
        if node.key in depends and value is not graph.zero:
            known = gradient.get(node.key)
            gradient[node.key] = value if known is None else graph.add(known, value)

    for u, g in outputs:
        give(u, g)
    for node in reversed(nodes):
        if node.key in gradient and not node.is_truth:
            for operand, value in _shares(graph, node, gradient[node.key]):
                give(operand, value)
    return [gradient.get(x.key, graph.zero) for x in inputs]


def _times(graph: Graph, g: Scalar, factor: Scalar) -> Scalar:
    """G * factor; where g is 0 because a branch was not taken, so is the product, whatever the factor is."""
    if g.op == "choice" and graph.zero in g.args[1:]:
        c, a, b = g.args
        return graph.choice(c, _times(graph, a, factor), _times(graph, b, factor))
    return graph.mul(g, factor)


def _shares(graph: Graph, node: Scalar, g: Scalar) -> list[tuple[Scalar, Scalar]]:
    """What every operand gets of the adjoint g of a node."""
    op, args = node.op, node.args
    if op == "add":
        return [(args[0], g), (args[1], g)]
    if op == "mul":
        return [(args[0], _times(graph, g, args[1])), (args[1], _times(graph, g, args[0]))]
    if op == "div":
        part = _times(graph, g, graph.div(graph.one, args[1]))
        return [(args[0], part), (args[1], _times(graph, part, graph.mul(graph.minus_one, node)))]
    if op == "power":
        n = args[1]
        return [(args[0], _times(graph, g, graph.mul(graph.number(n), graph.power(args[0], n - 1))))]
    if op == "choice":
        c, a, b = args
        return [(a, graph.choice(c, g, graph.zero)), (b, graph.choice(c, graph.zero, g))]
    if op == "stop":
        return [(args[1], g)]
    if not node.operands:
        return []
    row = TABLE[op]
    slopes = (graph.node(formula(graph, *args)) for formula in row.derivatives)
    return [(a, _times(graph, g, slope)) for a, slope in zip(args[len(row.orders) :], slopes, strict=True)]
