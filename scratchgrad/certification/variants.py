"""Formulas that are one mistake away from a right one, each with the words for the mistake.

In   an expression, the tensors that it may confuse
Out  pairs (words, expression)

    another tensor in a tensor's place, everywhere or in conditions only; a factor, a term or a function missing;
    a sign reversed; a mean in place of a sum; a condition that counts its boundary otherwise
"""

from __future__ import annotations

import itertools
from collections.abc import Collection, Iterator, Mapping

import sympy as sp
from sympy.core.relational import Relational

from scratchgrad.notation.binding import (
    bound,
    element,
    is_tensor,
    operands,
    rebuild,
    replace_tensors,
    tensor_name,
    tensors_in,
)
from scratchgrad.notation.definition import Definition, Tensor
from scratchgrad.notation.elementary import row_of
from scratchgrad.notation.indices import Size
from scratchgrad.notation.nodes import Indicator, Where
from scratchgrad.notation.text import to_text

__all__ = ["softmaxes", "variants"]

_BOUNDARY = {sp.Gt: sp.Ge, sp.Ge: sp.Gt, sp.Lt: sp.Le, sp.Le: sp.Lt}


def variants(
    e: sp.Expr, tensors: Mapping[str, Tensor], softmaxes: Collection[tuple[str, str]] = ()
) -> Iterator[tuple[str, sp.Expr]]:
    """The formulas that are one mistake away from e, likely mistakes first; `softmaxes` are pairs (logits, softmax)."""
    yield from _confused(e, tensors, softmaxes)
    yield from _edited(e, tensors, softmaxes)
    yield "all conditions are reversed: the branches are exchanged", _reversed(e)
    for size in sorted(e.atoms(Size), key=str):
        yield f"{size} - 1 stands where {size} belongs", _resized(e, size, size - 1)
    for name in dict.fromkeys(map(tensor_name, tensors_in(e))):
        yield f"{name} is missing (it counts as 1)", _replaced(e, name, None)


def _confused(
    e: sp.Expr, tensors: Mapping[str, Tensor], softmaxes: Collection[tuple[str, str]]
) -> Iterator[tuple[str, sp.Expr]]:
    """Another tensor of the same sizes in a tensor's place."""
    present = [name for name in dict.fromkeys(map(tensor_name, tensors_in(e))) if name in tensors]
    pairs = [
        (old, new)
        for old, new in itertools.product(present, tensors)
        if old != new and tensors[old].sizes == tensors[new].sizes
    ]
    for old, new in pairs:
        for condition in sorted(e.atoms(Relational), key=str):
            changed = _replaced(condition, old, new)
            if changed != condition:
                yield f"the mask is taken from {new}; it belongs to {old}", _exchanged(e, condition, changed)
    for old, new in pairs:
        words = f"the logits {new} stand where the softmax {old} belongs" if (new, old) in softmaxes else None
        yield words or f"{new} stands where {old} belongs", _replaced(e, old, new)


def softmaxes(definition: Definition) -> set[tuple[str, str]]:
    """Pairs (logits, softmax) among the tensors: o_i = exp(v_i) / sum_k exp(v_k)."""
    found = set()
    for assignment in definition.assignments:
        factors = sp.Mul.make_args(assignment.right)
        tops = [f for f in factors if isinstance(f, sp.exp)]
        sums = [f for f in factors if isinstance(f, sp.Pow) and f.exp == -1 and isinstance(f.base, sp.Sum)]
        if len(factors) == 2 and tops and sums and is_tensor(tops[0].args[0]):
            found.add((tensor_name(tops[0].args[0]), assignment.target.name))
    return found


def _replaced(e: sp.Basic, old: str, new: str | None) -> sp.Expr:
    """The expression with the tensor `old` replaced by `new`, or by 1."""

    def by(node: sp.Expr) -> sp.Expr | None:
        if tensor_name(node) != old:
            return None
        return sp.Integer(1) if new is None else element(new, getattr(node, "indices", ()))

    return replace_tensors(e, by)


def _exchanged(e: sp.Basic, old: sp.Basic, new: sp.Basic) -> sp.Expr:
    """The expression with a subexpression exchanged wherever it stands."""
    return new if e == old else rebuild(e, lambda child: _exchanged(child, old, new)) if e.args else e


def _edited(
    e: sp.Basic, tensors: Mapping[str, Tensor], softmaxes: Collection[tuple[str, str]]
) -> Iterator[tuple[str, sp.Expr]]:
    """One edit, at this node or below."""
    yield from _here(e)
    if is_tensor(e) and tensor_name(e) in tensors:
        old = tensors[tensor_name(e)]
        for new in tensors.values():
            if new.sizes == old.sizes and new != old:
                words = f"{new.name} stands in a place of {old.name}"
                if (new.name, old.name) in softmaxes:
                    words = f"the logits {new.name} stand where the softmax {old.name} belongs"
                yield words, element(new.name, getattr(e, "indices", ()))
    for position, child in enumerate(operands(e)):
        for words, changed in _edited(child, tensors, softmaxes):
            yield words, _with_operand(e, position, changed)


def _with_operand(e: sp.Basic, position: int, new: sp.Basic) -> sp.Expr:
    """The node with one of its operands exchanged."""
    count = itertools.count()
    return sp.sympify(rebuild(e, lambda old: new if next(count) == position else old))


def _here(e: sp.Basic) -> Iterator[tuple[str, sp.Expr]]:
    if isinstance(e, Size):
        yield f"{e} - 1 stands where {e} belongs", e - 1
    elif isinstance(e, sp.Mul):
        for factor in e.args:
            if factor == -1:
                yield f"the sign of {to_text(-e)} is reversed", -e
            else:
                yield f"the factor {to_text(factor)} is missing", sp.Mul(*(f for f in e.args if f is not factor))
    elif isinstance(e, sp.Add):
        for term in e.args:
            rest = sp.Add(*(t for t in e.args if t is not term))
            yield f"the term {to_text(term)} is missing", rest
            yield f"the term {to_text(term)} counts twice", e + term
            yield f"the sign of {to_text(term)} is reversed", rest - term
    elif isinstance(e, sp.Sum):
        sizes = sp.Mul(*(i.size for i in bound(e)))
        yield f"a mean stands where the sum over {', '.join(i.name for i in bound(e))} belongs", e / sizes
    elif isinstance(e, sp.Pow):
        yield from _outside_the_root(e)
        yield f"the power {to_text(e.exp)} is missing", e.base
        if e.exp.is_negative:
            yield f"a product stands where the division by {to_text(1 / e)} belongs", 1 / e
    elif row_of(e) is not None:
        yield f"{to_text(e)} is taken without its function", e.args[-1]
    elif isinstance(e, Where):
        yield "the branches are exchanged", Where(e.args[0], e.args[2], e.args[1])
    elif isinstance(e, Indicator):
        yield "the mask is reversed", 1 - e
    elif type(e) in _BOUNDARY:
        yield f"the boundary of {to_text(e)} counts on the other side", _BOUNDARY[type(e)](*e.args)


def _outside_the_root(e: sp.Pow) -> Iterator[tuple[str, sp.Expr]]:
    """A term under a root stands beside it."""
    if isinstance(e.base, sp.Add) and e.exp in (sp.Rational(1, 2), sp.Rational(-1, 2)):
        for term in e.base.args:
            root = sp.sqrt(e.base - term) + term
            yield f"{to_text(term)} stands outside the root", root if e.exp.is_positive else 1 / root


def _reversed(e: sp.Basic) -> sp.Expr:
    """Every condition the other way round."""
    opposite = {sp.Gt: sp.Le, sp.Ge: sp.Lt, sp.Lt: sp.Ge, sp.Le: sp.Gt}
    if type(e) in opposite:
        return opposite[type(e)](*e.args)
    return rebuild(e, _reversed) if e.args else e


def _resized(e: sp.Basic, old: sp.Basic, new: sp.Basic) -> sp.Expr:
    """The expression with another number in a size's place; the ranges of sums stay."""
    return new if e == old else rebuild(e, lambda child: _resized(child, old, new)) if e.args else e
