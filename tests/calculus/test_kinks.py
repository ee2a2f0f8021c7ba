"""At a kink the derivative follows the declared convention, which is torch's where torch has one."""

from __future__ import annotations

from typing import Any

import numpy as np
import pytest
import torch

from scratchgrad.calculus.differentiate import kinks
from scratchgrad.gradients import derive
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


def test_every_kink_says_its_convention() -> None:
    right = derive("h[i] = max(u[i], 0) + max(u[i], v[i]) + abs(u[i]) + where(u[i] > 1, u[i], 0) + Max(u[k], k)")
    words = {type(node).__name__: word for node, word in kinks(right.definition.assignments[0].right)}
    assert words["Abs"] == "the derivative at $0$ is $0$"
    assert words["MaxOver"] == "elements that tie for the maximum share the derivative evenly"
    assert words["Where"] == "on the boundary the derivative is that of the branch that forward takes"
    every = {word for _, word in kinks(right.definition.assignments[0].right)}
    assert "at a tie each argument counts one half" in every
    assert "where both arguments are equal the derivative is $0$" in every


def test_a_smooth_definition_has_no_kink() -> None:
    assert kinks(derive("h[i] = exp(u[i])*tanh(u[i])").definition.assignments[0].right) == []
