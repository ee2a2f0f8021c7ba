"""Sums of matrix products with what all terms have in front or behind factored out.

    A @ x + A.T @ x              (A + A.T) @ x
    2 * (X @ A) + X @ B          X @ (2 * A + B)

All terms have to share the factor; where only some do, one writes them out.
"""

from __future__ import annotations

from collections.abc import Sequence

from scratchgrad.forms.matrix import MatMul, Plus, Scale
from scratchgrad.forms.node import Node, Shape

__all__ = ["added"]


def added(shape: Shape, nodes: Sequence[Node]) -> Node:
    """The sum of nodes of one shape."""
    if len(nodes) == 1:
        return nodes[0]
    flat = tuple(t for n in nodes for t in (n.terms if isinstance(n, Plus) else (n,)))
    plain = Plus(shape, flat)
    for behind in (True, False):
        common = _in_common(shape, flat, behind=behind) if shape != (None, None) else None
        if common is not None and len(str(common)) < len(str(plain)):
            return common
    return plain


def _in_common(shape: Shape, nodes: Sequence[Node], *, behind: bool) -> Node | None:
    """The sum as one product, None where the terms do not share their last (or first) factor."""
    rests: list[Node] = []
    shared: Node | None = None
    for node in nodes:
        scalars, product = _split(node)
        ends = _cut(product, behind=behind)
        if ends is None or (shared is not None and ends[1] != shared):
            return None
        rest, shared = ends
        for scalar in reversed(scalars):
            rest = Scale(rest.shape, scalar, rest)
        rests.append(rest)
    if shared is None or len({rest.shape for rest in rests}) > 1:
        return None
    inner = added(rests[0].shape, rests)
    return MatMul(shape, inner, shared) if behind else MatMul(shape, shared, inner)


def _split(node: Node) -> tuple[list[Node], Node]:
    """The scalars in front of a node, and what they scale."""
    scalars: list[Node] = []
    while isinstance(node, Scale):
        scalars.append(node.by)
        node = node.of
    return scalars, node


def _cut(node: Node, *, behind: bool) -> tuple[Node, Node] | None:
    """A product without its last (or first) factor, and that factor; None where it is no product."""
    if not isinstance(node, MatMul):
        return None
    inner = node.right if behind else node.left
    further = _cut(inner, behind=behind)
    if further is None:
        return (node.left, node.right) if behind else (node.right, node.left)
    rest, end = further
    if behind:
        return MatMul((node.left.shape[0], rest.shape[1]), node.left, rest), end
    return MatMul((rest.shape[0], node.right.shape[1]), rest, node.right), end
