"""The sign in which a bracket is written: as in the definition, else with the constant or the first tensor positive.

    (m - x) (g - 1) r    where the definition has x - m        ->    (x - m) (1 - g) r
    -2 (s - x) W         where the definition has x - s        ->    2 (x - s) W

A bracket and its negative are one up to a sign that stands in front of the product.
"""

from __future__ import annotations

import re
from collections.abc import Iterable
from functools import lru_cache

import sympy as sp

from scratchgrad.notation.binding import bound, rebuild, sum_over, tensor_name, tensor_names, tensors_in
from scratchgrad.notation.text import to_text

__all__ = ["Signs"]

_LETTERS = re.compile(r"\[[^\]]*\]|(, \w+)+(?=\))")


class Signs:
    """The signs of brackets, learned from the right sides of a definition."""

    def __init__(self, rights: Iterable[sp.Expr] = ()) -> None:
        """The signs in `rights`; without any, the constant term is positive."""
        self.seen: set[frozenset[str]] = set()
        self.order: dict[str, int] = {}
        self._signed: dict[sp.Basic, sp.Expr] = {}
        for right in rights:
            self.seen |= {_key(e) for e in sp.preorder_traversal(right) if isinstance(e, sp.Add)}
            for tensor in tensors_in(right):
                self.order.setdefault(tensor_name(tensor), len(self.order))

    def signed(self, e: sp.Basic) -> sp.Expr:
        """E with every bracket that is a factor in its sign."""
        if e not in self._signed:
            self._signed[e] = self._with_signs(e)
        return self._signed[e]

    def _with_signs(self, e: sp.Basic) -> sp.Expr:
        if not e.args or isinstance(e, sp.Indexed):
            return sp.sympify(e)
        e = sp.sympify(rebuild(e, self.signed))
        if not isinstance(e, sp.Mul):
            return e
        factors: list[sp.Expr] = []
        turned = False
        for factor in e.args:
            base, exponent = factor.as_base_exp()
            if isinstance(base, sp.Add) and exponent.is_Integer and self._turned(base):
                turned = True
                factors += [sp.Integer(-1) ** exponent, (-base) ** exponent]
            else:
                factors.append(factor)
        return self._taken_in(sp.Mul(*factors) if turned else e)

    def _taken_in(self, e: sp.Expr) -> sp.Expr:
        """A minus sign in front of a product goes into a bracket that the definition does not have."""
        if not isinstance(e, sp.Mul) or not e.as_coeff_Mul()[0].is_negative:
            return e
        for factor in e.args:
            if isinstance(factor, sp.Add) and self._free(factor):
                return sp.Mul(-1, *(f for f in e.args if f is not factor), -factor)
            if isinstance(factor, sp.Sum):
                inner = self._taken_in(sp.Mul(-1, factor.function))
                if not inner.as_coeff_Mul()[0].is_negative and not isinstance(inner, sp.Add):
                    others = (f for f in e.args if f is not factor)
                    return sp.Mul(-1, *others, sum_over(inner, *bound(factor)))
        return e

    def _free(self, bracket: sp.Add) -> bool:
        """Whether the definition has neither the bracket nor its negative, and both signs occur in it."""
        signs = {t.could_extract_minus_sign() for t in bracket.args}
        return (
            len(signs) == 2
            and not {_key(bracket), _key(-bracket)} & self.seen
            and not any(t.is_number for t in bracket.args)
        )

    def _turned(self, bracket: sp.Add) -> bool:
        """Whether the negative of the bracket is what one writes."""
        here, negative = _key(bracket) in self.seen, _key(-bracket) in self.seen
        if here != negative:
            return negative
        constant = next((t for t in bracket.args if t.is_number), None)
        first = constant if constant is not None else min(bracket.args, key=self._place)
        return bool(first.could_extract_minus_sign())

    def _place(self, term: sp.Expr) -> tuple[int, str]:
        """Where the definition has the term's tensors; gradients come first."""
        places = [self.order.get(name, -1) for name in tensor_names(term)]
        return min(places, default=len(self.order)), to_text(term)


@lru_cache(maxsize=1 << 14)
def _key(e: sp.Basic) -> frozenset[str]:
    """The terms of e without the letters of their indices."""
    return frozenset(_LETTERS.sub("", to_text(t)) for t in sp.Add.make_args(e))
