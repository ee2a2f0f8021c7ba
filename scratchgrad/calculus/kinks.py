"""The kinks of a definition: where each one is, the convention there, and what is true of the outputs there.

    |u[i]|                  at 0                        its derivative is taken as 0
    max(a, b)               where a = b                 each counts one half; against a constant, 0
    Max(x[i], i)            where the largest tie       they share evenly
    floor(u[i])             at whole numbers            its derivative is taken as 0
    where(u[i] > 0, a, b)   where u[i] = 0              the branch that forward takes
    sqrt(x), x**(2/3)       at 0                        none: its derivative is infinite

`differentiate` follows these conventions.  A kink belongs to a node, and what it does to the outputs is another
question: u/(1 + |u|) has the derivative 1 at 0 (see one_sided).  A condition between indices, or on whole numbers, is
no kink; log 0 and the inverse of a singular matrix are none either: there the definition has no value.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator
from dataclasses import dataclass
from typing import Any

import sympy as sp
from sympy.core.relational import Relational

from scratchgrad.calculus.derivation import Derivation
from scratchgrad.calculus.differentiate import DerivationStuck, differentiate
from scratchgrad.calculus.one_sided import Surroundings, Whole
from scratchgrad.calculus.places import distinct
from scratchgrad.notation.binding import bound, free_indices, rebuild, tensor_name, tensors_in
from scratchgrad.notation.definition import Definition, Tensor
from scratchgrad.notation.elementary import derivatives, row_of
from scratchgrad.notation.nodes import Indicator, Maximum, MaxOver, Minimum, Where
from scratchgrad.notation.text import to_text

__all__ = ["Kink", "Phrase", "kink_line", "kinks"]

_MOST = 12
"""How many kinks of one definition are looked at numerically; of further ones only the place is said."""

Show = Callable[[sp.Basic], str]


@dataclass(frozen=True)
class Phrase:
    """Words in which `{}` stands for mathematics, which everyone typesets in his own way."""

    words: str
    formulas: tuple[sp.Basic, ...] = ()

    def said(self, show: Show) -> str:
        """The words with their formulas as `show` writes them."""
        return self.words.format(*map(show, self.formulas))


@dataclass(frozen=True)
class Kink:
    """One kink: the node that has it, in which assignment, the place where it is, and the convention there."""

    node: sp.Expr
    target: Tensor
    place: sp.Expr
    """What is 0 there; the maximum itself, whose largest values tie there."""

    where: Phrase
    """The place in words, without the node."""

    convention: Phrase
    whole: Whole
    several: bool = False
    """Whether the definition has several outputs."""

    @property
    def real(self) -> bool:
        """Whether the outputs may have no derivative there."""
        return self.whole.verdict not in ("differentiable", "unreached")

    def sentences(self, show: Show) -> str:
        """Where the kink is, the convention, and what is true of the outputs there."""
        inside = self.target.element if isinstance(self.node, (Where, Indicator)) else self.node
        stated = f"In {show(inside)}, {self.where.said(show)}, {self.convention.said(show)}."
        return " ".join([stated, *self._whole(show)])

    def __str__(self) -> str:
        """The same in the text grammar."""
        return self.sentences(to_text)

    def line(self, show: Show) -> str:
        """Where the kink is and the convention: what a data sheet has room for."""
        inside = "" if isinstance(self.node, (Where, Indicator)) else f"in {show(self.node)}, "
        jump = "a jump: " if self.whole.verdict == "jump" else ""
        return f"{inside}{self.where.said(show)}, {jump}{self.convention.said(show)}"

    def _whole(self, show: Show) -> Iterator[str]:
        verdict, derivative, formula = self.whole.verdict, self.whole.derivative, self.whole.formula
        outputs = "outputs" if self.several else "output"
        if verdict == "jump":
            yield f"The {outputs} jump{'' if self.several else 's'} there: a jump has no derivative."
        elif verdict == "infinite":
            yield f"The slope of the {outputs} is infinite there."
        elif verdict == "differentiable":
            value = f", with derivative {show(derivative)}" if derivative is not None and self._one else ""
            but = ", which the formula does not give" if formula is False else ""
            alone = ", where no other kink meets this one" if self.whole.alone else ""
            are = "are" if self.several else "is"
            yield f"The {outputs} {are} differentiable there all the same{alone}{value}{but}."

    @property
    def _one(self) -> bool:
        """Whether the place is one element of a tensor, with respect to which a derivative can be said."""
        return len(list(tensors_in(self.place))) == 1 and _linear(self.place) is not None


def kinks(definition: Definition, derivation: Derivation | None = None) -> list[Kink]:
    """The kinks of a definition, in order; `derivation` saves deriving its gradients again.

    What lies where the definition has no value, or where no input leads to (the root of x**2 + 1), is left out.
    """
    found = [
        (assignment.target, node, place, where, convention)
        for assignment in definition.assignments
        for node, place, where, convention in _nodes(assignment.right)
    ]
    around = Surroundings(definition, derivation) if found else None
    known: dict[sp.Expr, Whole] = {}
    result = []
    for target, node, place, where, convention in found:
        if place not in known:
            looked = around if len(known) < _MOST else None
            known[place] = looked.joined(_repeated(node, place)) if looked is not None else Whole("undecided")
        if known[place].verdict == "undefined" or (known[place].verdict == "unreached" and convention is _INFINITE):
            continue
        result.append(Kink(node, target, place, where, convention, known[place], len(definition.outputs) > 1))
    return result


def kink_line(found: Iterable[Kink], show: Show) -> str:
    """The kinks and jumps of the outputs in one line, "none" where there are none: what a data sheet says."""
    return "; ".join(dict.fromkeys(kink.line(show) for kink in found if kink.real)) or "none"


_Found = tuple[sp.Expr, sp.Expr, Phrase, Phrase]
_INFINITE = Phrase("its derivative is infinite, and no convention replaces it")
_NONE = Phrase("its derivative is taken as {}", (sp.Integer(0),))


def _nodes(e: sp.Expr) -> Iterator[_Found]:
    """Every node of e that has a kink (each once), with its place in two forms, and its convention."""
    wholes = _wholes(e)
    seen: set[tuple[sp.Basic, sp.Expr]] = set()
    for node in distinct(e):
        rule = next((rule for kind, rule in _RULES.items() if isinstance(node, kind)), _of_function)
        for one in rule(node, wholes):
            if _moves(one[1]) and one[:2] not in seen:
                seen.add(one[:2])
                yield one


def _wholes(e: sp.Expr) -> set[sp.Expr]:
    """What is the whole right side, or every term of its sum, or a case of that: its derivative is the output's own."""
    found: set[sp.Expr] = set()
    pending = [e]
    while pending:
        here = pending.pop()
        while isinstance(here, sp.Sum):
            here = here.function
        if here not in found:
            found.add(here)
            pending += here.args[1:] if isinstance(here, Where) else ()
    return found


def _moves(place: sp.Expr) -> bool:
    """Whether a real-valued tensor can bring the place about: indices and whole numbers have no slope."""
    return any(not t.is_integer for t in tensors_in(place))


def _of_function(node: sp.Expr, wholes: set[sp.Expr]) -> Iterator[_Found]:
    """The kinks that the table says, of a function with one argument."""
    row = row_of(node)
    if row is not None and row.kink is not None:
        words, at = row.kink
        (value,) = derivatives(row, (sp.Rational(at),))
        convention = Phrase("its derivative is taken as {}", (value,))
        yield node, node.args[0] - sp.Rational(at), Phrase(words, (sp.Rational(at),)), convention


def _repeated(node: sp.Expr, place: sp.Expr) -> list[sp.Expr]:
    """The place; with some others where the table names many at once: the whole numbers, for floor."""
    row = row_of(node)
    many = row is not None and row.kink is not None and "{}" not in row.kink[0]
    return [place, place - 1, place + 2] if many else [place]


def _extreme(node: sp.Expr, wholes: set[sp.Expr]) -> Iterator[_Found]:
    a, b = node.args
    both = all(next(tensors_in(side), None) is not None for side in node.args)
    convention = Phrase("each of the two counts one half") if both else _NONE
    yield node, a - b, Phrase("where {}", (sp.Eq(a, b, evaluate=False),)), convention


def _largest(node: sp.Expr, wholes: set[sp.Expr]) -> Iterator[_Found]:
    yield node, node, Phrase("where several are the largest"), Phrase("they share the derivative evenly")


def _where(node: sp.Expr, wholes: set[sp.Expr]) -> Iterator[_Found]:
    condition, then, otherwise = (*node.args, sp.Integer(1), sp.Integer(0))[:3]
    for relation in sorted(condition.atoms(Relational), key=sp.default_sort_key):
        place = relation.lhs - relation.rhs
        where = Phrase("where {}", (sp.Eq(*relation.args, evaluate=False),))
        convention = Phrase("the derivative of the case that forward takes counts")
        if relation == condition:
            strict = isinstance(relation, (sp.StrictGreaterThan, sp.StrictLessThan, sp.Ne))
            words, value = _of_branch(otherwise if strict else then, place)
            start = (
                "the derivative is taken as"
                if node in wholes
                else "the derivative of the case that forward takes counts:"
            )
            convention = Phrase(f"{start} {words}", (value,))
        yield node, place, where, convention


def _of_branch(branch: sp.Expr, place: sp.Expr) -> tuple[str, sp.Expr]:
    """The derivative of the branch that is taken: its value where it can be given."""
    if next(tensors_in(branch), None) is None:
        return "{}", sp.Integer(0)
    t = _linear(place)
    value = _derivative_at(branch, t, place) if t is not None else None
    return ("{}", value) if value is not None else ("that of {}", branch)


def _linear(place: sp.Expr) -> sp.Expr | None:
    """The one tensor element that the place is linear in, with numbers beside it; None where there is no such."""
    elements = list(tensors_in(place))
    if len(elements) != 1 or place.has(sp.Sum, MaxOver):
        return None
    slope = place.coeff(elements[0])
    rest = place - slope * elements[0]
    return elements[0] if slope.is_number and slope != 0 and rest.is_number else None


def _derivative_at(branch: sp.Expr, t: sp.Expr, place: sp.Expr) -> sp.Expr | None:
    """The derivative of the branch with respect to the element t where the place is 0."""
    others = [s for s in tensors_in(branch) if s != t and tensor_name(s) == tensor_name(t)]
    if others or any(set(bound(n)) & set(free_indices(t)) for n in sp.preorder_traversal(branch)):
        return None
    alone = Tensor("t_", ())

    def replaced(e: sp.Basic, by: sp.Expr, old: sp.Basic) -> Any:
        return by if e == old else rebuild(e, lambda child: replaced(child, by, old)) if e.args else e

    zero = -(place - place.coeff(t) * t) / place.coeff(t)
    try:
        slope = differentiate(replaced(branch, alone.element, t), alone, ())
        value = sp.sympify(replaced(slope, zero, alone.element))
    except (DerivationStuck, TypeError, ValueError):
        return None
    return value if not value.has(sp.nan, sp.oo, sp.zoo, Indicator) else None


def _root(node: sp.Expr, wholes: set[sp.Expr]) -> Iterator[_Found]:
    base, exponent = node.args
    if exponent.is_Rational and 0 < exponent < 1:
        yield node, base, Phrase("at {}", (sp.Integer(0),)), _INFINITE


_RULES: dict[type, Callable[[Any, set[sp.Expr]], Iterator[_Found]]] = {
    Maximum: _extreme,
    Minimum: _extreme,
    MaxOver: _largest,
    Where: _where,
    Indicator: _where,
    sp.Pow: _root,
}
