"""Cases of a proof: what is assumed of the unknowns in one of them, and whether any point is in it.

In   signs of polynomials, substitutions, bounds
Out  the same after one more substitution; whether a point satisfies the linear ones, by exact elimination
"""

from __future__ import annotations

from collections.abc import Collection
from dataclasses import dataclass, field
from fractions import Fraction
from typing import Any

from scratchgrad.certification.exact.assumptions import linear
from scratchgrad.certification.exact.field import Field

__all__ = ["Case", "Signs"]

_ROWS = 400

Polynomial = Any
Signs = dict[str, tuple[Polynomial, int]]


@dataclass
class Case:
    """Signs of polynomials, by their text, what is substituted for unknowns, and polynomials that are >= 0, or > 0."""

    signs: Signs = field(default_factory=dict)
    replaced: dict[int, Polynomial] = field(default_factory=dict)
    bounds: list[tuple[Polynomial, bool]] = field(default_factory=list)
    tied: bool = False

    def at(self, form: Field, place: int, by: Polynomial) -> Case | None:
        """The case with an unknown substituted; None where that contradicts a sign or a bound."""
        signs = self._resigned(form, place, by)
        bounds: list[tuple[Polynomial, bool]] = []
        for polynomial, strict in self.bounds:
            p = composed(form, polynomial, place, by)
            if not p.is_constant():
                bounds.append((p, strict))
            elif (p.is_zero() and strict) or (not p.is_zero() and p.leading_coefficient() < 0):
                return None
        if signs is None:
            return None
        replaced = {p: composed(form, q, place, by) for p, q in self.replaced.items()} | {place: by}
        return Case(signs, replaced, bounds, self.tied)

    def _resigned(self, form: Field, place: int, by: Polynomial) -> Signs | None:
        """The signs after a substitution; None where they contradict one another."""
        found: Signs = {}
        for polynomial, sign in self.signs.values():
            if polynomial is None:
                continue  # it is asked for anew
            p, s = composed(form, polynomial, place, by), sign
            if p.is_zero():
                if s != 0:
                    return None
                continue
            c = p.leading_coefficient()
            p, s = p / c, s if c > 0 else -s
            if p.is_constant():
                if s <= 0:
                    return None
                continue
            if found.get(form.text(p), (p, s))[1] != s:
                return None
            found[form.text(p)] = (p, s)
        return found

    def possible(self, positive: Collection[int], pi: int) -> bool:
        """Whether some point may have these signs; exact where all are linear, else True."""
        rows: list[tuple[dict[int, Fraction], Fraction, bool]] = []
        for polynomial, sign in self.signs.values():
            row = None if polynomial is None else linear(polynomial, (pi,))
            if row is not None:
                for way in (1, -1) if sign == 0 else (sign,):
                    rows.append(({p: way * q for p, q in row[0].items()}, way * row[1], sign != 0))
        bounds = [(row, strict) for p, strict in self.bounds if (row := linear(p, (pi,))) is not None]
        used = {p for factors, _, _ in rows for p in factors}
        for (factors, constant), strict in bounds:
            if used & set(factors):
                rows.append((factors, constant, strict))
                used |= set(factors)
        rows += [({p: Fraction(1)}, Fraction(0), True) for p in used & set(positive)]
        return _satisfiable(rows)


def composed(form: Field, polynomial: Polynomial, place: int, by: Polynomial) -> Polynomial:
    if not polynomial.degrees()[place]:
        return polynomial
    return polynomial.compose(*(by if p == place else g for p, g in enumerate(form.generators)), ctx=form.context)


def _satisfiable(rows: list[tuple[dict[int, Fraction], Fraction, bool]]) -> bool:
    """Whether a point satisfies all  factors.x + constant > 0  (>= 0 where not strict): Fourier and Motzkin."""
    for place in sorted({p for factors, _, _ in rows for p in factors}):
        above = [r for r in rows if r[0].get(place, 0) > 0]
        below = [r for r in rows if r[0].get(place, 0) < 0]
        rest = [r for r in rows if not r[0].get(place, 0)]
        for f, k, strict in above:
            for g, m, also in below:
                x, y = -g[place], f[place]
                sums = {p: x * f.get(p, 0) + y * g.get(p, 0) for p in f.keys() | g.keys() if p != place}
                rest.append(({p: Fraction(q) for p, q in sums.items() if q}, x * k + y * m, strict or also))
        rows = list({(tuple(sorted(f.items())), k, s): (f, k, s) for f, k, s in rest}.values())
        if len(rows) > _ROWS:
            return True
    return all(k > 0 if strict else k >= 0 for _, k, strict in rows)
