"""Bound and free indices: walking, substituting and renaming without capture.

SymPy's subs and xreplace capture (sympy#27359, sympy#21891); every substitution of an index in this project goes
through `substitute`, which renames a bound index before it could catch a free one.
"""

from __future__ import annotations

import operator
from collections.abc import Callable, Iterable, Iterator, Mapping
from functools import lru_cache

import sympy as sp

from scratchgrad.notation.indices import Index, fresh
from scratchgrad.notation.limits import tick
from scratchgrad.notation.nodes import MaxOver

__all__ = [
    "NO_NUMBERS",
    "bound",
    "element",
    "free_indices",
    "index_names",
    "is_tensor",
    "kinds",
    "max_over",
    "operands",
    "rebuild",
    "rename_bound",
    "replace_tensors",
    "substitute",
    "sum_over",
    "tensor_name",
    "tensor_names",
    "tensors_in",
]

NO_NUMBERS = frozenset(type(n) for n in (sp.zoo, sp.oo, -sp.oo, sp.nan, sp.I))
"""The types of what is no real number."""
_REMEMBERED = 1 << 16  # nodes whose answers are kept: who walks over an expression asks them at each level


def element(name: str, indices: Iterable[sp.Expr | int] = (), *, integer: bool = False) -> sp.Expr:
    """The element of the tensor `name` at `indices`; a scalar is a plain symbol.  Tensors are real."""
    indices = tuple(indices)
    kind = {"integer": True} if integer else {"real": True}
    if not indices:
        return sp.Symbol(name, **kind)
    return sp.Indexed(sp.IndexedBase(name, **kind), *indices)


def is_tensor(e: sp.Basic) -> bool:
    """Whether e is an element of a tensor (or a scalar input); sizes and indices are not."""
    return isinstance(e, sp.Indexed) or (type(e) is sp.Symbol)


def tensor_name(e: sp.Basic) -> str:
    """The name of the tensor that e is an element of."""
    label = e.base.label if isinstance(e, sp.Indexed) else e
    return label.name if isinstance(label, sp.Symbol) else str(label)


def bound(e: sp.Basic) -> tuple[Index, ...]:
    """The indices that e itself binds."""
    if isinstance(e, sp.Sum):
        return tuple(limit[0] for limit in e.limits)
    return tuple(e.args[1:]) if isinstance(e, MaxOver) else ()


def sum_over(body: sp.Expr, *indices: Index) -> sp.Expr:
    """The sum of body over the whole range of every index; the body itself where there is none."""
    if body == 0 or not indices:
        return body
    if isinstance(body, sp.Sum):  # SymPy joins the limits of nested sums: an outer index must not meet its namesake
        taken = index_names(body) | {i.name for i in indices}
        inner = {i.name for i in bound(body)}
        by: dict[Index, sp.Expr] = {}
        for index in indices:
            if index.name in inner:
                by[index] = fresh(index, taken)
                taken.add(by[index].name)
        body, indices = sp.sympify(substitute(body, by)), tuple(sp.sympify(by.get(i, i)) for i in indices)
    return sp.Sum(body, *((i, 0, i.size - 1) for i in indices))


def max_over(body: sp.Expr, *indices: Index) -> sp.Expr:
    """The maximum of body over the whole range of the indices."""
    return MaxOver(body, *indices) if indices else body


def rebuild(e: sp.Basic, children: Callable[[sp.Basic], sp.Basic]) -> sp.Basic:
    """The node e with `children` applied to its operands; bound indices, bases and atoms stay.

    Where nothing changes, the node itself comes back: what is shared stays shared, and equal nodes compare at once.
    """
    tick()
    if isinstance(e, (sp.Sum, MaxOver)):
        body = children(e.args[0])
        if body is e.args[0]:
            return e
        return sum_over(body, *bound(e)) if isinstance(e, sp.Sum) else max_over(body, *bound(e))
    old = e.indices if isinstance(e, sp.Indexed) else e.args
    new = [children(part) for part in old]
    if all(map(operator.is_, new, old)):
        return e
    return e.func(e.base, *new) if isinstance(e, sp.Indexed) else e.func(*new)


def operands(e: sp.Basic) -> Iterator[sp.Basic]:
    """The operands of e that are expressions (not limits, not bases)."""
    if isinstance(e, sp.Sum):
        yield e.function
    elif isinstance(e, MaxOver):
        yield e.args[0]
    elif isinstance(e, sp.Indexed):
        yield from e.indices
    else:
        yield from e.args


@lru_cache(maxsize=_REMEMBERED)
def free_indices(e: sp.Basic) -> tuple[Index, ...]:
    """The indices of e that nothing in e binds, in order of first appearance."""
    if isinstance(e, Index):
        return (e,)
    caught = bound(e)
    return tuple(dict.fromkeys(i for part in operands(e) for i in free_indices(part) if i not in caught))


def index_names(*expressions: sp.Basic) -> set[str]:
    """The names of all indices in the expressions, bound ones, too."""
    return set().union(*map(_index_names, expressions))


@lru_cache(maxsize=_REMEMBERED)
def _index_names(e: sp.Basic) -> frozenset[str]:
    return frozenset({e.name}) if isinstance(e, Index) else frozenset().union(*map(_index_names, e.args))


@lru_cache(maxsize=_REMEMBERED)
def tensor_names(e: sp.Basic) -> frozenset[str]:
    """The names of all tensors in e, those in index positions, too."""
    own = {tensor_name(e)} if is_tensor(e) else set[str]()
    return frozenset(own).union(*map(tensor_names, operands(e)))


@lru_cache(maxsize=_REMEMBERED)
def kinds(e: sp.Basic) -> frozenset[type]:
    """The types of all nodes of e."""
    return frozenset({type(e)}).union(*map(kinds, e.args))


def tensors_in(e: sp.Basic) -> Iterator[sp.Expr]:
    """Every tensor element of e, in order of appearance, index positions included."""
    if is_tensor(e):
        yield e
    for child in operands(e):
        yield from tensors_in(child)


def substitute(e: sp.Basic, by: Mapping[Index, sp.Expr]) -> sp.Basic:
    """E with every free index in `by` replaced, bound indices renamed where they would catch one."""
    if not by or not e.args:
        return by.get(e, e) if isinstance(e, Index) else e
    if by.keys().isdisjoint(free_indices(e)):
        return e
    own = bound(e)
    if own:
        by = {i: v for i, v in by.items() if i not in own}
        body = e.args[0]
        hit = [i for i in free_indices(body) if i in by]
        if not hit:
            return e
        incoming = index_names(*(by[i] for i in hit))
        taken = index_names(body) | incoming | {i.name for i in own}
        renamed: dict[Index, sp.Expr] = {}
        kept: list[Index] = []
        for i in own:
            new = fresh(i, taken) if i.name in incoming else i
            taken.add(new.name)
            kept.append(new)
            if new != i:
                renamed[i] = new
        body = substitute(body, {**{i: by[i] for i in hit}, **renamed})
        return sum_over(body, *kept) if isinstance(e, sp.Sum) else max_over(body, *kept)
    return rebuild(e, lambda child: substitute(child, by))


def rename_bound(e: sp.Basic, taken: Iterable[str]) -> sp.Basic:
    """E with every bound index whose name is among `taken` renamed; the meaning is the same."""
    taken = set(taken)
    used = taken | index_names(e)

    def walk(node: sp.Basic) -> sp.Basic:
        if taken.isdisjoint(_index_names(node)):
            return node
        node = rebuild(node, walk) if node.args else node
        for index in bound(node):
            if index.name in taken:
                new = fresh(index, used)
                used.add(new.name)
                body = substitute(node.args[0], {index: new})
                others = tuple(new if i == index else i for i in bound(node))
                node = sum_over(body, *others) if isinstance(node, sp.Sum) else max_over(body, *others)
        return node

    return walk(e)


def replace_tensors(e: sp.Basic, by: Callable[[sp.Expr], sp.Expr | None]) -> sp.Basic:
    """E with every tensor element t replaced by by(t), where that is not None.

    A replacement may carry bound indices of its own; free indices of the replacement must be those of the element,
    so bound indices that would be caught are renamed by the caller's use of `substitute`.
    """
    done: dict[sp.Basic, sp.Basic] = {}

    def replaced(node: sp.Basic) -> sp.Basic:
        if node not in done:
            new = by(node) if is_tensor(node) else None
            done[node] = new if new is not None else rebuild(node, replaced) if node.args else node
        return done[node]

    return replaced(e)
