"""Random definitions: whatever the grammar says, its gradient is torch.autograd's, and every step keeps its value."""

from __future__ import annotations

import random
from collections.abc import Iterable, Iterator, Sequence
from dataclasses import replace
from typing import Any

import numpy as np
import pytest
import sympy as sp
import torch
from hypothesis import HealthCheck, assume, given, settings
from hypothesis import strategies as st

from scratchgrad.calculus.chosen import write_out
from scratchgrad.calculus.steps import Step
from scratchgrad.gradients import Gradients, derive
from scratchgrad.notation.arithmetic import Float
from scratchgrad.notation.binding import free_indices, is_tensor, tensor_name
from scratchgrad.notation.definition import Tensor
from scratchgrad.notation.evaluation import EvaluationError, Valuation
from scratchgrad.notation.indices import Index
from scratchgrad.notation.nodes import Partial
from scratchgrad.notation.text import to_text
from tests.calculus.random_definitions import Author, RandomDefinition, words

# TRUST: tame-examples
WILD = 1e6
few = settings(max_examples=40, suppress_health_check=[HealthCheck.filter_too_much, HealthCheck.too_slow])


class Example:
    """A random definition with its tensors, the gradients of its outputs, and what torch says."""

    def __init__(self, definition: RandomDefinition) -> None:
        self.definition = definition
        self.tensors = definition.tensors()
        self.upstream = definition.upstream()
        self.forward = definition.forward(self.tensors)
        self.witness = definition.gradients(self.tensors, self.upstream)
        self.derived: Gradients = definition.derived()
        self.given = {t.name: self.tensors[t.name] for t in self.derived.definition.inputs}

    @property
    def tame(self) -> bool:
        """Whether all numbers are finite and small enough for float64 to decide."""
        values = [*self.forward.values(), *self.witness.values()]
        return all(bool(torch.isfinite(v).all() and (v.abs() < WILD).all()) for v in values)

    def __repr__(self) -> str:
        """The definition, as it can be typed."""
        return repr(self.definition)


@st.composite
def examples(draw: Any) -> Example:
    """A tame random example: half of them from a seed, which are large, half choice by choice, which shrink."""
    if draw(st.booleans()):
        pick = random.Random(draw(st.integers(0, 2**32))).choice
    else:
        pick = lambda options: draw(st.sampled_from(list(options)))  # noqa: E731  # one line each
    example = Example(Author(pick).definition())
    assume(example.tame)
    return example


def close(got: Any, want: Any, what: str) -> None:
    """Equal to nine digits of the largest number: sums of some hundred products of numbers up to 1e6."""
    got, want = np.asarray(got, dtype=np.float64), np.asarray(want, dtype=np.float64)
    size = max(1.0, np.abs(want[np.isfinite(want)]).max(initial=0))
    np.testing.assert_allclose(got, want, rtol=1e-9, atol=1e-9 * size, err_msg=what)


# -- against torch


@few
@given(examples())
def test_forward_is_torchs(example: Example) -> None:
    values = example.derived.valuation(example.given, example.upstream).tensors
    for name, want in example.forward.items():
        close(values[name], want, f"{example}: {name}")


@few
@given(examples())
def test_the_gradient_is_autograds(example: Example) -> None:
    for name in example.derived:
        got = example.derived[name].evaluate(example.upstream, example.given)
        close(got, example.witness[name], f"{example}: grad_{name}")


@pytest.mark.slow
@pytest.mark.parametrize("hundred", range(20))
def test_the_gradient_is_autograds_in_a_long_search(hundred: int) -> None:
    for seed in range(100 * hundred, 100 * hundred + 100):
        example = Example(Author(random.Random(seed).choice).definition())
        if example.tame:
            values = example.derived.valuation(example.given, example.upstream).tensors
            for name, want in example.forward.items():
                close(values[name], want, f"seed {seed}: {example}: {name}")
            for name in example.derived:
                got = example.derived[name].evaluate(example.upstream, example.given)
                close(got, example.witness[name], f"seed {seed}: {example}: grad_{name}")


# -- text


def declared(tensors: Iterable[Tensor], text: str) -> str:
    """Those of the tensors that the text has, with the names of their sizes, as the grammar declares them."""
    return " ".join(
        f"{t.name}[{','.join(map(str, t.sizes))}]" if t.sizes else t.name
        for t in tensors
        if {t.name, *map(str, t.sizes)} & words(text)
    )


def ranges(*expressions: sp.Basic) -> dict[str, str]:
    """The range of every index in the expressions."""
    return {i.name: str(i.size) for e in expressions for i in e.atoms(Index)}


@few
@given(examples())
def test_a_printed_definition_parses_back_to_the_same_values(example: Example) -> None:
    text = str(example.derived.definition)
    indices = {i.name: str(i.size) for a in example.derived.definition.assignments for i in a.target.indices}
    lettered = {**ranges(*(a.right for a in example.derived.definition.assignments)), **indices}
    again = derive(
        text,
        tensors=declared(example.derived.definition.tensors.values(), text),
        ranges={letter: size for letter, size in lettered.items() if letter in words(text)},
        outputs=list(example.definition.outputs),
    )
    given_again = {t.name: example.tensors[t.name] for t in again.definition.inputs}
    try:
        values = again.valuation(given_again, example.upstream).tensors
    except EvaluationError as error:  # an input that cancelled in printing may have been all that fixed a size
        assume("nothing fixes the size" not in str(error))
        raise
    for name, want in example.forward.items():
        close(values[name], want, f"{example} printed as {text}: {name}")


@few
@given(examples())
def test_a_printed_gradient_parses_back_to_the_same_values(example: Example) -> None:
    for name in example.derived:
        gradient = example.derived[name]
        at = example.derived.valuation(example.given, example.upstream)
        letters = ",".join(i.name for i in gradient.indices)
        text = f"G[{letters}] = {gradient.text}" if letters else f"G = {gradient.text}"
        definition = example.derived.definition
        known = declared((*definition.tensors.values(), *(o.gradient for o in definition.outputs)), text)
        lettered = {**ranges(gradient.element), **{i.name: str(i.size) for i in gradient.indices}}
        again = derive(
            text, tensors=known, ranges={letter: n for letter, n in lettered.items() if letter in words(text)}
        )
        values = Valuation(at.tensors, at.sizes)
        assignment = again.definition.assignments[0]
        got = values.value(assignment.right, assignment.target.indices)
        close(got, gradient.evaluate(example.upstream, example.given), f"{example}: {text}")


# -- steps


def replay(steps: Sequence[Step], start: sp.Basic) -> Iterator[Step]:
    """All steps; each `before` is the previous `after`, and sub-steps lead from a partial to its value."""
    for step in steps:
        assert step.before == start, f"{step.rule.name} starts at {step.before}, the step before ended at {start}"
        yield step
        if isinstance(step.before, Partial):
            assert not step.children or step.children[-1].after == step.after
            yield from replay(step.children, step.before)
        elif step.children and isinstance(step.children[0].before, Partial):  # one sub-derivation for each partial
            for child in step.children:
                yield from replay([child], child.before)
        elif step.children:
            yield from replay(step.children, step.children[0].before)
        start = step.after


@few
@given(examples())
def test_every_step_starts_where_the_last_one_ended_and_keeps_the_value(example: Example) -> None:
    derived = example.derived
    at = derived.valuation(example.given, example.upstream)
    for assignment in reversed(derived.definition.assignments):
        form = derived.derivation[assignment.target.name]
        at.assign(derived.derivation.adjoint(assignment.target).name, at.value(form.element, form.indices))
    for name in derived:
        form = derived.derivation[name]
        for step in replay(form.steps, form.target):
            if step.before.has(Partial) or step.after.has(Partial) or step.before == form.target:
                continue
            if tensor_name(step.before) in at.tensors and is_tensor(step.before):
                continue  # the gradient itself, before its first step
            free = tuple(dict.fromkeys((*free_indices(step.before), *free_indices(step.after))))
            before, after = at.value(step.before, free), at.value(step.after, free)
            close(after, before, f"{example}: {step.rule.name}: {to_text(step.before)} -> {to_text(step.after)}")


# -- forms


@few
@given(examples())
def test_the_vector_form_has_the_value_of_the_element_form(example: Example) -> None:
    at = example.derived.valuation(example.given, example.upstream)
    for name in example.derived:
        vector = example.derived[name].vector
        if vector is not None:
            want = at.value(example.derived[name].element, example.derived[name].indices)
            close(np.reshape(vector.node.value(at), want.shape), want, f"{example}: {vector}")


@few
@given(examples(), st.integers(1, 3))
def test_over_a_batch_gradients_are_stacked_and_those_of_shared_inputs_summed(example: Example, samples: int) -> None:
    single = Gradients(replace(example.derived.definition, shared=("S", "W", "c", "x")))
    derived = Gradients(single.forms.over_batch.definition)
    assume(derived.definition.batch is not None)
    carrying = {t.name for t in derived.definition.tensors.values() if derived.definition.batch in t.indices}
    each = [
        (example.definition.tensors(seed), example.definition.upstream(seed + 50)) for seed in range(10, 10 + samples)
    ]
    tensors = {n: torch.stack([t[n] for t, _ in each]) if n in carrying else example.tensors[n] for n in example.given}
    upstream = {
        n: torch.stack([g[n] for _, g in each]) if n in carrying else example.upstream[n]
        for n in example.definition.outputs
    }
    for name in derived:
        assume(all(n in carrying for n in example.definition.outputs))
        singles = []
        for sample, gradient in each:
            own = {n: sample[n] if n in carrying else example.tensors[n] for n in example.given}
            singles.append(single[name].evaluate(gradient, own))
        assume(all(np.isfinite(s).all() and (np.abs(s) < WILD).all() for s in singles))
        want = np.stack(singles) if name in carrying else np.sum(singles, axis=0)
        close(derived[name].evaluate(upstream, tensors), want, f"{example}: grad_{name} over {samples} samples")
        node = single.forms.batched(name)
        if node is not None:
            got = node.value(derived.valuation(tensors, upstream))
            close(np.reshape(got, want.shape), want, f"{example}: {single[name].batched}")


# -- exact numbers, chosen elements


@settings(few, max_examples=15)
@given(examples())
def test_exact_evaluation_agrees_with_float_evaluation(example: Example) -> None:
    for name in example.derived:
        exact = example.derived[name].exact(example.upstream, example.given)
        close(np.vectorize(float, otypes=[float])(exact), example.witness[name], f"{example}: grad_{name}")


@few
@given(examples())
def test_the_chosen_elements_gradient_is_the_general_form_at_its_place(example: Example) -> None:
    derived = example.derived
    for name in derived:
        chosen = derived[name].chosen
        if chosen is None:
            continue
        sizes = {s: n for s, n in chosen.sizes.items() if not s.is_Integer}
        random_numbers = np.random.default_rng(1)
        tensors = {
            t.name: random_numbers.integers(0, 2, [int(s.subs(sizes)) for s in t.sizes])
            if t.integer
            else random_numbers.uniform(0.5, 2, [int(s.subs(sizes)) for s in t.sizes])
            + (3 * np.eye(int(t.sizes[0].subs(sizes))) if t.name == "S" else 0)
            for t in derived.definition.inputs
        }
        upstream = {
            o.name: random_numbers.uniform(0.5, 2, [int(s.subs(sizes)) for s in o.sizes])
            for o in derived.definition.outputs
        }
        at = Valuation(tensors, sizes, Float())
        for assignment in derived.definition.assignments:
            at.assign(assignment.target.name, at.value(assignment.right, assignment.target.indices))
        for output in derived.definition.outputs:
            at.assign(output.gradient.name, upstream[output.name])
        for assignment in reversed(derived.definition.assignments):
            form = derived.derivation[assignment.target.name]
            at.assign(derived.derivation.adjoint(assignment.target).name, at.value(form.element, form.indices))
        place = tuple(int(i) for i in getattr(chosen.element, "indices", ()))
        want = at.value(derived[name].element, derived[name].indices)[place]
        assume(np.isfinite(want))
        close(at.value(write_out(chosen.gradient, sizes)), want, f"{example}: {chosen.element}")
