"""The normal forms of nodes in one case of a proof.

In   nodes with comparisons; the signs that the case assumes
Out  their normal forms, each choice decided; or Split, where the case does not say a sign that is needed
"""

from __future__ import annotations

from collections.abc import Mapping
from fractions import Fraction
from typing import Any

from scratchgrad.certification.exact.budget import Undecidable
from scratchgrad.certification.exact.cases import Case
from scratchgrad.certification.exact.field import Field, Fractional
from scratchgrad.certification.exact.scalar import Scalar
from scratchgrad.notation.functions import TABLE

__all__ = ["Forms", "Split"]

Polynomial = Any


class Split(Exception):
    """The sign of a polynomial is needed."""

    def __init__(self, polynomial: Polynomial) -> None:
        """The case has to be split by the sign of this one."""
        super().__init__()
        self.polynomial = polynomial


class Forms:
    """The normal forms of nodes in one case; only the branches that are taken are looked at."""

    def __init__(self, form: Field, places: Mapping[str, int], pi: int, case: Case) -> None:
        """`places` are the unknowns' among the field's generators, `pi` that of pi."""
        self.field, self.places, self.pi, self.case = form, places, pi, case
        self.known: dict[int, Fractional] = {}
        for polynomial, sign in case.signs.values():
            if polynomial is not None and sign:
                form.sure(polynomial, sign)
        for polynomial, strict in case.bounds:
            if strict:
                form.sure(polynomial, 1)

    def of(self, root: Scalar) -> Fractional:
        """The normal form of a node.  Raises Split, or Undecidable."""
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
        sign = way if p.is_constant() else self.field.sign(p)
        if sign:
            return sign
        p = p / c
        known = self.case.signs.get(self.field.text(p))
        if known is None:
            raise Split(p)
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
