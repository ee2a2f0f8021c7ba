"""Naming: what forward has computed gets its name back, and only where the name means the same."""

from __future__ import annotations

from typing import Any

import numpy as np
import pytest

from scratchgrad.calculus import rules
from scratchgrad.calculus.naming import name_values
from scratchgrad.calculus.steps import Step
from scratchgrad.calculus.vanishing import vanish
from scratchgrad.gradients import derive
from scratchgrad.notation.grammar import parse
from scratchgrad.notation.text import to_text
from tests.tolerances import tolerance


def named(definition: str, text: str, **options: Any) -> str:
    """The right side of the last statement, `text`, in the names of the definition."""
    assignments = parse(f"{definition}; {text}", **options).assignments
    return to_text(name_values(assignments[-1].right, assignments[:-1]))


SOFTMAX = "o[i] = exp(v[i])/Sum(exp(v[k]), k)"


@pytest.mark.parametrize(
    ("definition", "text", "want"),
    [
        (SOFTMAX, "u[j] = exp(v[j])/Sum(exp(v[i]), i)", "o[j]"),
        (SOFTMAX, "u[j] = y[j]*exp(v[j])*exp(v[j])/Sum(exp(v[i]), i)**2", "o[j]**2*y[j]"),
        (SOFTMAX, "u[j] = Sum(exp(v[i]), i)*exp(-v[j])", "1/o[j]"),
        (SOFTMAX, "u = Sum(y[j]*exp(v[j])/Sum(exp(v[k]), k), j)", "Sum(o[j]*y[j], j)"),
        (SOFTMAX, "u[j] = exp(v[j])/Sum(exp(y[i]), i)", "exp(v[j])/Sum(exp(y[i]), i)"),
        ("r = sqrt(Sum(x[i]**2, i))", "u[j] = x[j]/sqrt(Sum(x[i]**2, i))", "x[j]/r"),
        ("m = Max(v[i], i)", "u[j] = exp(v[j] - Max(v[k], k))", "exp(v[j] - m)"),
        ("s[n] = Sum(x[n,i]*y[i], i)", "u[j] = exp(Sum(x[j,k]*y[k], k))", "exp(s[j])"),
        ("a = sigmoid(x)", "u = sigmoid(x)*(1 - sigmoid(x))", "a*(1 - a)"),
    ],
)
def test_a_product_that_holds_all_factors_of_a_definition_is_its_name(definition: str, text: str, want: str) -> None:
    assert named(definition, text) == want


def test_the_name_counts_every_factor_once() -> None:
    # Two sums of the pattern may not both be found in one sum of the expression.
    assert named("o = Sum(x[i], i)*Sum(y[i], i)", "u = Sum(x[j], j)*Sum(x[k], k)*Sum(y[k], k)") == "o*Sum(x[k], k)"


def test_no_name_is_given_at_a_place_that_may_lie_outside() -> None:
    # o[2*j] is 0 outside, exp(v[2*j]) is 1 there.
    options = {"tensors": "v[n]", "ranges": {"j": "n"}}
    assert named("o[i] = exp(v[i])", "u[j] = exp(v[2*j])", **options) == "exp(v[2*j])"
    assert named("o[i] = exp(v[i])", "u[j] = exp(v[3])*v[j]", **options) == "exp(v[3])*v[j]"


def test_an_index_as_a_value_is_no_other_value() -> None:
    assert named("o[k] = k/(1 + z**2)", "u = c/(1 + z**2)", ranges={"k": 3}) == "c/(z**2 + 1)"


@pytest.mark.parametrize(
    "text",
    [
        "o[i] = exp(v[i]); u[j] = c*exp(v[2*j])",
        "o[k] = k*c/(1 + z**2); u = c*z/(1 + z**2) + Sum(o[k], k)",
        "a[i] = x[1]/(1 + (Sum(c*x[j], j) - y[i])**2); u = Sum(a[i], i)",
        "a = x*y; u = x**2*y**3*a",
        "a = x**2; u = x**3 + sqrt(x)",
    ],
)
def test_names_change_no_gradient(text: str) -> None:
    ranges = {letter: size for letter, size in {"k": 3, "j": 4}.items() if f"[{letter}]" in text}
    derived = derive(text, ranges=ranges, tensors="v[4]" if "v[" in text else "")
    random = np.random.default_rng(0)
    sizes: dict[Any, int] = {}
    for tensor in derived.definition.inputs:
        for size in tensor.sizes:
            sizes.setdefault(size, int(size) if size.is_Integer else 3 + len(sizes))
    tensors = {t.name: random.uniform(0.5, 1.5, [sizes[s] for s in t.sizes]) for t in derived.definition.inputs}
    output = derived.definition.outputs[0]
    upstream = random.normal(size=derived.forward(tensors)[output.name].shape)
    for name in derived:
        got = derived[name].evaluate({output.name: upstream}, tensors)
        numeric = np.zeros_like(got)
        for place in np.ndindex(got.shape):
            ends = []
            for step in (1e-6, -1e-6):
                moved = {**tensors, name: tensors[name].copy()}
                moved[name][place] += step
                ends.append((derived.forward(moved)[output.name] * upstream).sum())
            numeric[place] = (ends[0] - ends[1]) / 2e-6
        np.testing.assert_allclose(got, numeric, rtol=1e-6, atol=1e-7)


# -- sums that vanish


def test_deviations_from_the_mean_sum_to_zero() -> None:
    definition = parse("m = Sum(x[i], i)/n_i; c[i] = x[i] - m; u[i] = c[i]*Sum(c[k], k)")
    after, gone = vanish(definition.assignments[-1].right, definition)
    assert after == 0
    assert [to_text(s) for s in gone] == ["Sum(c[k], k)"]


def test_a_sum_that_vanishes_only_within_the_axis_stays() -> None:
    definition = parse("c[j] = x[j] - 1; z[j] = c[j+1] - x[j+1] + 1; s = q*Sum(z[j], j)")
    assert vanish(definition.assignments[-1].right, definition)[1] == []
    derived = derive("c[j] = x[j] - 1; z[j] = c[j+1] - x[j+1] + 1; s = q*Sum(z[j], j)")
    np.testing.assert_allclose(derived["q"].evaluate({"x": np.ones(3), "q": 2.0}), 1, **tolerance())


def test_layer_norm_uses_that_the_deviations_vanish() -> None:
    derived = derive(
        "m = Sum(x[i], i)/n_i; c[i] = x[i] - m; s = sqrt(Sum(c[i]**2, i)/n_i + 0.00001); z[i] = c[i]/s", outputs="z"
    )

    def used(steps: tuple[Step, ...]) -> set[str]:
        return {step.rule.name for step in steps}.union(*(used(step.children) for step in steps))

    assert rules.VANISH.name in used(derived["x"].steps)
    text = "(grad_z[i] - z[i]*Sum(grad_z[j]*z[j], j)/n_i - Sum(grad_z[j], j)/n_i)/s"
    assert to_text(derived["x"].element) == text
