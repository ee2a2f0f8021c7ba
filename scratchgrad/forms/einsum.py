"""Sums of products of tensors of any rank as einsum: what is written where no matrix form exists.

    Sum(W[k,i,j]*grad_u[k]*y[j], j, k)    over i        einsum('kij,k,j->i', W, grad_u, y)
    2*c*(T[i,j] - Sum(A[i,a]*B[j,a], a))                2 * c * (T - einsum('ia,ja->ij', A, B))

A factor is a tensor at bare indices, a function of such tensors at the same indices, or a bracket of such terms.
An index that is computed (x[2*i+k]) has no place in an einsum: then the answer is None, honestly.
"""

from __future__ import annotations

from collections.abc import Callable
from contextlib import suppress
from dataclasses import dataclass
from typing import Any

import numpy as np
import sympy as sp

from scratchgrad.calculus.canonical import canonical
from scratchgrad.notation.binding import bound, free_indices, tensors_in
from scratchgrad.notation.evaluation import Valuation
from scratchgrad.notation.indices import Index, Size
from scratchgrad.notation.nodes import Determinant, InverseElement, LogDeterminant, MaxOver
from scratchgrad.notation.text import to_text

__all__ = ["Einsum", "einsum_form"]

_LETTERS = "ijklmnopqrstuvwxyzabcdefgh"


class _Stuck(Exception):  # not an error: no einsum exists
    """A factor is none that an einsum takes."""


@dataclass(frozen=True)
class Einsum:
    """An expression of einsum calls: its code, and how it is evaluated."""

    text: str
    evaluate: Callable[[Valuation], Any]

    def value(self, at: Valuation) -> Any:
        """What the calls give, evaluated index by index as the strings say."""
        return self.evaluate(at)

    def __str__(self) -> str:
        """The code."""
        return self.text


def einsum_form(e: sp.Expr, indices: tuple[Index, ...]) -> Einsum | None:
    """The einsum form of e over its indices; None where there is none."""
    with suppress(_Stuck):
        return _added(e, indices)
    with suppress(_Stuck):
        return _added(canonical(e), indices)
    return None


def _added(e: sp.Expr, out: tuple[Index, ...]) -> Einsum:
    """A sum of terms, each over all of the indices."""
    parts = [_term(t, out) for t in sorted(sp.Add.make_args(e), key=lambda t: bool(t.could_extract_minus_sign()))]
    text = parts[0].text
    for part in parts[1:]:
        text += f" - {part.text[1:]}" if part.text.startswith("-") else f" + {part.text}"
    return Einsum(text, lambda at: sum(p.value(at) for p in parts))


def _term(term: sp.Expr, out: tuple[Index, ...]) -> Einsum:
    """Scalars times one contraction."""
    scalars: list[sp.Expr] = []
    factors: list[sp.Expr] = []
    summed: list[Index] = []
    for factor in sp.Mul.make_args(term):
        if not free_indices(factor):
            scalars.append(factor)
        elif isinstance(factor, sp.Sum):
            summed += bound(factor)
            factors += sp.Mul.make_args(factor.function)
        else:
            factors.append(factor)
    scalars += [f for f in factors if not free_indices(f)]
    operands = [_operand(f) for f in factors if free_indices(f)]
    present = {i for _, indices in operands for i in indices}
    if not set(out) <= present or not set(summed) <= present or len(set(summed)) < len(summed):
        raise _Stuck
    over, under, scale = _scalars(scalars)
    if operands:
        over.append(_contraction(operands, out))
    top, bottom = sp.fraction(scale)
    sign = "-" if top.could_extract_minus_sign() else ""
    top = -top if sign else top
    texts = [_plain(top)] if top != 1 or not over else []
    texts += [o.text for o in over]
    below = [*([_plain(bottom)] if bottom != 1 else []), *(u.text for u in under)]
    return Einsum(
        sign + " / ".join([" * ".join(texts), *below]),
        lambda at: at.value(scale) * _product([o.value(at) for o in over]) / _product([u.value(at) for u in under]),
    )


def _product(values: list[Any]) -> Any:
    result: Any = 1.0
    for value in values:
        result = result * value
    return result


def _scalars(scalars: list[sp.Expr]) -> tuple[list[Einsum], list[Einsum], sp.Expr]:
    """The sums among scalar factors, those that divide, and the rest as one expression."""
    over: list[Einsum] = []
    under: list[Einsum] = []
    scale = sp.Integer(1)
    for scalar in scalars:
        base, exponent = scalar.as_base_exp()
        if isinstance(base, sp.Sum) and exponent in (1, -1):
            inner = _term(base.function, ()) if not bound(base) else _opened(base)
            (over if exponent == 1 else under).append(inner)
        elif scalar.has(sp.Sum, MaxOver, sp.Indexed):
            raise _Stuck
        else:
            scale *= scalar
    return over, under, scale


def _opened(e: sp.Sum) -> Einsum:
    """A sum to a scalar."""
    operands = [_operand(f) for f in sp.Mul.make_args(e.function)]
    if {i for _, indices in operands for i in indices} != set(bound(e)):
        raise _Stuck
    return _contraction(operands, ())


def _plain(e: sp.Expr) -> str:
    """A scalar as code, with spaces as between tensors."""
    text = to_text(e).replace("*", " * ").replace(" *  * ", "**")
    return f"({text})" if isinstance(e, sp.Add) else text


def _contraction(operands: list[tuple[Einsum, tuple[Index, ...]]], out: tuple[Index, ...]) -> Einsum:
    """The operands multiplied, summed over all indices that the result lacks."""
    if all(indices == out for _, indices in operands) and operands:
        return Einsum(
            " * ".join(o.text for o, _ in operands),
            lambda at: np.prod(np.broadcast_arrays(*(o.value(at) for o, _ in operands)), axis=0),
        )
    letters = _letters([i for _, indices in operands for i in indices])
    inputs = ",".join("".join(letters[i] for i in indices) for _, indices in operands)
    spec = f"{inputs}->{''.join(letters[i] for i in out)}"
    arguments = ", ".join(o.text for o, _ in operands)
    return Einsum(
        f"einsum('{spec}', {arguments})",
        lambda at: np.einsum(spec, *(o.value(at) for o, _ in operands), optimize=len(operands) > 2),
    )


def _letters(indices: list[Index]) -> dict[Index, str]:
    """One small letter for every index, its own where it has one."""
    chosen: dict[Index, str] = {}
    for index in dict.fromkeys(indices):
        own = [index.name] if len(index.name) == 1 and index.name in _LETTERS else []
        chosen[index] = next((a for a in (*own, *_LETTERS) if a not in chosen.values()), "")
        if not chosen[index]:  # an alphabet of indices
            raise _Stuck
    return chosen


def _operand(e: sp.Expr) -> tuple[Einsum, tuple[Index, ...]]:
    """A factor as code, with the indices of its axes in order."""
    if isinstance(e, sp.Indexed) and all(isinstance(i, Index) for i in e.indices):
        indices = tuple(e.indices)
        return Einsum(_name(e), lambda at: at.tensors[_name(e)]), indices
    over = _common(e)
    if over is not None:
        text = _elementwise(e)
        return Einsum(text, lambda at: at.value(e, over)), over
    if isinstance(e, sp.Add):
        free = free_indices(e)
        orders = [tuple(t.indices) for t in e.args if isinstance(t, sp.Indexed) and set(t.indices) == set(free)]
        order = orders[0] if orders else free
        inner = _added(e, order)
        return Einsum(f"({inner.text})", inner.evaluate), order
    raise _Stuck


def _common(e: sp.Expr) -> tuple[Index, ...] | None:
    """The indices that all tensors of an elementwise expression have alike; None where they differ."""
    if e.has(sp.Sum, MaxOver, sp.KroneckerDelta, InverseElement, Determinant, LogDeterminant, Size):
        return None
    found: tuple[Index, ...] | None = None
    for tensor in tensors_in(e):
        indices = tuple(getattr(tensor, "indices", ()))
        if not indices:
            continue
        bare = all(isinstance(i, Index) for i in indices) and len(set(indices)) == len(indices)
        if not bare or (found is not None and indices != found):
            return None
        found = indices
    free = set(free_indices(e))
    return found if found is not None and free == set(found) and not _bare_letters(e) else None


def _bare_letters(e: sp.Basic) -> bool:
    """Whether an index occurs as a number, outside the brackets of a tensor."""
    if isinstance(e, Index):
        return True
    return not isinstance(e, sp.Indexed) and any(map(_bare_letters, e.args))


def _elementwise(e: sp.Expr) -> str:
    """An elementwise expression with whole tensors in place of their elements."""
    names = {t: sp.Symbol(_name(t), real=True) for t in e.atoms(sp.Indexed)}
    text = to_text(sp.sympify(e.xreplace(names)))
    return f"({text})" if isinstance(e, (sp.Add, sp.Mul)) else text


def _name(e: sp.Basic) -> str:
    return str(e.base.label) if isinstance(e, sp.Indexed) else str(e)
