"""Element form to matrix form, by reducing the graph of shared indices.

A product under a sum is a graph: factors are nodes with at most two indices, a shared index is a wire.  Until nothing
changes, the first rule that matches is applied:

    same index set                          Hadamard product
    a summed index used once                product with the ones vector
    a summed index shared by exactly two    dot, matrix-vector or matrix-matrix product (a vector first)
    a vector on an index of a matrix        diag(v) M or M diag(v)

Two vectors left are an outer product.  A nested sum, a function or a bracket is one node, reduced on its own; a bracket
under a sum is also multiplied out, and the shorter form wins.  What the terms of a sum have in front or behind in
common is factored out: A x + A.T x = (A + A.T) x.  Where no rule applies, the matrices may be stacked along a leading
axis (forms.stack); else the answer is None, honestly.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator
from contextlib import suppress
from functools import lru_cache, partial
from itertools import combinations
from typing import Any

import sympy as sp
from sympy.core.relational import Relational

from scratchgrad.calculus.canonical import terms
from scratchgrad.calculus.sifting import pull_out
from scratchgrad.forms.factoring import added
from scratchgrad.forms.matrix import (
    Apply,
    Broadcast,
    Compare,
    DeterminantOf,
    DiagonalOf,
    Hadamard,
    Identity,
    Inverse,
    Largest,
    Leaf,
    MatMul,
    Number,
    Ones,
    Plus,
    Power,
    PowerOf,
    Scale,
    Transpose,
    children,
    is_truth,
    transposed,
    transpositions,
)
from scratchgrad.forms.node import Node, Shape, once
from scratchgrad.forms.picking import Gather, OneHot, of_positions
from scratchgrad.forms.stack import left_out, stacked
from scratchgrad.notation.arithmetic import Float
from scratchgrad.notation.binding import bound, free_indices, sum_over, tensor_name
from scratchgrad.notation.elementary import row_of
from scratchgrad.notation.indices import Index, Size
from scratchgrad.notation.limits import tick
from scratchgrad.notation.nodes import (
    Determinant,
    Indicator,
    InverseElement,
    LogDeterminant,
    Maximum,
    MaxOver,
    Minimum,
    Where,
)

__all__ = ["matrix_form"]

_SCALAR: Shape = (None, None)


class _Stuck(Exception):  # not an error: no matrix form exists
    """No rule applies."""


def matrix_form(e: sp.Expr, indices: tuple[Index, ...]) -> Node | None:
    """The matrix form of e over the given row (and column) index, None where there is none.

    Where there are more indices than two, or no form, the leading ones are stacking axes if possible.
    """
    if isinstance(e, Where):  # reads best as it stands
        return None
    carried: dict[str, tuple[Index, ...]] = {}
    rest = e
    for count in range(len(indices) + 1):
        if count:
            without = left_out(rest, indices[count - 1])
            if without is None:
                break
            rest = without[0]
            carried = {n: carried.get(n, ()) + without[1].get(n, ()) for n in (*carried, *without[1])}
        found = _plain(rest, indices[count:])
        if found is not None:
            return stacked(found, indices[:count], carried, summed=False) if count else found
    return _sum_of_stacked(e, indices)


def _sum_of_stacked(e: sp.Expr, indices: tuple[Index, ...]) -> Node | None:
    """The form where every term sums over one leading axis of all its tensors."""
    every = sp.Add.make_args(e)
    for index in sorted({i for s in every[0].atoms(sp.Sum) for i in bound(s)}, key=lambda i: i.name):
        rests: list[sp.Expr] = []
        carried: dict[str, tuple[Index, ...]] = {}
        for body in map(partial(_without_sum, index=index), every):
            without = None if body is None else left_out(body, index)
            if without is None:
                break
            rests.append(without[0])
            carried |= without[1]
        else:
            found = _plain(sp.Add(*rests), indices)
            if found is not None:
                return stacked(found, (index,), carried, summed=True)
    return None


def _without_sum(term: sp.Expr, index: Index) -> sp.Expr | None:
    """The term without its sum over the index (the others stay); None where a factor does not sum over it."""
    opened = [f for f in sp.Mul.make_args(term) if isinstance(f, sp.Sum) and index in bound(f)]
    if len(opened) != 1:
        return None
    others = tuple(i for i in bound(opened[0]) if i != index)
    return sp.sympify(sum_over(opened[0].function, *others) * (term / opened[0]))


def _plain(e: sp.Expr, indices: tuple[Index, ...]) -> Node | None:
    if len(indices) > 2:  # a matrix has two axes
        return None
    shape: Shape = (*indices, None, None)[:2]  # type: ignore[assignment]  # always two
    try:
        return _fitted(_node(e), shape)
    except _Stuck:
        return None


def _fitted(node: Node, shape: Shape) -> Node:
    """The node in the wanted shape: transposed or repeated."""
    if node.shape == shape:
        return node
    if not set(node.indices) <= {i for i in shape if i is not None}:
        raise _Stuck
    if set(node.indices) == {i for i in shape if i is not None}:
        return transposed(node, deep=True)
    if isinstance(node, Scale) and not isinstance(node.by, Plus):
        return Scale(shape, node.by, _fitted(node.of, shape))
    if len(node.indices) == 1 and shape[0] is not None and shape[1] is not None:
        column = node if node.shape[1] is None else transposed(node)
        return Broadcast(shape, column if column.shape[0] == shape[0] else transposed(column))
    return Broadcast(shape, node)


def _node(e: sp.Basic) -> Node:
    """The matrix form of e over its own free indices, a vector as a column."""
    found = _remembered(e)
    if found is None:
        raise _Stuck
    return found


@lru_cache(maxsize=4096)  # the terms of a sum share their parts
def _remembered(e: sp.Basic) -> Node | None:
    try:
        return _reduced(e)
    except _Stuck:
        return None


def _reduced(e: sp.Basic) -> Node:
    free = free_indices(e)
    tick()
    if len(free) > 2:  # a matrix has two axes
        raise _Stuck
    if _is_number(e):
        return Number(_SCALAR, sp.sympify(e))
    if isinstance(e, sp.Indexed) or type(e) is sp.Symbol:
        return _leaf(sp.sympify(e))
    if isinstance(e, (InverseElement, Determinant, LogDeterminant)):
        return _of_matrix(e)
    if isinstance(e, sp.Add):
        return _sum(e, free)
    if isinstance(e, (sp.Mul, sp.Sum)):
        return _shortest(sp.sympify(e), free)
    if isinstance(e, sp.Pow) and not isinstance(e, sp.exp):
        return _power(e)
    if isinstance(e, Indicator):
        conditions = e.args[0].args if isinstance(e.args[0], sp.And) else e.args
        return _reduce([_compare(c) for c in conditions], (), free)
    if isinstance(e, sp.KroneckerDelta):
        return _delta(e)
    return _largest(e) if isinstance(e, MaxOver) else _function(e)


def _largest(e: MaxOver) -> Node:
    """The largest elements over the indices that the maximum binds."""
    inner = _node(e.args[0])
    bare = set(bound(e))
    if not bare <= set(inner.indices):
        raise _Stuck
    if len(inner.indices) == len(bare):
        return Largest(_SCALAR, inner)
    oriented = inner if inner.shape[1] in bare else transposed(inner)
    return Largest((oriented.shape[0], None), oriented)


def _power(e: sp.Pow) -> Node:
    if e.exp.is_number:
        try:
            inner = _node(e.base)
        except _Stuck:
            if len(terms(e)) < 2:
                raise
            return _node(sp.Add(*terms(e)))  # a bracket over three indices, squared
        return Power(inner.shape, inner, e.exp)
    base, exponent = _node(e.base), _node(e.exp)
    shape = _shape([base, exponent])
    base, exponent = (_fitted(n, shape) if n.indices else n for n in (base, exponent))
    return PowerOf(shape, base, exponent)


def _delta(e: sp.Basic) -> Node:
    """The identity matrix, or one row for each class index with a 1 at the class."""
    bare = [a for a in e.args if isinstance(a, Index)]
    if len(bare) == 2:
        return Identity((bare[0], bare[1]))
    picked = [a for a in e.args if isinstance(a, (sp.Indexed, sp.Symbol)) and not isinstance(a, Index)]
    if len(bare) != 1 or len(picked) != 1:
        raise _Stuck
    classes = _leaf(sp.sympify(picked[0]))
    if not isinstance(classes, Leaf) or classes.shape[1] is not None:
        raise _Stuck
    shape = (classes.shape[0], bare[0]) if classes.indices else (bare[0], None)
    return OneHot(shape, classes.name)


def _shortest(e: sp.Expr, free: tuple[Index, ...]) -> Node:
    """A product, possibly under a sum: as it stands, or with one of its brackets multiplied out, if that is shorter."""
    found: list[Node] = []
    with suppress(_Stuck):
        found.append(_term(e, free))
        if not _scalings(found[0]):
            return found[0]
    for other in _multiplied_out(e):
        with suppress(_Stuck):
            found.append(_node(other))
    if not found:
        raise _Stuck
    return min(found, key=lambda node: len(str(node)) + 12 * _scalings(node))


@once
def _scalings(node: Node) -> int:
    """How often a vector scales the rows or columns of a matrix, diag(v) M: a product with a vector reads better."""
    here = isinstance(node, Hadamard) and any(len(f.indices) < len(node.indices) for f in node.factors)
    return here + sum(map(_scalings, children(node)))


def _multiplied_out(e: sp.Expr) -> Iterator[sp.Expr]:
    """The products of which e is the sum, once for every bracket under its sum."""
    number, rest = e.as_coeff_Mul()
    body, summed = (rest.function, bound(rest)) if isinstance(rest, sp.Sum) else (rest, ())
    factors = sp.Mul.make_args(body)
    for bracket in factors:
        many = len(free_indices(bracket)) > 2  # more than a matrix has
        if isinstance(bracket, sp.Pow) and many:
            parts = terms(bracket)
        elif isinstance(bracket, sp.Add) and (many or set(free_indices(bracket)) & set(summed)):
            parts = bracket.args
        else:
            continue
        if len(parts) > 1:
            others = sp.Mul(*(f for f in factors if f is not bracket))
            yield sp.Add(*(pull_out(sum_over(number * part * others, *summed)) for part in parts))


def _is_number(e: sp.Basic) -> bool:
    """Whether e is made of numbers and sizes alone, with + - * / and powers."""
    return isinstance(e, Size) or (
        isinstance(e, sp.Expr)
        and (e.is_Number or e.is_NumberSymbol or isinstance(e, (sp.Add, sp.Mul, sp.Pow, sp.exp)))
        and all(map(_is_number, e.args))
    )


def _leaf(e: sp.Expr) -> Node:
    indices = tuple(getattr(e, "indices", ()))
    if indices and isinstance(indices[0], sp.Indexed) and all(isinstance(i, Index) for i in indices[1:]):
        return _gathered(e, indices)
    if not all(isinstance(i, Index) for i in indices) or len(indices) > 2:  # a matrix has two axes
        raise _Stuck
    name = tensor_name(e)
    if len(indices) == 2 and indices[0] == indices[1]:  # a diagonal
        return DiagonalOf((indices[0], None), Leaf((indices[0], indices[1]), name))
    shape: Shape = (*indices, None, None)[:2]
    return Leaf(shape, name)


def _gathered(e: sp.Expr, indices: tuple[sp.Expr, ...]) -> Node:
    """The rows of a matrix, or the elements of a vector, that an integer-valued vector picks."""
    picked = indices[0].indices
    if len(picked) != 1 or not isinstance(picked[0], Index) or len(indices) > 2 or picked[0] in indices[1:]:
        raise _Stuck
    shape: Shape = (picked[0], *indices[1:], None)[:2]
    return Gather(shape, tensor_name(e), tensor_name(indices[0]))


def _of_matrix(e: sp.Expr) -> Node:
    """An element of an inverse, or a determinant."""
    side = Index("i", 1), Index("j", 1)
    if isinstance(e.args[0], sp.Indexed):  # one matrix for each sample
        raise _Stuck
    if isinstance(e, InverseElement):
        row, column = e.args[1:]
        if not isinstance(row, Index) or not isinstance(column, Index):
            raise _Stuck
        inverse = Inverse((row, column), Leaf((row, column), tensor_name(e.args[0])))
        return inverse if row != column else DiagonalOf((row, None), inverse)
    return DeterminantOf(_SCALAR, Leaf(side, tensor_name(e.args[0])), isinstance(e, LogDeterminant))


def _shape(nodes: list[Node]) -> Shape:
    free = tuple(dict.fromkeys(i for n in nodes for i in n.indices))
    if len(free) > 2:  # a matrix has two axes
        raise _Stuck
    for node in nodes:
        if len(node.indices) == 2:  # a matrix decides the orientation
            return node.shape
    return (*free, None, None)[:2]  # type: ignore[return-value]  # always two


def _sum(e: sp.Expr, free: tuple[Index, ...]) -> Node:
    nodes = sorted((_node(t) for t in sp.Add.make_args(e)), key=_teaching_order)
    shape = _shape(nodes)
    return added(shape, [_fitted(n, shape) for n in nodes])


def _function(e: sp.Basic) -> Node:
    if isinstance(e, Where):
        condition, then, otherwise = e.args
        return _node(Indicator(condition) * then + Indicator(sp.Not(condition)) * otherwise)
    name, evaluate = _called(e)
    arguments = [_node(a) for a in e.args]
    shape = _shape(arguments)
    return Apply(shape, name, evaluate, tuple(_fitted(a, shape) if a.indices else a for a in arguments))


def _called(e: sp.Basic) -> tuple[str, Callable[..., Any]]:
    """The name of a function and its values."""
    row = row_of(e)
    if row is not None:
        return row.name, Float().function(row)
    if not isinstance(e, (Maximum, Minimum)):
        raise _Stuck
    return ("maximum", Float().maximum) if isinstance(e, Maximum) else ("minimum", Float().minimum)


def _compare(relation: sp.Basic) -> Node:
    if not isinstance(relation, Relational):
        raise _Stuck
    if isinstance(relation.lhs, Index) and isinstance(relation.rhs, Index):
        return of_positions(relation)
    left, right = _node(relation.lhs), _node(relation.rhs)
    shape = _shape([left, right])
    sides = [_fitted(s, shape) if s.indices else s for s in (left, right)]
    return Compare(shape, relation.rel_op, *sides)


def _term(e: sp.Expr, free: tuple[Index, ...]) -> Node:
    """A product, possibly under a sum."""
    number, rest = e.as_coeff_Mul()
    factors: list[sp.Basic] = []
    summed: tuple[Index, ...] = ()
    if isinstance(rest, sp.Sum):
        inner, body = rest.function.as_coeff_Mul()
        number *= inner
        summed = bound(rest)
        factors = list(sp.Mul.make_args(body))
    else:
        factors = list(sp.Mul.make_args(rest))
    nodes = [_node(f) for f in factors]
    result = _reduce(nodes, summed, free)
    if number == 1:
        return result
    return _scaled(Number(_SCALAR, number), result)


def _scaled(by: Node, node: Node) -> Node:
    if isinstance(node, Number) and node.number == 1:
        return by
    if isinstance(by, Number) and isinstance(node, Scale) and isinstance(node.by, Number):
        return Scale(node.shape, Number(_SCALAR, by.number * node.by.number), node.of)
    return Scale(node.shape, by, node)


def _teaching_order(node: Node) -> tuple[bool, bool, bool, bool, bool]:
    """Positive terms first, then those with an upstream gradient, then products: W x + b; A before its transpose."""
    text = str(node)
    plain = isinstance(node, (Leaf, Transpose)) and node.indices != ()
    flipped = isinstance(node, Transpose)
    return text.startswith("-"), "grad_" not in text, plain, flipped, isinstance(node, (Plus, Broadcast))


def _factor_order(node: Node) -> tuple[int, str]:
    if isinstance(node, Number):
        return -1, ""
    if isinstance(node, Plus):
        return 3, ""
    if is_truth(node):
        return 4, ""
    if isinstance(node, Leaf):
        return (0 if node.name.startswith(("grad_", "bar_")) else 1), node.name
    return 2, ""


def _reduce(nodes: list[Node], summed: tuple[Index, ...], free: tuple[Index, ...]) -> Node:
    scalars = [n for n in nodes if not n.indices]
    graph = [n for n in nodes if n.indices]
    wires = set(summed)
    for wire in summed:
        if not any(wire in n.indices for n in graph):
            scalars.append(Number(_SCALAR, wire.size))
    while True:
        step = _hadamard(graph) or _ones(graph, wires, free) or _contract(graph, wires, free) or _scale_rows(graph)
        if step is None:
            break
        graph = step
        scalars += [n for n in graph if not n.indices]
        graph = [n for n in graph if n.indices]
    result = _assembled(graph, free)
    for scalar in sorted(scalars, key=_factor_order, reverse=True):
        result = scalar if result is None else _scaled(scalar, result)
    return result if result is not None else Number(_SCALAR, sp.Integer(1))


def _assembled(graph: list[Node], free: tuple[Index, ...]) -> Node | None:
    if not graph:
        return None
    if len(graph) == 1:
        return graph[0]
    vectors = all(len(n.indices) == 1 for n in graph)
    if len(graph) == 2 and vectors and len(free) == 2:  # an outer product
        left, right = sorted(graph, key=lambda n: free.index(n.indices[0]))
        return MatMul((left.indices[0], right.indices[0]), left, transposed(right))
    raise _Stuck


def _hadamard(graph: list[Node]) -> list[Node] | None:
    for a, b in combinations(graph, 2):
        if set(a.indices) == set(b.indices):
            first, second = sorted((a, b), key=_factor_order)
            second = second if first.shape == second.shape else transposed(second)
            parts = [p for n in (first, second) for p in (n.factors if isinstance(n, Hadamard) else (n,))]
            merged = Hadamard(first.shape, tuple(sorted(parts, key=_factor_order)))
            return [n for n in graph if n is not a and n is not b] + [merged]
    return None


def _ones(graph: list[Node], wires: set[Index], free: tuple[Index, ...]) -> list[Node] | None:
    for node in graph:
        for index in node.indices:
            if index in wires and index not in free and sum(index in n.indices for n in graph) == 1:
                oriented = node if node.shape[1] == index else transposed(node)
                result = _dot(node) or MatMul((oriented.shape[0], None), oriented, Ones((index, None)))
                return [n for n in graph if n is not node] + [result]
    return None


def _dot(node: Node) -> Node | None:
    """Sum of an elementwise product of two columns: their dot product."""
    if isinstance(node, Hadamard) and node.shape[1] is None and len(node.factors) > 1:
        last = node.factors[1:]
        right = last[0] if len(last) == 1 else Hadamard(node.shape, last)
        return MatMul(_SCALAR, transposed(node.factors[0]), right)
    return None


def _contract(graph: list[Node], wires: set[Index], free: tuple[Index, ...]) -> list[Node] | None:
    found: list[tuple[int, Index, Node, Node]] = []
    for index in sorted(wires, key=lambda i: i.name):
        sharing = [n for n in graph if index in n.indices]
        if index not in free and len(sharing) == 2:  # exactly two
            found.append((min(len(n.indices) for n in sharing), index, sharing[0], sharing[1]))
    if not found:
        return None
    _, index, a, b = min(found, key=lambda f: f[0])
    return [n for n in graph if n is not a and n is not b] + [_product(a, b, index, free)]


def _product(a: Node, b: Node, index: Index, free: tuple[Index, ...]) -> Node:
    """The contraction of a and b over the index, in the orientation that needs fewer transpositions at the end."""
    if len(a.indices) == 1 and len(b.indices) == 1:
        first, second = sorted((a, b), key=_factor_order)
        return MatMul(_SCALAR, transposed(first), second)
    if len(a.indices) == 1 or len(b.indices) == 1:
        matrix, vector = (b, a) if len(a.indices) == 1 else (a, b)
        matrix = matrix if matrix.shape[1] == index else transposed(matrix)
        return MatMul((matrix.shape[0], None), matrix, vector)
    outer = [next(i for i in n.indices if i != index) for n in (a, b)]
    order = [free.index(i) if i in free else len(free) for i in outer]
    left, right = (a, b) if order[0] <= order[1] else (b, a)
    straight, turned = _matrix_product(left, right, index), _matrix_product(right, left, index)
    wanted = order[0] < len(free) or order[1] < len(free)  # an index of the result says how it must stand in the end
    return straight if wanted or transpositions(straight) <= transpositions(turned) else turned


def _matrix_product(left: Node, right: Node, index: Index) -> Node:
    left = left if left.shape[1] == index else transposed(left)
    right = right if right.shape[0] == index else transposed(right)
    return MatMul((left.shape[0], right.shape[1]), left, right)


def _scale_rows(graph: list[Node]) -> list[Node] | None:
    for vector in graph:
        if len(vector.indices) != 1:
            continue
        for matrix in graph:
            if len(matrix.indices) == 2 and vector.indices[0] in matrix.indices:  # a matrix
                oriented = vector if matrix.shape[0] == vector.indices[0] else transposed(vector)
                merged = Hadamard(matrix.shape, (oriented, matrix))
                return [n for n in graph if n is not vector and n is not matrix] + [merged]
    return None
