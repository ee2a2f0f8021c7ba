"""From a definition to the gradient of J with respect to each of its tensors, step by step.

    chain rule          grad_W[i,j] = Sum_k grad_u[k] * du[k]/dW[i,j]
    local partial       du[k]/dW[i,j] = delta(k,i) * x[j]           (its own steps: insert, differentiate, sift, name)
    sifting             grad_W[i,j] = grad_u[i] * x[j]

The assignments are run backwards, one gradient for each intermediate, summed over its consumers (reverse accumulation).
An output that is also used inside the layer has the total gradient bar_o: what arrives from outside, plus what
comes back from inside.  The result is the value of the last step.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Callable
from dataclasses import dataclass
from functools import cached_property

import sympy as sp

from scratchgrad.calculus import rules
from scratchgrad.calculus.canonical import tidy
from scratchgrad.calculus.chosen import ChosenElement, choose
from scratchgrad.calculus.differentiate import DerivationStuck, depends_on, differentiate
from scratchgrad.calculus.naming import name_values
from scratchgrad.calculus.sifting import inside, pull_out, sift
from scratchgrad.calculus.signs import Signs
from scratchgrad.calculus.steps import Rule, Step
from scratchgrad.calculus.vanishing import vanish
from scratchgrad.notation.binding import (
    NO_NUMBERS,
    free_indices,
    index_names,
    kinds,
    rebuild,
    rename_bound,
    replace_tensors,
    substitute,
    sum_over,
    tensor_name,
    tensors_in,
)
from scratchgrad.notation.definition import Assignment, Definition, Tensor
from scratchgrad.notation.indices import Index, fresh
from scratchgrad.notation.limits import check_size, task
from scratchgrad.notation.nodes import Partial
from scratchgrad.notation.text import to_text

__all__ = ["Derivation", "ElementForm", "UnknownTensor"]


class UnknownTensor(KeyError):
    """A gradient was asked for with respect to something that is no tensor of the definition."""

    def __str__(self) -> str:
        """The message itself, not its repr."""
        return str(self.args[0])


@dataclass(frozen=True)
class ElementForm:
    """The gradient of J with respect to one tensor, in element form, with the steps that led there."""

    tensor: Tensor
    target: sp.Expr
    steps: tuple[Step, ...]
    chosen: ChosenElement | None
    local: sp.Expr
    """The same gradient in terms of the whole gradients of the assignments that consume the tensor."""

    @property
    def element(self) -> sp.Expr:
        """The value of the last step: dJ/dT at the tensor's own indices."""
        return sp.sympify(self.steps[-1].after) if self.steps else sp.Integer(0)

    @property
    def indices(self) -> tuple[Index, ...]:
        """The free indices of the element form, one for each axis of the tensor."""
        return self.tensor.indices


class Derivation:
    """All gradients of a definition, each derived when it is first asked for."""

    def __init__(self, definition: Definition) -> None:
        """The derivation of `definition`."""
        self.definition = definition
        self.signs = Signs(a.right for a in definition.assignments)
        self._forms: dict[str, ElementForm] = {}

    @cached_property
    def differentiable(self) -> tuple[str, ...]:
        """The inputs that are real-valued, in order."""
        return tuple(t.name for t in self.definition.inputs if not t.integer)

    def __getitem__(self, name: str) -> ElementForm:
        """The gradient of J with respect to the input or intermediate `name`; UnknownTensor for anything else."""
        tensor = self.definition.tensors.get(name)
        if tensor is None or tensor.integer:
            known = ", ".join(self.differentiable)
            there = f"the differentiable inputs are {known}" if known else "the definition has no differentiable input"
            raise UnknownTensor(f"no gradient with respect to {name!r}; {there}")
        if name not in self._forms:
            with task(f"deriving the gradient with respect to {name}"):
                self._forms[name] = self._derive(tensor)
        return self._forms[name]

    def local(self, name: str) -> sp.Expr:
        """The gradient with respect to `name` in terms of the whole gradients of the assignments that consume it.

        What a paper prints, one line for each value that forward computes: dP = dO V', then dS in terms of dP.
        """
        form = self[name]
        taken = {i.name for i in form.indices}
        tidied = tidy(form.local, taken, self.signs)
        named = _pull_all(name_values(tidied, self.definition.assignments))
        return tidied if named == tidied else tidy(named, taken, self.signs)

    @property
    def sweep(self) -> tuple[str, ...]:
        """The tensors whose gradients backward computes, in its order: from the last assignment back, then inputs."""
        given = {o.name for o in self.definition.outputs}
        assigned = [a.target for a in reversed(self.definition.assignments)]
        inner = [t.name for t in assigned if t.name not in given or self.adjoint(t).name.startswith("bar_")]
        return (*inner, *self.differentiable)

    def adjoint(self, target: Tensor) -> Tensor:
        """The tensor that stands for the whole gradient of J with respect to an assigned tensor."""
        given = target in self.definition.outputs
        inside = any(depends_on(a.right, target.name) for a in self.definition.assignments)
        return Tensor(f"{'bar' if given and inside else 'grad'}_{target.name}", target.indices)

    def _consumers(self, name: str) -> tuple[Assignment, ...]:
        return tuple(a for a in self.definition.assignments if depends_on(a.right, name))

    def _derive(self, tensor: Tensor) -> ElementForm:
        recorder = _Recorder(
            _at(tensor.gradient) if self.definition.assignment(tensor.name) is None else _at(self.adjoint(tensor))
        )
        consumers = self._consumers(tensor.name)
        terms: list[sp.Expr] = [_at(tensor.gradient)] if tensor in self.definition.outputs else []
        partials: dict[sp.Expr, Step] = {}
        for consumer in consumers:
            term, partial, step = self._chain(tensor, consumer)
            terms.append(term)
            partials[partial] = step
        chosen = choose(self.definition, tensor, consumers, self.adjoint) if consumers else None
        self._chain_step(recorder, tensor, consumers, sp.Add(*terms))
        if partials:
            recorder.apply(
                rules.DIFFERENTIATE,
                lambda e: _insert(e, {p: sp.sympify(s.after) for p, s in partials.items()}),
                "Insert the local partial" + ("s" if len(partials) > 1 else "") + ".",
                tuple(partials.values()),
            )
        local = self._finish(recorder, tensor)
        return ElementForm(tensor, recorder.start, tuple(recorder.steps), chosen, local)

    def _chain_step(
        self, recorder: _Recorder, tensor: Tensor, consumers: tuple[Assignment, ...], after: sp.Expr
    ) -> None:
        summed = any(isinstance(t, sp.Sum) for t in sp.Add.make_args(after)) or len(consumers) > 1
        names = " and ".join(f"${a.target.name}$" for a in consumers)
        if tensor in self.definition.outputs:
            words = f"What arrives from outside, plus what comes back through {names}." if consumers else "Given."
            recorder.apply(rules.ADJOINT, lambda _: after, words)
        elif not consumers:
            recorder.apply(rules.MULTIVARIATE_CHAIN, lambda _: sp.Integer(0), "Nothing depends on it.")
        elif summed:
            recorder.apply(rules.MULTIVARIATE_CHAIN, lambda _: after, f"Every element of {names} may depend on it.")
        else:
            words = "It stands in $J$ itself." if names == "$J$" else f"It acts on $J$ through {names} alone."
            recorder.apply(rules.CHAIN, lambda _: after, words)

    def _chain(self, tensor: Tensor, consumer: Assignment) -> tuple[sp.Expr, sp.Expr, Step]:
        """One consumer's term of the chain rule, its opaque partial, and the derivation of that partial."""
        taken = {i.name for i in tensor.indices}
        by: dict[Index, sp.Expr] = {}
        for index in consumer.target.indices:
            new = fresh(index, taken)
            taken.add(new.name)
            by[index] = new
        at = tuple(by[i] for i in consumer.target.indices)
        output = _place(consumer.target, at)
        partial = Partial(output, tensor.element)
        adjoint = _place(self.adjoint(consumer.target), at)
        term = sum_over(adjoint * partial, *(i for i in at if isinstance(i, Index)))
        return term, partial, self._local(tensor, consumer, at, partial)

    def _local(self, tensor: Tensor, consumer: Assignment, at: tuple[sp.Expr, ...], partial: sp.Expr) -> Step:
        """The local partial of a consumer's element with respect to the tensor's own element."""
        letters = {i.name for i in tensor.indices}
        inner = _Recorder(partial)
        right = rename_bound(consumer.at(at), letters)
        inner.apply(rules.FORWARD, lambda _: Partial(right, tensor.element), "Insert the forward equation.")
        try:
            differentiated = differentiate(sp.sympify(right), tensor, tensor.indices)
        except DerivationStuck as stuck:
            where = f"the local partial of {to_text(consumer.left)} with respect to {to_text(tensor.element)}"
            raise DerivationStuck(f"{stuck} (missing at the step: {where}, in {consumer})") from None
        inner.apply(
            rules.DIFFERENTIATE,
            lambda _: differentiated,
            "Differentiate term by term; an element differs from another unless all indices agree.",
        )
        _sift_all(inner)
        _name(inner, self.definition)
        taken = letters | {i.name for p in at for i in free_indices(p)}
        inner.change(rules.COLLECT, lambda e: tidy(e, taken, self.signs), "Collect.")
        _vanish(inner, self.definition, taken, self.signs)
        return Step(
            rules.DIFFERENTIATE,
            partial,
            inner.value,
            f"The local partial of ${consumer.target.name}$.",
            tuple(inner.steps),
        )

    def _finish(self, recorder: _Recorder, tensor: Tensor) -> sp.Expr:
        """Sift, name, insert the gradients of intermediates, collect; the value before the insertion is returned."""
        taken = {i.name for i in tensor.indices}
        _sift_all(recorder)
        _name(recorder, self.definition)
        local = recorder.value
        self._substitute_adjoints(recorder, tensor)
        recorder.change(
            rules.COLLECT, lambda e: tidy(e, taken, self.signs), "Merge like terms and collect common factors."
        )
        if _name(recorder, self.definition):
            recorder.change(rules.COLLECT, lambda e: tidy(e, taken, self.signs), "Collect what has its name now.")
        _vanish(recorder, self.definition, taken, self.signs)
        return local

    def _substitute_adjoints(self, recorder: _Recorder, tensor: Tensor) -> None:
        """Insert the gradients of intermediates, last assignment first."""
        outputs = {o.gradient.name for o in self.definition.outputs}
        taken = {i.name for i in tensor.indices}
        for assignment in reversed(self.definition.assignments):
            adjoint = self.adjoint(assignment.target)
            if (
                adjoint.name in outputs
                or adjoint.name == tensor.gradient.name
                or not depends_on(recorder.value, adjoint.name)
            ):
                continue
            form = self[assignment.target.name]
            recorder.apply(
                rules.ADJOINT,
                lambda e, adjoint=adjoint, form=form: _insert_tensor(e, adjoint, form),  # type: ignore[misc]  # bound at once
                f"Insert the whole gradient with respect to ${assignment.target.name}$.",
                form.steps,
            )
            _sift_all(recorder)
            recorder.change(
                rules.COLLECT, lambda e: tidy(e, taken, self.signs), "Merge like terms and collect common factors."
            )


def _at(tensor: Tensor) -> sp.Expr:
    return tensor.element


def _place(tensor: Tensor, at: tuple[sp.Expr, ...]) -> sp.Expr:
    return tensor[at] if at else tensor.element


class _Recorder:
    """Applies rules to an expression and keeps each application as a step."""

    def __init__(self, start: sp.Expr) -> None:
        self.start = start
        self.value = start
        self.steps: list[Step] = []

    def apply(
        self, rule: Rule, rewrite: Callable[[sp.Expr], sp.Expr], words: str, children: tuple[Step, ...] = ()
    ) -> None:
        """Record `rewrite` as a step."""
        after = sp.sympify(rewrite(self.value))
        self._check(rule, after)
        self.steps.append(Step(rule, self.value, after, words, children))
        self.value = after

    def _check(self, rule: Rule, after: sp.Expr) -> None:
        check_size(after, f"{to_text(self.start)}, after the step {rule.name!r},")
        if not kinds(after).isdisjoint(NO_NUMBERS):
            raise DerivationStuck(
                f"{to_text(self.start)}: the step {rule.name!r} gives {to_text(after)}, which has no real value; "
                "nothing may be divided by 0, and no logarithm taken of 0 or a negative number"
            )

    def change(self, rule: Rule, rewrite: Callable[[sp.Expr], sp.Expr], words: str) -> bool:
        """Record `rewrite` as a step if it changes anything."""
        after = sp.sympify(rewrite(self.value))
        if after == self.value:
            return False
        self._check(rule, after)
        self.steps.append(Step(rule, self.value, after, words))
        self.value = after
        return True


def _sift_all(recorder: _Recorder) -> None:
    while True:
        after, survivors = sift(recorder.value)
        if not survivors:
            break
        kept = ", ".join(f"${_latex_index(i)} = {_latex_index(p)}$" for i, p in dict.fromkeys(survivors))
        survive = "survives" if len(dict.fromkeys(survivors)) == 1 else "survive"
        recorder.apply(rules.SIFT, lambda _, after=after: after, f"Only {kept} {survive}.")  # type: ignore[misc]  # bound at once


def _latex_index(e: sp.Expr) -> str:
    """A place, what is taken away from it behind it: q - n_i, not -n_i + q."""
    if not isinstance(e, sp.Add):
        return str(e).replace("*", " ")
    first, *others = sorted(e.args, key=lambda t: (bool(t.is_number), t.could_extract_minus_sign(), str(t)))
    written = [f" - {_latex_index(-t)}" if t.could_extract_minus_sign() else f" + {_latex_index(t)}" for t in others]
    return _latex_index(first) + "".join(written)


def _name(recorder: _Recorder, definition: Definition) -> bool:
    """Record the naming of values that forward computed; whether there were any."""
    before = recorder.value
    after = name_values(before, definition.assignments)
    if after != recorder.value:
        there, earlier = (Counter(map(tensor_name, tensors_in(e))) for e in (after, before))
        named = [f"${a.target.name}$" for a in definition.assignments if there[a.target.name] > earlier[a.target.name]]
        recorder.apply(rules.NAME, lambda _: _pull_all(after), f"Forward has computed {' and '.join(named)}.")
    return bool(after != before)


def _vanish(recorder: _Recorder, definition: Definition, taken: set[str], signs: Signs) -> None:
    after, gone = vanish(recorder.value, definition)
    if gone:
        summed = [f"${tensor_name(s.function)}$" for s in gone if isinstance(s, sp.Sum)]
        words = f"{' and '.join(summed)} sums to 0 by its definition." if summed else "The bracket is 0 by definition."
        recorder.apply(rules.VANISH, lambda _: tidy(after, taken, signs), words)


def _pull_all(e: sp.Basic) -> sp.Expr:
    if sp.Sum not in kinds(e):
        return sp.sympify(e)
    new = rebuild(e, _pull_all) if e.args and not isinstance(e, sp.Indexed) else e
    return pull_out(new) if isinstance(new, sp.Sum) else sp.sympify(new)


def _insert(e: sp.Basic, by: dict[sp.Expr, sp.Expr]) -> sp.Expr:
    """E with opaque partials replaced by their values (same indices, so nothing can be caught)."""
    if Partial not in kinds(e):
        return e
    if isinstance(e, Partial):
        return by.get(e, e)
    return sp.sympify(rebuild(e, lambda child: _insert(child, by)) if e.args and not isinstance(e, sp.Indexed) else e)


def _insert_tensor(e: sp.Expr, tensor: Tensor, form: ElementForm) -> sp.Expr:
    """E with every element of the tensor replaced by its element form at those indices; it is 0 out of range."""
    taken = index_names(e)
    element = rename_bound(form.element, taken)

    def by(found: sp.Expr) -> sp.Expr | None:
        if tensor_name(found) != tensor.name:
            return None
        at = tuple(getattr(found, "indices", ()))
        inserted = substitute(element, dict(zip(form.indices, at, strict=True)))
        return sp.sympify(inserted) * inside(zip(form.indices, at, strict=True))

    return sp.sympify(replace_tensors(e, by))
