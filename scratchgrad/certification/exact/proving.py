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
    5  Where that takes too long, and a - b is linear in upstream gradients: the same for each of them alone.

Equal means: the same value wherever both are defined and the facts about the unknowns hold.
"""

from __future__ import annotations

import math
from collections.abc import Callable, Collection, Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from fractions import Fraction
from typing import Any

from scratchgrad.certification.exact.assumptions import Assumptions, Choice
from scratchgrad.certification.exact.budget import Budget, Exhausted, FinerExponents, Undecidable
from scratchgrad.certification.exact.case_forms import Forms, Split
from scratchgrad.certification.exact.cases import Case, Signs
from scratchgrad.certification.exact.facts import Facts
from scratchgrad.certification.exact.field import Field
from scratchgrad.certification.exact.linear_parts import linear_parts
from scratchgrad.certification.exact.scalar import Graph, Scalar, ordered
from scratchgrad.certification.exact.sorting import rebuilt, sorted_form
from scratchgrad.notation.functions import TABLE

__all__ = ["EVERYWHERE", "OFF_TIES", "Condition", "Enter", "Proof", "prove"]

EVERYWHERE, OFF_TIES = "everywhere", "off ties"
_CASES = 2000
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


def prove(
    a: Scalar,
    b: Scalar,
    budget: Budget,
    facts: Facts | None = None,
    *,
    linear_in: Collection[str] = (),
    enter: Enter | None = None,
) -> Proof:
    """Whether a = b wherever the facts hold.

    `linear_in` names symbols in which the difference may be taken apart; `enter` is asked about every case in which the
    normal forms differ.
    """
    facts = facts or Facts()
    graph = a.graph
    difference = graph.sub(sorted_form(a), sorted_form(b))
    if difference is graph.zero:
        return Proof(EVERYWHERE, 1)
    parts = linear_parts(difference, linear_in)
    if parts is None:
        return _proof(difference, budget, facts, enter)
    proof = _proof(difference, budget.share(3 / 4), facts, enter)
    return _together(parts, budget, facts, enter) if proof.exhausted else proof


def _together(parts: Iterable[Scalar], budget: Budget, facts: Facts, enter: Enter | None) -> Proof:
    """Whether all the parts are 0; the first that is undecided says why."""
    whole = Proof(EVERYWHERE)
    for part in parts:
        proof = _proof(sorted_form(part), budget, facts, enter)
        if proof.extent is None:
            return proof
        whole.cases += proof.cases
        whole.extent = OFF_TIES if OFF_TIES in (whole.extent, proof.extent) else EVERYWHERE
    return whole


def _proof(difference: Scalar, budget: Budget, facts: Facts, enter: Enter | None) -> Proof:
    attempts = list(_attempts(difference.graph, difference))
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
    except (Undecidable, RecursionError, MemoryError) as error:
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

    def _first(self) -> Case:
        """The case that is the whole domain."""
        form = self._form()
        signs: Signs = {}
        for polynomial in self.assumed.above:
            c = polynomial.leading_coefficient()
            signs[form.text(polynomial / c)] = (polynomial / c, 1 if c > 0 else -1)
        return Case(signs, dict(self.assumed.replaced), list(self.assumed.bounds))

    def _case(self, case: Case) -> None:
        self.budget.spend(_PER_NODE * self.size)
        form = self._form()
        try:
            value = Forms(form, self.places, self.pi, case).of(self.difference)
        except Split as split:
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

    def _conditions(self, case: Case) -> list[Condition]:
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

    def _chosen(self, form: Field, case: Case, choice: Choice) -> None:
        """The cases in which the unknowns of a choice have one of their few values."""
        for point in choice.points:
            found: Case | None = case
            for place, value in zip(choice.places, point, strict=True):
                found = None if found is None else found.at(form, place, form.context.constant(value))
            if found is not None:
                self._case(found)

    def _signed(self, form: Field, case: Case, polynomial: Polynomial, sign: int) -> None:
        """The case in which the polynomial has this sign too, if any point is in it."""
        plain = _is_plain(polynomial, self.pi)
        signs = {**case.signs, form.text(polynomial): (polynomial if plain else None, sign)}
        found: Case | None = Case(signs, case.replaced, case.bounds, case.tied or sign == 0)
        solved = _solved(form, polynomial, self.pi) if sign == 0 and plain else None
        if solved is not None and found is not None:
            found = found.at(form, *solved)
        if found is not None and found.possible(self.positive, self.pi):
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
