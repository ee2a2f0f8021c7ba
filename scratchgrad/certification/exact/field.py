"""Fractions of polynomials over the rationals, with generators for exponentials, roots and other functions.

    x1 .. xn, pi        the unknowns
    E = exp(p)          one for each exponent that is no rational combination of earlier ones
    s = sqrt(f)         with s^2 = f
    log|f|, erf(f), sin(f), ..          one for each canonical argument

Every identity that is used holds wherever both sides are defined: so a difference whose numerator is the polynomial 0
is 0 for all real values.  The converse is not claimed.  Polynomials are flint's; one that grows too large, or takes too
long, ends in Exhausted.
"""

from __future__ import annotations

import re
from collections.abc import Iterable, Mapping
from fractions import Fraction
from typing import Any

import flint

from scratchgrad.certification.exact.budget import Budget, Exhausted, FinerExponents, Undecidable
from scratchgrad.notation.functions import TABLE

__all__ = ["Budget", "Exhausted", "Field", "FinerExponents", "Undecidable"]

_NAME = re.compile(r"x(\d+)")
_EXTRA = 40
_TERMS = 6000
_PRODUCT = 400_000
_GCD_TERMS = 600
_STEP, _GCD = 5, 20

Polynomial = Any


Fractional = tuple[Polynomial, Polynomial]
"""A numerator and a denominator without common factor; the denominator is monic."""


class Field:
    """Arithmetic of fractions; a generator is known by its position."""

    def __init__(self, unknowns: int, budget: Budget, denominator: int, positive: Iterable[int] = ()) -> None:
        """`unknowns` plain unknowns, those at `positive` known to be > 0; exponents have this denominator."""
        self.budget = budget
        self.unknowns = unknowns
        count = -(-(unknowns + _EXTRA) // 8) * 8  # few different contexts
        self.context = flint.fmpq_mpoly_ctx.get([f"x{i}" for i in range(count)], "lex")
        self.generators = self.context.gens()
        self.zero, self.one = self.context.constant(0), self.context.constant(1)
        self.denominator = denominator
        self.positive: set[int] = set(positive)
        self.nonnegative: set[int] = set()
        self.signs: dict[str, int] = {}
        self.roots_apart: tuple[int, ...] = ()
        self.logarithms: dict[int, Polynomial] = {}
        self.exponents: dict[int, dict[tuple[str, tuple[int, ...]], Fraction]] = {}
        self.words: dict[int, str] = {}
        self._used = unknowns
        self._roots: dict[str, int] = {}
        self._squares: dict[int, Fractional] = {}
        self._opaque: dict[str, int] = {}
        self._rows: list[tuple[Any, dict[Any, Fraction], dict[int, Fraction]]] = []

    def number(self, value: Fraction) -> Fractional:
        """A rational number."""
        return self._constant(value), self.one

    def _constant(self, value: Fraction) -> Polynomial:
        return self.context.constant(flint.fmpq(value.numerator, value.denominator))

    def generator(self, position: int) -> Fractional:
        """A generator or an unknown."""
        return self.generators[position], self.one

    def new(self, words: str, *, positive: bool = False) -> int:
        """The position of a fresh generator, which stands for what the words say."""
        if self._used >= len(self.generators):
            raise Exhausted("too many exponentials, roots and logarithms")
        position = self._used
        self._used += 1
        self.words[position] = words
        if positive:
            self.positive.add(position)
        return position

    def text(self, p: Polynomial) -> str:
        """The polynomial as text that does not depend on the order in which generators were met."""
        return _NAME.sub(lambda found: self.words.get(int(found[1]), found[0]), str(p))

    # Arithmetic.

    def add(self, a: Fractional, b: Fractional) -> Fractional:
        """A + b."""
        if a[1] == b[1]:
            return self._reduced(a[0] + b[0], a[1])
        return self._reduced(self._product(a[0], b[1]) + self._product(b[0], a[1]), self._product(a[1], b[1]))

    def mul(self, a: Fractional, b: Fractional) -> Fractional:
        """A * b."""
        return self._reduced(self.square_free(self._product(a[0], b[0])), self.square_free(self._product(a[1], b[1])))

    def inverse(self, a: Fractional) -> Fractional:
        """1 / a; Undecidable where a is 0 everywhere."""
        n, d = a
        if n.is_zero():
            raise Undecidable("a division by 0")
        for position, (fn, fd) in self._squares.items():
            if n.degrees()[position] == 1:  # 1/(c s) = s/(c f)
                c = n.derivative(position)
                if (n - c * self.generators[position]).is_zero():
                    return self._reduced(
                        self._product(d * self.generators[position], fd), self.square_free(self._product(c, fn))
                    )
        return self._reduced(d, n)

    def power(self, a: Fractional, n: int) -> Fractional:
        """A to a natural number."""
        found = self.number(Fraction(1))
        while n:
            if n & 1:
                found = self.mul(found, a)
            n >>= 1
            if n:
                a = self.mul(a, a)
        return found

    def _product(self, a: Polynomial, b: Polynomial) -> Polynomial:
        if len(a) * len(b) > _PRODUCT:
            raise Exhausted("a polynomial has grown too large")
        self.budget.spend(len(a) * len(b))
        return a * b

    def _reduced(self, n: Polynomial, d: Polynomial) -> Fractional:
        self.budget.spend(_STEP)
        if n.is_zero():
            return self.zero, self.one
        if d.is_zero():
            raise Undecidable("a division by 0")
        if len(n) > _TERMS or len(d) > _TERMS:
            raise Exhausted("a polynomial has grown too large")
        if not d.is_constant() and len(n) + len(d) <= _GCD_TERMS:
            self.budget.spend(_GCD * (len(n) + len(d)))
            g = n.gcd(d)
            if not g.is_constant():
                n, d = _exactly(n, g), _exactly(d, g)
        c = d.leading_coefficient()
        return (n, d) if c == 1 else (n / c, d / c)

    def square_free(self, p: Polynomial) -> Polynomial:
        """The polynomial with s^2 replaced by f, for roots of polynomials f."""
        for position, (fn, fd) in self._squares.items():
            if not fd.is_one() or p.degrees()[position] < 2:
                continue
            parts: dict[int, dict[tuple[int, ...], Any]] = {}
            for exponents, coefficient in _terms(p):
                k = exponents[position]
                rest = (*exponents[:position], k & 1, *exponents[position + 1 :])
                parts.setdefault(k // 2, {})[rest] = coefficient
            p = self.zero
            for k, part in parts.items():
                p += self._product(self.context.from_dict(part), fn**k)
        return p

    def vanishes(self, a: Fractional) -> bool:
        """Whether the fraction is 0 for all values of its unknowns."""
        n = a[0]
        for position, (fn, fd) in reversed(self._squares.items()):  # a root may stand under a later one
            degree = n.degrees()[position]
            if not degree:
                continue
            halves = [self.zero, self.zero]
            parts: dict[tuple[int, int], dict[tuple[int, ...], Any]] = {}
            for exponents, coefficient in _terms(n):
                k = exponents[position]
                rest = (*exponents[:position], 0, *exponents[position + 1 :])
                parts.setdefault((k & 1, k // 2), {})[rest] = coefficient
            for (odd, k), part in parts.items():
                halves[odd] += self._product(self.context.from_dict(part), fn**k * fd ** (degree // 2 - k))
            n = halves[0] + halves[1] * self.generators[position]
        return bool(n.is_zero())

    # Functions.

    def exp(self, a: Fractional) -> Fractional:
        """The exponential, by integer powers of the exponentials of independent exponents."""
        n, d = a
        key = self.text(d)
        vector: dict[tuple[str, tuple[int, ...]], Fraction] = {}
        found = self.number(Fraction(1))
        for exponents, coefficient in _terms(n):
            q = Fraction(int(coefficient.p), int(coefficient.q))
            single = [i for i, e in enumerate(exponents) if e]
            if d.is_one() and len(single) == 1 and exponents[single[0]] == 1 and single[0] in self.logarithms:
                factor = self.logarithms[single[0]]
                sign = self.sign(factor)
                if q.denominator == 1 and (sign or q.numerator % 2 == 0):  # exp(q log|f|) = |f|^q
                    base = (-factor if sign < 0 else factor, self.one)
                    part = self.power(base, abs(int(q)))
                    found = self.mul(found, part if q > 0 else self.inverse(part))
                    continue
            vector[key, exponents] = q
        for position, k in self._coordinates(vector).items():
            if k.denominator != 1:
                raise FinerExponents(k.denominator)
            part = self.power(self.generator(position), abs(int(k)))
            found = self.mul(found, part if k > 0 else self.inverse(part))
        return found

    def _coordinates(self, vector: Mapping[Any, Fraction]) -> dict[int, Fraction]:
        """The exponent as a combination of the generators' exponents; a new generator where it is independent."""
        rest, found = dict(vector), dict[int, Fraction]()
        for pivot, row, coordinates in self._rows:
            if pivot in rest:
                factor = rest[pivot] / row[pivot]
                for key, c in row.items():
                    value = rest.get(key, Fraction(0)) - factor * c
                    if value:
                        rest[key] = value
                    else:
                        rest.pop(key, None)
                for position, c in coordinates.items():
                    found[position] = found.get(position, Fraction(0)) + factor * c
        if not rest:
            return {position: c for position, c in found.items() if c}
        words = "".join(
            f"{c}*({self.text(self.context.from_dict({e: 1}))})/({d})" for (d, e), c in sorted(vector.items())
        )
        position = self.new(f"exp[{words}]", positive=True)
        self.exponents[position] = {key: c / self.denominator for key, c in vector.items()}
        coordinates = {p: -c for p, c in found.items() if c} | {position: Fraction(self.denominator)}
        self._rows.append((next(iter(rest)), rest, coordinates))
        return {position: Fraction(self.denominator)}

    def root(self, a: Fractional) -> Fractional:
        """The square root, as a generator; the roots of numbers and of pi are taken out."""
        n, d = a
        c = n.leading_coefficient()
        number = Fraction(int(c.p), int(c.q))
        outside = self.number(Fraction(1))
        if number > 0:
            square, inside = _square_part(number)
            outside = self.number(square)
            for prime in inside:
                outside = self.mul(outside, self._single_root(self._constant(Fraction(prime))))
            n = n / c
        for position in self.roots_apart:
            degree = min(exponents[position] for exponents, _ in _terms(n))
            if degree:
                n = _exactly(n, self.generators[position] ** degree)
                outside = self.mul(outside, self.power(self._single_root(self.generators[position]), degree))
        if n.is_one() and d.is_one():
            return outside
        if d.is_one():
            return self.mul(outside, self._single_root(n))
        if self.is_positive(d):  # sqrt(n/d) = sqrt(n d)/d
            under = self.root((self._product(n, d), self.one))
            return self.mul(outside, self.mul(under, self.inverse((d, self.one))))
        return self.mul(outside, self.generator(self._root(n, d)))

    def _single_root(self, n: Polynomial) -> Fractional:
        return self.generator(self._root(n, self.one))

    def _root(self, n: Polynomial, d: Polynomial) -> int:
        key = f"sqrt[({self.text(n)})/({self.text(d)})]"
        if key not in self._roots:
            position = self.new(key)
            self.nonnegative.add(position)
            self._roots[key] = position
            self._squares[position] = (n, d)
        return self._roots[key]

    def log(self, a: Fractional) -> Fractional:
        """Log(a), as the sum of log|f| over the irreducible factors f, and of log p over primes."""
        found = self.number(Fraction(0))
        for polynomial, sign in ((a[0], 1), (a[1], -1)):
            if polynomial.is_one():
                continue
            if len(polynomial) > _GCD_TERMS:
                raise Exhausted("a polynomial has grown too large")
            content, factors = polynomial.factor()
            for whole, way in ((abs(int(content.p)), 1), (int(content.q), -1)):
                for prime, times in flint.fmpz(whole).factor() if whole > 1 else ():
                    part = self.opaque("log", self.number(Fraction(int(prime))))
                    found = self.add(found, self.mul(part, self.number(Fraction(sign * way * int(times)))))
            for factor, times in factors:
                found = self.add(found, self.mul(self._log_factor(factor), self.number(Fraction(sign * int(times)))))
        return found

    def _log_factor(self, factor: Polynomial) -> Fractional:
        terms = _terms(factor)
        if len(terms) == 1 and sum(terms[0][0]) == 1:
            position = terms[0][0].index(1)
            if position in self.exponents:  # log(exp p) = p
                return self._exponent(position)
        if factor.leading_coefficient() < 0:  # log|f| = log|-f|
            factor = -factor
        return self.opaque("log", (factor, self.one))

    def _exponent(self, position: int) -> Fractional:
        found = self.number(Fraction(0))
        for (key, exponents), c in self.exponents[position].items():
            if key != "1":
                raise Undecidable("the logarithm of an exponential of a fraction")
            term = self.context.from_dict({exponents: flint.fmpq(c.numerator, c.denominator)})
            found = self.add(found, (term, self.one))
        return found

    def opaque(self, name: str, *arguments: Fractional) -> Fractional:
        """A function of canonical arguments; the first one's sign is taken out where the function is odd or even."""
        row, given = TABLE[name], list(arguments)
        if row.at_zero is not None and all(n.is_zero() for n, _ in given):
            return self.number(Fraction(row.at_zero))
        first = len(row.orders)
        n, d = given[first]
        turned = bool(row.parity) and not n.is_zero() and n.leading_coefficient() < 0
        if turned:
            given[first] = (-n, d)
        key = f"{name}[{', '.join(f'({self.text(n)})/({self.text(d)})' for n, d in given)}]"
        if key not in self._opaque:
            self._opaque[key] = self.new(key)
            if name == "log" and d.is_one():
                self.logarithms[self._opaque[key]] = given[first][0]
        found = self.generator(self._opaque[key])
        return (-found[0], found[1]) if turned and row.parity == "odd" else found

    # Signs.

    def sure(self, p: Polynomial, sign: int) -> None:
        """From now on the polynomial counts as > 0 (sign 1) or < 0 (-1)."""
        c = p.leading_coefficient()
        self.signs[self.text(p / c)] = sign if c > 0 else -sign

    def sign(self, p: Polynomial) -> int:
        """1 where the polynomial is certainly > 0, -1 where it is certainly < 0; 0 where that is not known."""
        c = p.leading_coefficient()
        if self.is_positive(p if c > 0 else -p):
            return 1 if c > 0 else -1
        known = self.signs.get(self.text(p / c), 0) if self.signs else 0
        return known if c > 0 else -known

    def is_positive(self, p: Polynomial) -> bool:
        """Whether the polynomial is certainly > 0: it is not negative, and has a term that is > 0."""
        return self.is_nonnegative(p) and any(
            all(position in self.positive for position, e in enumerate(exponents) if e) for exponents in p.monoms()
        )

    def is_nonnegative(self, p: Polynomial) -> bool:
        """Whether the polynomial is certainly >= 0: positive coefficients, and even powers of what may be negative."""
        if any(c < 0 for c in p.coeffs()):  # most are decided here
            return False
        never_below = self.positive | self.nonnegative
        return all(
            e % 2 == 0 or position in never_below for exponents in p.monoms() for position, e in enumerate(exponents)
        )


def _terms(p: Polynomial) -> list[tuple[tuple[int, ...], Any]]:
    return [(tuple(int(e) for e in exponents), c) for exponents, c in p.to_dict().items()]


def _exactly(a: Polynomial, b: Polynomial) -> Polynomial:
    quotient, rest = divmod(a, b)
    if not rest.is_zero():
        raise ArithmeticError("a common factor that does not divide")
    return quotient


def _square_part(number: Fraction) -> tuple[Fraction, list[int]]:
    """(r, primes) with number = r^2 times the product of the primes."""
    whole = number.numerator * number.denominator  # sqrt(p/q) = sqrt(p q)/q
    outside, inside = 1, list[int]()
    for prime, times in flint.fmpz(whole).factor() if whole > 1 else ():
        outside *= int(prime) ** (int(times) // 2)
        inside += [int(prime)] * (int(times) % 2)
    return Fraction(outside, number.denominator), inside
