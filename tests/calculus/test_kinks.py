"""At a kink the derivative follows the declared convention, which is torch's where torch has one."""

from __future__ import annotations

from typing import Any

import numpy as np
import pytest
import torch

from scratchgrad.calculus.kinks import kink_line
from scratchgrad.gradients import derive
from scratchgrad.notation.text import to_text
from tests.tolerances import tolerance


def gradient(text: str, name: str, **tensors: Any) -> list[float]:
    """The gradient of the sum of the output's elements with respect to `name`."""
    derived = derive(text)
    output = derived.definition.outputs[0]
    shape = derived.forward(tensors)[output.name].shape
    got: list[float] = derived[name].evaluate({output.name: np.ones(shape)}, tensors).tolist()
    return got


TIES = np.array([-1.0, 0.0, 2.0])


def test_relu_has_derivative_0_at_0() -> None:
    assert gradient("h[i] = max(u[i], 0)", "u", u=TIES) == [0, 0, 1]


def test_relu_written_with_where_takes_the_branch_that_forward_takes() -> None:
    assert gradient("h[i] = where(u[i] > 0, u[i], 0)", "u", u=TIES) == [0, 0, 1]
    assert gradient("h[i] = where(u[i] >= 0, u[i], 0)", "u", u=TIES) == [0, 1, 1]


def test_the_absolute_value_and_the_sign_have_derivative_0_at_0() -> None:
    assert gradient("h[i] = abs(u[i])", "u", u=TIES) == [-1, 0, 1]
    assert gradient("h[i] = sign(u[i])*u[i]", "u", u=TIES) == [-1, 0, 1]
    assert gradient("h[i] = sign(u[i])", "u", u=TIES) == [0, 0, 0]


@pytest.mark.parametrize("function", ["max", "min"])
def test_two_equal_arguments_count_one_half_each(function: str) -> None:
    x, y = np.array([1.0, 2.0, 3.0]), np.array([1.0, 5.0, -1.0])
    first = [0.5, 0, 1] if function == "max" else [0.5, 1, 0]
    assert gradient(f"h[i] = {function}(x[i], y[i])", "x", x=x, y=y) == first
    assert gradient(f"h[i] = {function}(x[i], y[i])", "y", x=x, y=y) == [1 - v for v in first]


@pytest.mark.parametrize(("function", "outside"), [("max", [0, 0, 1]), ("min", [1, 0, 0])])
def test_equal_to_a_constant_counts_0_as_relu_does(function: str, outside: list[float]) -> None:
    assert gradient(f"h[i] = {function}(x[i], 3/2)", "x", x=np.array([1.0, 1.5, 3.0])) == outside
    assert gradient(f"h[i] = {function}(1, 2*x[i])", "x", x=np.array([0.0, 0.5, 3.0])) == [2 * v for v in outside]


def test_elements_that_tie_for_the_maximum_share_evenly() -> None:
    assert gradient("m = Max(x[i], i)", "x", x=np.array([2.0, 1.0, 2.0, 2.0])) == [1 / 3, 0, 1 / 3, 1 / 3]
    assert gradient("m = Max(W[i,j], i, j)", "W", W=np.array([[1.0, 4], [4, 0]])) == [[0, 0.5], [0.5, 0]]
    assert gradient("m[i] = Max(W[i,j], j)", "W", W=np.array([[4.0, 4], [4, 0]])) == [[0.5, 0.5], [1, 0]]


def test_a_maximum_of_equal_numbers_over_one_element_is_its_own() -> None:
    assert gradient("m = Max(x[i], i)", "x", x=np.array([0.0])) == [1]


def test_out_of_range_elements_of_a_maximum_tie_with_true_zeros() -> None:
    x = np.array([0.0, -1.0])
    derived = derive("m = Max(x[i+1], i)", tensors="x[n]", ranges={"i": "n"})
    assert derived.forward({"x": x})["m"] == 0  # the largest of x[1] = -1 and x[2], out of range and so 0
    assert derived["x"].evaluate({"m": np.ones(())}, {"x": x}).tolist() == [0, 0]


WITNESSED = [
    ("h[i] = max(u[i], 0)", torch.relu),
    ("h[i] = abs(u[i])", lambda u: u.abs()),
    ("h[i] = max(u[i], -u[i])", lambda u: torch.maximum(u, -u)),
    ("h[i] = min(u[i], u[i]**2)", lambda u: torch.minimum(u, u**2)),
    ("h[i] = where(u[i] < 0, u[i]**3, 5*u[i])", lambda u: torch.where(u < 0, u**3, 5 * u)),
    ("h[i] = where(u[i] <= 0, -u[i], u[i])", lambda u: torch.where(u <= 0, -u, u)),
    ("h = Max(u[i], i)", lambda u: u.amax()),
    ("h = Max(abs(u[i]), i)", lambda u: u.abs().amax()),
    ("h = Max(max(u[i], 0), i)", lambda u: torch.relu(u).amax()),
    ("h[i] = max(u[i] - Max(u[k], k), 0)*u[i]", lambda u: torch.relu(u - u.amax()) * u),
]


@pytest.mark.parametrize(("text", "witness"), WITNESSED, ids=[text for text, _ in WITNESSED])
@pytest.mark.parametrize("values", [[0.0, 0, 0], [1.0, 0, 1], [-1.0, 0, 1], [-2.0, -2, -2], [0.0]], ids=str)
def test_at_exact_ties_the_derivative_is_torchs(text: str, witness: Any, values: list[float]) -> None:
    leaf = torch.tensor(values, dtype=torch.float64, requires_grad=True)
    witness(leaf).sum().backward()
    assert leaf.grad is not None
    np.testing.assert_allclose(gradient(text, "u", u=np.array(values)), leaf.grad, **tolerance())


def said(text: str, **options: Any) -> list[str]:
    """The sentences about the kinks of a definition."""
    return list(map(str, derive(text, **options).kinks))


def test_every_kink_names_its_node_its_place_and_its_convention() -> None:
    text = "h[i] = max(u[i], 0) + max(u[i], v[i]) + abs(u[i] - 1) + where(u[i] > 2, u[i], 0) + Max(u[k], k)"
    assert set(said(text)) == {
        "In h[i], where u[i] == 2, the derivative of the case that forward takes counts: 0. The output jumps there: "
        "a jump has no derivative.",
        "In Max(u[k], k), where several are the largest, they share the derivative evenly.",
        "In max(u[i], 0), where u[i] == 0, its derivative is taken as 0.",
        "In max(u[i], v[i]), where u[i] == v[i], each of the two counts one half.",
        "In abs(u[i] - 1), at 0, its derivative is taken as 0.",
    }


def test_a_kink_that_cancels_is_no_kink_of_the_output() -> None:
    start, same = "In abs(u[i]), at 0, its derivative is taken as 0.", "The output is differentiable there all the same"
    assert said("h[i] = u[i]/(1 + abs(u[i]))") == [f"{start} {same}, with derivative 1."]
    assert said("h[i] = u[i]*abs(u[i])") == [f"{start} {same}, with derivative 0."]


def test_a_derivative_that_the_convention_misses_is_said() -> None:
    stable = "h[i] = max(u[i], 0) + log(1 + exp(-abs(u[i])))"  # softplus: 1/2 at 0
    assert all(s.endswith("with derivative 1/2, which the formula does not give.") for s in said(stable))
    assert gradient(stable, "u", u=np.array([0.0])) == [0]
    for sentence in said("h[i] = max(u[i], 0) + min(u[i], 0)"):
        assert sentence.endswith("with derivative 1, which the formula does not give.")
    assert gradient("h[i] = max(u[i], 0) + min(u[i], 0)", "u", u=TIES) == [1, 0, 1]


def test_huber_is_differentiable_at_its_threshold_and_where_the_error_is_0() -> None:
    text = "e[i] = v[i] - y[i]; L = Sum(where(abs(e[i]) < d, e[i]**2/2, d*(abs(e[i]) - d/2)), i)"
    threshold, inside = said(text, domains="d>0")
    assert threshold.startswith("In L, where abs(e[i]) == d, ") and "differentiable there all the same" in threshold
    assert inside.startswith("In abs(e[i]), at 0, ") and "differentiable there all the same" in inside


@pytest.mark.parametrize("text", ["h[i] = sign(u[i])", "h[i] = where(u[i] > 0, 1, 0)", "h[i] = where(u[i] == 0, 1, 0)"])
def test_a_jump_is_called_a_jump(text: str) -> None:
    (sentence,) = said(text)
    assert sentence.endswith("The output jumps there: a jump has no derivative.")
    assert "a jump: " in kink_line(derive(text).kinks, to_text)


@pytest.mark.parametrize(
    "text",
    [
        "h[i] = exp(u[i])*tanh(u[i])",
        "y[i] = Sum(where(j <= i, x[j], 0), j)",  # a condition between indices
        "y[b] = where(t[b] == 1, x[b], 0)*Sum(E[t[b],k], k)",  # and one on whole numbers
        "h[i] = log(u[i])",  # no value at 0
        "h[i] = log(abs(u[i]))",
        "h[i] = sqrt(1 + u[i]**2)",  # its root is real for no u
        "h[i] = abs(u[i])**0",
        "d = LogDet(A)",
    ],
)
def test_what_is_smooth_or_has_no_value_is_no_kink(text: str) -> None:
    assert derive(text).kinks == ()


def test_a_root_has_an_infinite_derivative_at_0_and_a_norm_a_kink() -> None:
    (root,) = said("h[i] = sqrt(u[i])")
    assert root == (
        "In sqrt(u[i]), at 0, its derivative is infinite, and no convention replaces it. The slope of the output is "
        "infinite there."
    )
    (norm,) = said("h = sqrt(Sum(u[i]**2, i))")
    assert norm == "In sqrt(Sum(u[i]**2, i)), at 0, its derivative is infinite, and no convention replaces it."


def test_a_domain_excludes_a_kink() -> None:
    assert said("h[i] = sqrt(u[i]**2 + eps)", domains="eps>0") == []
    assert [s[:4] for s in said("h[i] = abs(u[i])", domains="u[i]>0")] == ["In a"]  # named, nothing claimed
    assert kink_line(derive("h[i] = abs(u[i])", domains="u[i]>0").kinks, to_text) == "none"


@pytest.mark.parametrize(
    "text", ["h[i] = exp(exp(1/abs(u[i])))", "h[i] = 2**floor(1/abs(u[i]))", "h[i] = sinh(1/abs(u[i]))"]
)
def test_beside_a_kink_a_function_may_grow_beyond_all_digits(text: str) -> None:
    """Nothing is claimed then, and nothing takes long."""
    assert "differentiable" not in "".join(said(text))


def test_steps_of_the_table_jump() -> None:
    (floor,) = said("h[i] = floor(u[i])")
    assert floor.startswith("In floor(u[i]), at whole numbers, its derivative is taken as 0.")
    assert floor.endswith("The output jumps there: a jump has no derivative.")
    (ceil,) = said("h[i] = (u[i] - 1)*ceil(u[i])")
    assert "jumps" in ceil
    assert "differentiable" not in "".join(said("h[i] = u[i]**2*floor(u[i])"))  # it is at 0, and not at 1
    assert said("h[i] = sinh(u[i])*atan(u[i])") == []
