"""Whether two exact scalars are equal for all real values: a proof, or nothing.

In   nodes a, b
Out  "everywhere", "off ties" (equal wherever no comparison is a tie), or why it is undecided

    0  Both are written with sorted sums and products.
    1  Every maximal function value and choice(c, a, b) becomes an unknown: an identity for any value holds for this
       one.  So again with functions written in others (expm1(a) is exp(a) - 1), as the table says.  Then only the
       choices: it takes the shift of a stable softmax away.
    2  The normal form of a - b is 0.
    3  If it is not: cases by the sign (+, -, 0) of every comparison that is met.  At 0 the unknown is substituted
       where the comparison is linear.  A case that no point satisfies is dropped, by exact elimination (Fourier and
       Motzkin) where its comparisons are linear.
    4  Unknowns of few values (one-hot rows, signs): cases by their values.

Equal means: the same value wherever both are defined and the facts about the unknowns hold.
"""

from __future__ import annotations

import math
from collections.abc import Callable, Collection, Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from fractions import Fraction
from typing import Any

from scratchgrad.certification.exact.assumptions import Assumptions, Choice, linear
from scratchgrad.certification.exact.facts import Facts
from scratchgrad.certification.exact.field import Budget, Exhausted, Field, FinerExponents, Fractional, Undecidable
from scratchgrad.certification.exact.scalar import Graph, Scalar, ordered
from scratchgrad.certification.exact.sorting import rebuilt, sorted_form
from scratchgrad.notation.functions import TABLE

__all__ = ["EVERYWHERE", "OFF_TIES", "Condition", "Proof", "prove"]

EVERYWHERE, OFF_TIES = "everywhere", "off ties"
_CASES = 2000
_ROWS = 400
_PER_NODE = 50

Polynomial = Any


@dataclass
class Proof:
    """What was proven about a pair: `extent` is None where it is undecided, for the reason in `words`.

    `differs` says that there is a case in which the normal forms are not the same.
    """

    extent: str | None
    cases: int = 0
    words: str = ""
    exhausted: bool = False
    differs: bool = False


@dataclass(frozen=True)
class Condition:
    """The sign of a polynomial in the unknowns: terms are factors (a name and its power) and a coefficient."""

    terms: tuple[tuple[tuple[tuple[str, int], ...], float], ...]
    sign: int


Enter = Callable[[Sequence[Condition], bool], str]
"""Why a case in which the formulas differ does not matter, or ""; it has these signs, and perhaps a tie."""


class _Different(Exception):
    """A case in which the normal form is not 0."""


class _Split(Exception):
    """The sign of a polynomial is needed."""

    def __init__(self, polynomial: Polynomial) -> None:
        super().__init__()
        self.polynomial = polynomial


def prove(a: Scalar, b: Scalar, budget: Budget, facts: Facts | None = None, enter: Enter | None = None) -> Proof:
    """Whether a = b wherever the facts hold; `enter` is asked about every case in which the normal forms differ."""
    facts = facts or Facts()
    graph = a.graph
    difference = graph.sub(sorted_form(a), sorted_form(b))
    if difference is graph.zero:
        return Proof(EVERYWHERE, 1)
    attempts = list(_attempts(graph, difference))
    proof = Proof(None)
    for number, attempt in enumerate(attempts):
        last = number == len(attempts) - 1
        share = budget if last else budget.share(1 / 4)
        proof = _attempt(attempt, share, facts, enter if last else None)
        if proof.extent is not None:
            break
    return proof


def _attempts(graph: Graph, difference: Scalar) -> Iterator[Scalar]:
    """The difference, with less and less of it taken as unknown."""
    functions, choices = ("choice", *TABLE), ("choice",)
    plain = _in_known_functions(graph, difference)
    ops = {node.op for node in ordered([difference, plain])}
    if ops & set(TABLE):
        yield _without(graph, difference, functions)
        if plain is not difference:
            yield _without(graph, plain, functions)
    if "choice" in ops:
        yield _without(graph, plain, choices)
    yield plain


def _attempt(difference: Scalar, budget: Budget, facts: Facts, enter: Enter | None) -> Proof:
    try:
        return _Prover(difference, budget, facts, enter).proof()
    except _Different:
        return Proof(None, words="the normal forms differ, and no point shows a difference", differs=True)
    except (Undecidable, RecursionError, MemoryError, ArithmeticError) as error:
        return Proof(None, words=str(error) or type(error).__name__, exhausted=isinstance(error, Exhausted))


def _in_known_functions(graph: Graph, root: Scalar) -> Scalar:
    """The node with every function that the table says in others written in those: expm1(a) is exp(a) - 1."""
    while any(node.op in TABLE and TABLE[node.op].exact is not None for node in ordered([root])):
        made: dict[int, Scalar] = {}
        for node in ordered([root]):
            operands = [made[x.key] for x in node.operands]
            exact = TABLE[node.op].exact if node.op in TABLE else None
            made[node.key] = rebuilt(graph, node, operands) if exact is None else exact(graph, *operands)
        root = made[root.key]
    return root


def _without(graph: Graph, root: Scalar, opaque: Collection[str]) -> Scalar:
    """Every maximal node of these operations as an unknown of its own: an identity for any value holds for this one."""
    made: dict[int, Scalar] = {}
    pending = [root]
    while pending:
        node = pending[-1]
        if node.op in opaque:
            made[node.key] = graph.symbol(f"value {node.key}")
        elif not node.operands:
            made[node.key] = node
        else:
            missing = [x for x in node.operands if x.key not in made]
            if missing:
                pending += missing
                continue
            made[node.key] = rebuilt(graph, node, [made[x.key] for x in node.operands])
        pending.pop()
    return made[root.key]


_Signs = dict[str, tuple[Polynomial, int]]


@dataclass
class _Case:
    """Signs of polynomials, by their text, what is substituted for unknowns, and polynomials that are >= 0, or > 0."""

    signs: _Signs = field(default_factory=dict)
    replaced: dict[int, Polynomial] = field(default_factory=dict)
    bounds: list[tuple[Polynomial, bool]] = field(default_factory=list)
    tied: bool = False

    def at(self, form: Field, place: int, by: Polynomial) -> _Case | None:
        """The case with an unknown substituted; None where that contradicts a sign or a bound."""
        signs = self._resigned(form, place, by)
        bounds: list[tuple[Polynomial, bool]] = []
        for polynomial, strict in self.bounds:
            p = _composed(form, polynomial, place, by)
            if not p.is_constant():
                bounds.append((p, strict))
            elif (p.is_zero() and strict) or (not p.is_zero() and p.leading_coefficient() < 0):
                return None
        if signs is None:
            return None
        replaced = {p: _composed(form, q, place, by) for p, q in self.replaced.items()} | {place: by}
        return _Case(signs, replaced, bounds, self.tied)

    def _resigned(self, form: Field, place: int, by: Polynomial) -> _Signs | None:
        """The signs after a substitution; None where they contradict one another."""
        found: _Signs = {}
        for polynomial, sign in self.signs.values():
            if polynomial is None:
                continue  # it is asked for anew
            p, s = _composed(form, polynomial, place, by), sign
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


class _Prover:
    """One difference, in all cases."""

    def __init__(self, difference: Scalar, budget: Budget, facts: Facts, enter: Enter | None = None) -> None:
        self.difference = difference
        self.enter = enter
        self.excused = ""
        self.budget = budget
        nodes = ordered([difference])
        self.size = len(nodes)
        used = {node.args[0] for node in nodes if node.op == "symbol"}
        names = sorted(facts.related(used))
        self.places: Mapping[str, int] = {name: place for place, name in enumerate(names)}
        self.pi = len(names)
        self.denominator = 1
        self.assumed = Assumptions.of(facts, self.places, Field(self.pi + 1, budget, 1))
        self.positive = [*self.assumed.positive, self.pi]
        self.cases = 0
        self.off_ties = False

    def proof(self) -> Proof:
        """The proof.  Raises _Different or Undecidable."""
        while True:
            self.cases, self.off_ties, self.excused = 0, False, ""
            try:
                self._case(self._first())
            except FinerExponents as error:
                self.denominator = math.lcm(self.denominator, error.denominator)
                if self.denominator > 720:
                    raise Exhausted("exponents with ever finer denominators") from error
                continue
            if self.excused:
                return Proof(None, self.cases, self.excused)
            return Proof(OFF_TIES if self.off_ties else EVERYWHERE, self.cases)

    def _form(self) -> Field:
        form = Field(self.pi + 1, self.budget, self.denominator, self.positive)
        form.nonnegative |= set(self.assumed.nonnegative)
        form.roots_apart = (self.pi,)
        return form

    def _first(self) -> _Case:
        """The case that is the whole domain."""
        form = self._form()
        signs: _Signs = {}
        for polynomial in self.assumed.above:
            c = polynomial.leading_coefficient()
            signs[form.text(polynomial / c)] = (polynomial / c, 1 if c > 0 else -1)
        return _Case(signs, dict(self.assumed.replaced), list(self.assumed.bounds))

    def _case(self, case: _Case) -> None:
        self.budget.spend(_PER_NODE * self.size)
        form = self._form()
        try:
            value = _Forms(form, self.places, self.pi, case).of(self.difference)
        except _Split as split:
            choice = self.assumed.choice(split.polynomial)
            if choice is not None:
                self._chosen(form, case, choice)
                return
            for sign in (1, 0) if form.is_nonnegative(split.polynomial) else (1, -1, 0):
                self._signed(form, case, split.polynomial, sign)
            return
        except Undecidable as error:
            if isinstance(error, Exhausted) or not case.tied:
                raise
            # TRUST: off-ties
            self.off_ties = True
            return
        self.cases += 1
        if self.cases > _CASES:
            raise Exhausted("too many cases")
        if form.vanishes(value) or form.vanishes((self.assumed.reduced(form, value[0]), form.one)):
            return
        choice = self.assumed.choice(value[0])
        if choice is not None:
            self._chosen(form, case, choice)
            return
        excuse = self.enter(self._conditions(case), case.tied) if self.enter is not None else ""
        if case.tied:
            self.off_ties = True
        elif not excuse:
            raise _Different
        else:
            self.excused = excuse

    def _conditions(self, case: _Case) -> list[Condition]:
        """What is true in the case, as far as it is about unknowns alone."""
        form = self._form()
        signs = [(p, sign) for p, sign in case.signs.values() if p is not None]
        signs += [(form.generators[place] - by, 0) for place, by in case.replaced.items()]
        return [Condition(self._terms(p), sign) for p, sign in signs]

    def _terms(self, polynomial: Polynomial) -> tuple[tuple[tuple[tuple[str, int], ...], float], ...]:
        names = {place: name for name, place in self.places.items()}
        return tuple(
            (tuple((names[p], int(e)) for p, e in enumerate(exponents) if e), float(Fraction(int(c.p), int(c.q))))
            for exponents, c in polynomial.to_dict().items()
        )

    def _chosen(self, form: Field, case: _Case, choice: Choice) -> None:
        """The cases in which the unknowns of a choice have one of their few values."""
        for point in choice.points:
            found: _Case | None = case
            for place, value in zip(choice.places, point, strict=True):
                found = None if found is None else found.at(form, place, form.context.constant(value))
            if found is not None:
                self._case(found)

    def _signed(self, form: Field, case: _Case, polynomial: Polynomial, sign: int) -> None:
        """The case in which the polynomial has this sign too, if any point is in it."""
        plain = _is_plain(polynomial, self.pi)
        signs = {**case.signs, form.text(polynomial): (polynomial if plain else None, sign)}
        found: _Case | None = _Case(signs, case.replaced, case.bounds, case.tied or sign == 0)
        solved = _solved(form, polynomial, self.pi) if sign == 0 and plain else None
        if solved is not None and found is not None:
            found = found.at(form, *solved)
        if found is not None and _possible(found, self.positive, self.pi):
            self._case(found)


def _is_plain(polynomial: Polynomial, pi: int) -> bool:
    """Whether it consists of unknowns only: a generator of a function has another place in another case."""
    return not any(degree for place, degree in enumerate(polynomial.degrees()) if place >= pi)


def _solved(form: Field, polynomial: Polynomial, unknowns: int) -> tuple[int, Polynomial] | None:
    """An unknown in which the polynomial is linear with a constant factor, and what it equals where that is 0."""
    for place, degree in enumerate(polynomial.degrees()):
        if degree == 1 and place < unknowns:
            factor = polynomial.derivative(place)
            if factor.is_constant():
                rest = polynomial - factor * form.generators[place]
                return place, -rest / factor.leading_coefficient()
    return None


def _composed(form: Field, polynomial: Polynomial, place: int, by: Polynomial) -> Polynomial:
    if not polynomial.degrees()[place]:
        return polynomial
    return polynomial.compose(*(by if p == place else g for p, g in enumerate(form.generators)), ctx=form.context)


def _possible(case: _Case, positive: Collection[int], pi: int) -> bool:
    """Whether some point may have these signs; exact where all are linear, else True."""
    rows: list[tuple[dict[int, Fraction], Fraction, bool]] = []
    for polynomial, sign in case.signs.values():
        row = None if polynomial is None else linear(polynomial, (pi,))
        if row is not None:
            for way in (1, -1) if sign == 0 else (sign,):
                rows.append(({p: way * q for p, q in row[0].items()}, way * row[1], sign != 0))
    bounds = [(row, strict) for p, strict in case.bounds if (row := linear(p, (pi,))) is not None]
    used = {p for factors, _, _ in rows for p in factors}
    for (factors, constant), strict in bounds:
        if used & set(factors):
            rows.append((factors, constant, strict))
            used |= set(factors)
    rows += [({p: Fraction(1)}, Fraction(0), True) for p in used & set(positive)]
    return _satisfiable(rows)


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


class _Forms:
    """The normal forms of nodes in one case; only the branches that are taken are looked at."""

    def __init__(self, form: Field, places: Mapping[str, int], pi: int, case: _Case) -> None:
        self.field, self.places, self.pi, self.case = form, places, pi, case
        self.known: dict[int, Fractional] = {}

    def of(self, root: Scalar) -> Fractional:
        known = self.known
        pending = [root]
        while pending:
            node = pending[-1]
            if node.key in known:
                pending.pop()
                continue
            wanted = node.operands if node.op != "choice" else self._compared(node.args[0])
            missing = [x for x in wanted if x.key not in known]
            if missing:
                pending += missing
                continue
            if node.op == "choice":
                taken = node.args[1] if self._holds(node.args[0]) else node.args[2]
                if taken.key not in known:
                    pending.append(taken)
                    continue
                known[node.key] = known[taken.key]
            else:
                known[node.key] = self._made(node)
            pending.pop()
        return known[root.key]

    def _compared(self, condition: Scalar) -> list[Scalar]:
        """What must be known before the condition can be decided: comparisons one after the other."""
        if condition.op in ("true", "false"):
            return []
        if condition.op in ("not", "and"):
            return [x for c in condition.args for x in self._compared(c)]
        return [condition.args[0]]

    def _holds(self, condition: Scalar) -> bool:
        op = condition.op
        if op in ("true", "false"):
            return op == "true"
        if op == "not":
            return not self._holds(condition.args[0])
        if op == "and":
            return self._holds(condition.args[0]) and self._holds(condition.args[1])
        sign = self._sign(self.known[condition.args[0].key])
        return {"positive": sign > 0, "nonnegative": sign >= 0, "zero": sign == 0}[op]

    def _sign(self, value: Fractional) -> int:
        return self._sign_of(value[0]) * self._sign_of(value[1])

    def _sign_of(self, p: Polynomial) -> int:
        if p.is_zero():
            return 0
        c = p.leading_coefficient()
        way = 1 if c > 0 else -1
        if p.is_constant() or self.field.is_positive(p) or self.field.is_positive(-p):
            return way if p.is_constant() else 1 if self.field.is_positive(p) else -1
        p = p / c
        known = self.case.signs.get(self.field.text(p))
        if known is None:
            raise _Split(p)
        return way * known[1]

    def _made(self, node: Scalar) -> Fractional:
        form, op = self.field, node.op
        args = [self.known[x.key] for x in node.operands]
        if op == "symbol":
            place = self.places[node.args[0]]
            by = self.case.replaced.get(place)
            return form.generator(place) if by is None else (by, form.one)
        if op == "number":
            return form.number(node.args[0])
        if op == "pi":
            return form.generator(self.pi)
        if op == "add":
            return form.add(*args)
        if op == "mul":
            return form.mul(*args)
        if op == "div":
            return form.mul(args[0], form.inverse(args[1]))
        if op == "power":
            return form.power(args[0], node.args[1])
        if op == "exp":
            return form.exp(args[0])
        if op == "log":
            return form.log(args[0])
        if op == "sqrt":
            return self._root(args[0])
        if op in TABLE:
            return form.opaque(op, *args)
        raise Undecidable(f"no normal form for {op}")

    def _root(self, value: Fractional) -> Fractional:
        """Sqrt; an even power under the root comes out with its sign."""
        form = self.field
        n, d = value
        if n.is_zero():
            return value
        if len(n) <= 60 and len(d) == 1:
            content, factors = n.factor_squarefree()
            if any(times > 1 for _, times in factors):
                outside, inside = form.number(Fraction(1)), (form.context.constant(content), d)
                for factor, times in factors:
                    base: Fractional = (factor, form.one)
                    if times > 1:
                        way = self._sign_of(factor) if (int(times) // 2) % 2 else 1
                        part = form.power(base, int(times) // 2)
                        outside = form.mul(outside, (way * part[0], part[1]))
                    if times % 2:
                        inside = form.mul(inside, base)
                return form.mul(outside, form.root(inside))
        return form.root(value)
