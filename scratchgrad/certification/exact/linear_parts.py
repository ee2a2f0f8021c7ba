"""An identity that is linear in some symbols, as one identity for each of them.

In   a node, the names of symbols, such as the upstream gradients of a batch
Out  for each of them the node with this one at 1 and the others at 0

    sum_n g_n c_n = 0 for all g   exactly where   c_n = 0 for each n

A gradient that a batch shares is such a sum: each of its parts has the unknowns of one sample only.
"""

from __future__ import annotations

from collections.abc import Collection, Iterator

from scratchgrad.certification.exact.scalar import Scalar, ordered
from scratchgrad.certification.exact.sorting import rebuilt

__all__ = ["linear_parts"]


def linear_parts(root: Scalar, names: Collection[str]) -> Iterator[Scalar] | None:
    """The node's parts, one after the other; None where it is not surely linear in two or more of the symbols."""
    nodes = ordered([root])
    used = sorted({node.args[0] for node in nodes if node.op == "symbol"} & set(names))
    if len(used) <= 1 or not _is_linear(root, nodes, used):
        return None
    return (_with_one(root, nodes, used, one) for one in used)


def _is_linear(root: Scalar, nodes: list[Scalar], names: Collection[str]) -> bool:
    """Whether the node is a sum of terms, each with one of the symbols as a factor."""
    degrees: dict[int, int | None] = {}
    for node in nodes:
        degrees[node.key] = _degree(node, [degrees[x.key] for x in node.operands], names)
    return degrees[root.key] == 1


def _degree(node: Scalar, given: list[int | None], names: Collection[str]) -> int | None:
    """1 for a linear form, 0 where none of the symbols occurs, None otherwise."""
    if node.op == "symbol":
        return int(node.args[0] in names)
    if None in given:
        return None
    degrees = [d for d in given if d is not None]
    if not any(degrees):
        return 0
    if node.op == "mul":
        return 1 if sum(degrees) == 1 else None
    if node.op == "div":
        return 1 if degrees[1] == 0 else None
    if node.op not in ("add", "choice"):
        return None
    terms = node.operands[-2:]  # a condition has none of the symbols: of a comparison with one the degree is None
    return 1 if all(d == 1 or x is node.graph.zero for d, x in zip(degrees[-2:], terms, strict=True)) else None


def _with_one(root: Scalar, nodes: list[Scalar], names: Collection[str], one: str) -> Scalar:
    """The node with one of the symbols at 1 and the others at 0."""
    graph = root.graph
    made: dict[int, Scalar] = {}
    for node in nodes:
        if node.op == "symbol" and node.args[0] in names:
            made[node.key] = graph.one if node.args[0] == one else graph.zero
        else:
            made[node.key] = rebuilt(graph, node, [made[x.key] for x in node.operands])
    return made[root.key]
