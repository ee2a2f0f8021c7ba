"""The text grammar: `u[i] = Sum(W[i,j]*x[j], j) + b[i]` becomes a Definition.

`;` separates assignments, the last left side is the output.  `T[i,j]` is an element, whose index may be affine
(`x[2*i+k]`, 0 where out of range).  `Sum(e, i, ..)` and `Max(e, i, ..)` run over the whole range of an index, which
may be said there: `Sum(x[i+r], r<3)`.
`delta(i,j)`, `max(a,b,..) min(a,b,..)`, `where(0 < a <= 1 and not b == c, a, b)`, `Inv(A)[i,j] Det(A) LogDet(A)`; `**`
is power, `pi` is pi.  A tensor used as an index is integer-valued.  A name without brackets is a scalar input, the
value of an index in scope, or the size of an axis (`n_i`, or as declared).
Abbreviations are written out: `relu(a)`, `softplus(a)`, `mean(e, i)` for `Sum(e, i)/n_i`, and of named tensors
`dot(x, y)`, `norm(x)`, `tr(A)`.

The functions are those of the table in notation/functions.py: `{functions}`.
`sinc` is sin(pi x)/(pi x), `normcdf` the distribution function of the normal law, `hurwitz(n,a)` the sum of
1/(a + k)^n, which has the derivatives of `digamma`; `round` goes to the even one of two equally near numbers.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence

import sympy as sp

from scratchgrad.domain import REALS
from scratchgrad.notation.definition import Assignment, Definition, Tensor
from scratchgrad.notation.expressions import Expressions
from scratchgrad.notation.functions import listed
from scratchgrad.notation.indices import Index, fresh
from scratchgrad.notation.limits import TooLarge, working
from scratchgrad.notation.mistakes import AssignmentOrder, FreeIndexMissing, RankMismatch, UnknownName, counted
from scratchgrad.notation.names import Names
from scratchgrad.notation.syntax import Node, Statement

__all__ = ["parse"]

__doc__ = (__doc__ or "").format(functions=listed())


@working("reading the definition")
def parse(
    text: str,
    *,
    tensors: str = "",
    ranges: Mapping[str, str | int] | None = None,
    outputs: Sequence[str] | None = None,
    domains: str = "",
    name: str = "",
    complete: bool = False,
    strict: bool = False,
    sizes: Mapping[str, sp.Expr] | None = None,
    options: Mapping[str, int] | None = None,
) -> Definition:
    """The definition that the text writes.

    `tensors` ("x[nB,nN] w[nN]") names the sizes of axes, `ranges` ({"r": "nK"}) the range of an index; an integer is
    a fixed size.  `domains` ("nu>0; p[i]:simplex") says which values inputs may have; `tensors` may say it, too.
    `outputs` names the outputs (default: the last left side).  `complete` says that `tensors` lists every tensor, so
    that another name is an error; `strict`, that a name in `tensors` or `ranges` which the text lacks is one.
    `sizes` are the values of named sizes ({"n_q": 3*n_i}), `options` those of a layer's options.

    Raises the subclasses of NotationError, each pointing at the place: UnbalancedText, UnreadableText, UnknownName,
    IndexSizeConflict, FreeIndexMissing, RankMismatch, AssignmentOrder, TooLarge, DomainMisfit; and UnusedName.
    """
    try:
        names = Names(
            text, tensors, ranges or {}, complete=complete, domains=domains, sizes=sizes or {}, options=options or {}
        )
        if strict:
            names.check_used(ranges or {})
        return _Elaboration(names).definition(outputs, name)
    except RecursionError:
        raise TooLarge("the definition is nested too deeply; name its parts in assignments of their own") from None


class _Elaboration:
    """One text on its way to a Definition."""

    def __init__(self, names: Names) -> None:
        self.names = names
        self.expressions = Expressions(names)

    def definition(self, outputs: Sequence[str] | None, name: str) -> Definition:
        assignments = tuple(map(self.assignment, self.names.statements))
        wanted = list(outputs or [self.names.targets[-1]])
        self.check_outputs(wanted)
        by_name = {a.target.name: a.target for a in assignments}
        inputs = [self.tensor(n) for n in self.names.input_names()]
        if self.names.complete:
            order = list(self.names.declared)
            inputs.sort(key=lambda t: order.index(t.name))
        return Definition(assignments, tuple(inputs), tuple(by_name[o] for o in wanted), name=name)

    def check_outputs(self, wanted: Sequence[str]) -> None:
        """Every output is assigned; where the tensors are all declared, so is nothing else that is declared."""
        lefts = [s.left or s.right for s in self.names.statements]
        for output in wanted:
            if output not in self.names.targets:
                message = f"output {output!r} is never assigned; the left sides are {', '.join(self.names.targets)}"
                raise self.names.error(UnknownName, lefts[-1].place, message)
        for name, left in zip(self.names.targets, lefts, strict=True):
            if self.names.complete and name in self.names.declared and name not in wanted:
                message = f"{name!r} is an input and cannot be assigned; give the result a name of its own"
                raise self.names.error(AssignmentOrder, left.place, message)

    def tensor(self, name: str) -> Tensor:
        """The tensor with the letters that the text uses first, one for each axis."""
        taken: set[str] = set()
        chosen: list[Index] = []
        letters = self.names.first_letters(name)
        for position in range(self.names.rank.get(name, 0)):
            size = self.names.ranges.size_of((name, position))
            letter = letters[position]
            index = fresh(Index(letter or "i", size), taken if letter else taken | set(self.names.letters))
            taken.add(index.name)
            chosen.append(index)
        return Tensor(name, tuple(chosen), self.names.domains.get(name, REALS))

    def assignment(self, statement: Statement) -> Assignment:
        if statement.left is None:
            free = self.names.free_letters(statement.right)
            target = Tensor("out", tuple(self.expressions.index(letter, self.names.letters[letter]) for letter in free))
        else:
            target = self.left(statement.left)
        scope = {i.name: i for i in target.indices}
        return Assignment(target, self.expressions.value(statement.right, scope))

    def left(self, node: Node) -> Tensor:
        seen: list[str] = []
        for index in node.arguments:
            self.names.check_letter(index.value, index.place)
            if index.kind != "name" or index.value not in self.names.letters or index.value in seen:
                raise self.names.error(
                    FreeIndexMissing,
                    index.place,
                    f"the left side takes distinct bare indices, such as {node.value}[i,j]",
                )
            seen.append(index.value)
        if node.kind == "name":
            self.names.note_rank(node.value, 0, node.place)
        if (
            self.names.complete
            and node.value in self.names.declared
            and len(seen) != len(self.names.declared[node.value])
        ):
            has = counted(len(self.names.declared[node.value]), "axis", "axes")
            raise self.names.error(
                RankMismatch, node.place, f"{node.value} has {has}, here {counted(len(seen), 'index', 'indices')}"
            )
        return Tensor(node.value, tuple(self.expressions.index(letter, node.place) for letter in seen))
