"""Facts about symbols in the language of the normal form: polynomials that are positive, and what replaces unknowns.

In   Facts, the places of the symbols among the unknowns, a Field
Out  Assumptions: substitutions, polynomials >= 0 or > 0, signs, and groups of unknowns that have few values

Everything here is true of every point of the domain.  So a case that contradicts an assumption has no point, and a
numerator that is 0 by the relations of few values (y² = y, s² = 1) is 0 at every point.
"""

from __future__ import annotations

import itertools
from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field
from fractions import Fraction
from typing import Any

import flint

from scratchgrad.certification.exact.facts import Facts
from scratchgrad.certification.exact.field import Field
from scratchgrad.domain import Interval

__all__ = ["Assumptions", "Choice", "linear"]

_MINORS = 4
"""The largest matrix of which all principal minors are known to be positive."""

Polynomial = Any


@dataclass(frozen=True)
class Choice:
    """Unknowns that have few values together: all the points that they can be at."""

    places: tuple[int, ...]
    points: tuple[tuple[int, ...], ...]


@dataclass
class Assumptions:
    """What is true of the unknowns, by their places."""

    positive: list[int] = field(default_factory=list)
    nonnegative: list[int] = field(default_factory=list)
    replaced: dict[int, Polynomial] = field(default_factory=dict)
    bounds: list[tuple[Polynomial, bool]] = field(default_factory=list)
    above: list[Polynomial] = field(default_factory=list)
    choices: list[Choice] = field(default_factory=list)
    _group: dict[int, int] = field(default_factory=dict)

    @classmethod
    def of(cls, facts: Facts, places: Mapping[str, int], form: Field) -> Assumptions:
        """The assumptions that the facts are, about those symbols that have a place."""
        found = cls()
        facts = facts.about(places)
        last = {places[row[-1]] for row in facts.rows}
        for name, interval in facts.bounds.items():
            found._bounded(form, places[name], interval, direct=places[name] not in last)
        for row in facts.rows:
            low = facts.bounds[row[-1]] if row[-1] in facts.bounds else Interval()
            found._summed(form, [places[name] for name in row], strict=0 not in low and low.low == 0)
        for name, other in facts.equal.items():
            found.replaced[places[name]] = form.generators[places[other]]
        for name, values in facts.few.items():
            found.choices.append(Choice((places[name],), tuple((value,) for value in values)))
        for row in facts.one_hot:
            free = tuple(places[name] for name in row[:-1])
            points = [tuple(int(p == q) for q in free) for p in free] + [(0,) * len(free)]
            found.choices += [Choice(free, tuple(points))] if free else []
        for matrix in facts.definite:
            found._minors(form, [[places[name] for name in row] for row in matrix])
        found._group = {p: n for n, choice in enumerate(found.choices) for p in choice.places}
        return found

    def _bounded(self, form: Field, place: int, interval: Interval, *, direct: bool) -> None:
        """The ends of an interval; `direct` where the unknown stands for itself."""
        x = form.generators[place]
        for end, way, closed in ((interval.low, 1, interval.low_closed), (interval.high, -1, interval.high_closed)):
            if end is None or not direct:
                continue
            self.bounds.append(
                (way * (x - form.context.constant(flint.fmpq(end.numerator, end.denominator))), not closed)
            )
            if way == 1 and end >= 0:
                positive = end > 0 or not closed
                (self.positive if positive else self.nonnegative).append(place)

    def _summed(self, form: Field, row: list[int], *, strict: bool) -> None:
        """A row of numbers >= 0 (strict: > 0) whose sum is 1: the last one is what the others leave."""
        rest = form.one
        for place in row[:-1]:
            rest = rest - form.generators[place]
        self.replaced[row[-1]] = rest
        self.bounds.append((rest, strict))

    def _minors(self, form: Field, matrix: list[list[int]]) -> None:
        """Every principal minor of a positive definite matrix is > 0."""
        entries = [[self.replaced.get(place, form.generators[place]) for place in row] for row in matrix]
        self.positive += [matrix[n][n] for n in range(len(matrix))]
        if len(matrix) <= _MINORS:
            for size in range(2, len(matrix) + 1):
                for kept in itertools.combinations(range(len(matrix)), size):
                    self.above.append(_determinant(form, [[entries[i][j] for j in kept] for i in kept]))

    def choice(self, polynomial: Polynomial) -> Choice | None:
        """A group of few values, one of whose unknowns the polynomial contains."""
        for place, degree in enumerate(polynomial.degrees()):
            if degree and place in self._group:
                return self.choices[self._group[place]]
        return None

    def reduced(self, form: Field, polynomial: Polynomial) -> Polynomial:
        """What the polynomial is at every point, with lower powers: y² = y, s² = 1, y_i y_j = 0."""
        if not self._group:
            return polynomial
        found: dict[tuple[int, ...], Any] = {}
        for exponents, coefficient in polynomial.to_dict().items():
            lower = self._lowered([int(e) for e in exponents])
            if lower is not None:
                found[lower] = found.get(lower, flint.fmpq(0)) + coefficient
        return form.context.from_dict(found)

    def _lowered(self, exponents: list[int]) -> tuple[int, ...] | None:
        """The exponents of a term; None where it is 0."""
        seen: set[int] = set()
        for place, degree in enumerate(exponents):
            if not degree or place not in self._group:
                continue
            choice = self.choices[self._group[place]]
            if (-1,) in choice.points:
                exponents[place] = degree % 2
                continue
            exponents[place] = 1
            if len(choice.places) > 1 and self._group[place] in seen:
                return None
            seen.add(self._group[place])
        return tuple(exponents)


def _determinant(form: Field, matrix: list[list[Polynomial]]) -> Polynomial:
    """By Leibniz."""
    found = form.zero
    for order, sign in _permutations(len(matrix)):
        product = form.context.constant(sign)
        for row, column in enumerate(order):
            product = product * matrix[row][column]
        found = found + product
    return found


def _permutations(n: int) -> Iterator[tuple[tuple[int, ...], int]]:
    for order in itertools.permutations(range(n)):
        swaps = sum(order[i] > order[j] for i in range(n) for j in range(i + 1, n))
        yield order, -1 if swaps % 2 else 1


def linear(polynomial: Polynomial, constants: tuple[int, ...]) -> tuple[dict[int, Fraction], Fraction] | None:
    """The factors of the unknowns and the constant term, or None where it is not linear in unknowns alone."""
    factors: dict[int, Fraction] = {}
    constant = Fraction(0)
    for exponents, c in polynomial.to_dict().items():
        q = Fraction(int(c.p), int(c.q))
        places = [p for p, e in enumerate(exponents) if e]
        if sum(int(e) for e in exponents) > 1 or places == list(constants):
            return None
        if places:
            factors[places[0]] = q
        else:
            constant = q
    return factors, constant
