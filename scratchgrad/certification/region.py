"""For which values of its inputs a specification is examined, and why for these.

In   a Specification; perhaps examples
Out  Region: a domain for every input that is differentiated, and for each that is narrower than all reals the reason

    declared      in the signature, or in domains=
    needed        an input that stands bare in a function has the function's domain: log(p[i]) needs p > 0, also in a
                  simplex
    as examples   what all the examples have in common, where nothing is declared; that numbers are positive, or
                  0 and 1, only where the definition has no value elsewhere

Undeclared means all real numbers.  Where a definition has no finite value, nothing can be compared.
"""

from __future__ import annotations

import contextlib
from collections.abc import Callable, Iterable, Iterator, Mapping
from dataclasses import dataclass, field
from typing import Any

import numpy as np
import sympy as sp

from scratchgrad.certification.specification import ExampleMismatch, Specification
from scratchgrad.domain import REALS, Domain, DomainError
from scratchgrad.membership import outside
from scratchgrad.notation.binding import is_tensor, operands, tensor_name
from scratchgrad.notation.definition import Definition
from scratchgrad.notation.elementary import row_of
from scratchgrad.notation.nodes import Indicator, Where
from scratchgrad.notation.text import to_text

__all__ = ["Region", "conditions_of", "domain_of", "region_of"]

_SEVERAL = 3
_WIDENED = (Domain.parse(">0"), Domain.parse(">=0"), Domain.parse(":binary"))
_POSITIVE, _NONNEGATIVE, _BINARY = _WIDENED
_INTERVALS = (Domain.parse(":probability"), Domain.parse(" in (-1,1)"), Domain.parse(" in [-1,1]"))
"""Domains that end on both sides, which examples may have: tried where the definition has no value elsewhere."""

Array = Any


def conditions_of(definition: Definition | None) -> list[str]:
    """What functions ask of terms that are no bare inputs: 2*u[i] in (-1,1) for asin(2*u[i])."""
    found: dict[str, None] = {}
    for assignment in definition.assignments if definition is not None else ():
        for argument, domain in _argued(assignment.right):
            known = {_POSITIVE: argument.is_positive, _NONNEGATIVE: argument.is_nonnegative}.get(domain)
            if not known and not is_tensor(argument):
                found[domain.said_of(to_text(argument))] = None
    return list(found)


def _argued(e: sp.Basic) -> Iterator[tuple[sp.Expr, Domain]]:
    """Every argument of a function that has a domain, and the domain; not where a condition chooses."""
    if isinstance(e, Where) or (isinstance(e, sp.Mul) and e.has(Indicator)):
        return
    yield from _asked(e)
    for child in operands(e):
        yield from _argued(child)


@dataclass
class Region:
    """The domain of every differentiated input, and the reason for each that is not all reals."""

    domains: dict[str, Domain]
    reasons: dict[str, str] = field(default_factory=dict)

    def narrowed(self) -> dict[str, Domain]:
        """The domains that are not all reals."""
        return {name: domain for name, domain in self.domains.items() if not domain.is_reals}

    def words(self) -> str:
        """The values in words: all real values with nu > 0, y one-hot."""
        said = ", ".join(domain.said_of(name) for name, domain in self.narrowed().items())
        return f"all real values{f' with {said}' if said else ''}"

    def sentences(self) -> list[str]:
        """Why inputs are restricted that nobody has restricted."""
        return [
            f"{self.domains[name].said_of(name)}: {reason}"
            for name, reason in self.reasons.items()
            if not self.domains[name].is_reals
        ]

    def evidence(self) -> dict[str, str]:
        """What a certificate records: the domains as a signature writes them."""
        return {name: str(domain).strip() for name, domain in self.narrowed().items()}


def region_of(
    specification: Specification,
    examples: Iterable[Mapping[str, Array]],
    finite: Callable[[dict[str, Domain]], bool],
) -> Region:
    """The region of a specification; `finite` says whether it has finite values with other domains.

    Positive examples, or zeros and ones, may be an accident: where the definition has values elsewhere, too, it is
    examined there.
    Raises ExampleMismatch where an example lies outside its declared domain.
    """
    declared = {role.name: role.tensor.domain for role in specification.differentiable}
    arrays = list(examples)
    for name, domain in declared.items():
        for array in arrays:
            wrong = outside(domain, array[name])
            if wrong is not None:
                raise ExampleMismatch(f"the example of {name} lies outside its domain {name}{domain}: got {wrong}")
    if not arrays:
        needed = _needed(specification.definition) if specification.definition is not None else {}
        region = Region(declared)
        for name, (domain, where) in needed.items():
            with contextlib.suppress(DomainError):  # such as one-hot rows under a logarithm: they are what is declared
                both = declared[name] & domain
                if both != declared[name]:
                    region.domains[name], region.reasons[name] = both, f"{where} has no value elsewhere"
        return region
    seen = {n: domain_of(e[n] for e in arrays) if d.is_reals else d for n, d in declared.items()}
    wide = {n: REALS if seen[n] in _WIDENED and declared[n].is_reals else seen[n] for n in seen}
    one_sided = {n for n, d in seen.items() if declared[n].is_reals and d in (REALS, _POSITIVE, _NONNEGATIVE)}
    within = {n: (_interval(e[n] for e in arrays) or d) if n in one_sided else d for n, d in seen.items()}
    tries = (wide, seen, {n: within[n] if n in one_sided else wide[n] for n in seen}, within)
    chosen = next((domains for domains in tries if finite(domains)), seen)
    return Region(chosen, {n: "so are the examples" for n, d in declared.items() if d.is_reals})


def _interval(examples: Iterable[Array]) -> Domain | None:
    """The first of the intervals that holds all the examples; None where none does."""
    arrays = [np.asarray(a, dtype=np.float64) for a in examples]
    return next((d for d in _INTERVALS if all(outside(d, a) is None for a in arrays)), None)


# TRUST: domain-of-examples
def domain_of(examples: Iterable[Array]) -> Domain:
    """The narrowest domain that holds all the examples; a single zero or sign says nothing beyond itself."""
    arrays = [np.asarray(a, dtype=np.float64) for a in examples]
    every = set(np.unique(np.concatenate([a.ravel() for a in arrays])).tolist()) if arrays else set()
    several = sum(a.size for a in arrays) > _SEVERAL
    if every == {-1.0, 1.0} and several:
        return Domain.parse(":sign")
    if any(v < 0 for v in every):
        return REALS
    if all(a.ndim and a.shape[-1] > 1 and np.allclose(a.sum(axis=-1), 1, atol=1e-6) for a in arrays):
        return Domain.parse(":onehot" if every == {0.0, 1.0} else ":simplex")
    if every == {0.0, 1.0} and several:
        return Domain.parse(":binary")
    return _NONNEGATIVE if 0.0 in every else _POSITIVE


# TRUST: domain-of-functions
def _needed(definition: Definition) -> dict[str, tuple[Domain, str]]:
    """The domains of the functions in which inputs stand bare, with the term; not where a condition chooses."""
    inputs = {tensor.name for tensor in definition.inputs}
    found: dict[str, tuple[Domain, str]] = {}
    for assignment in definition.assignments:
        for argument, domain, term in _bare(assignment.right):
            name = tensor_name(argument)
            if name not in inputs:
                continue
            known = found.get(name, (REALS, ""))
            try:
                both = known[0] & domain
            except DomainError:  # no number is in both: the definition has no value, whatever is chosen
                continue
            if both != known[0]:
                found[name] = both, to_text(term)
    return found


def _bare(e: sp.Basic) -> Iterator[tuple[sp.Expr, Domain, sp.Basic]]:
    """Every tensor element that is a function's whole argument, the function's domain, and the term."""
    if isinstance(e, Where) or (isinstance(e, sp.Mul) and e.has(Indicator)):
        return
    for argument, domain in _asked(e):
        if is_tensor(argument):
            yield argument, domain, e
    for child in operands(e):
        yield from _bare(child)


def _asked(e: sp.Basic) -> list[tuple[sp.Expr, Domain]]:
    """The real arguments of a function, or the base of a power that is no whole number, and where values are finite."""
    if isinstance(e, sp.Pow) and not e.exp.is_integer:
        return [(e.base, _NONNEGATIVE if e.exp.is_positive else _POSITIVE)]
    row = row_of(e)
    if row is None or not row.domain:
        return []
    return [(argument, Domain.parse(row.domain)) for argument in e.args[len(row.orders) :]]
