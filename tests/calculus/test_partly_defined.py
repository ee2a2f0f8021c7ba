"""Gradients of what is not defined everywhere: quotients and logarithms inside max, min and where."""

import pytest

from scratchgrad.gradients import derive
from scratchgrad.notation.mistakes import RankMismatch

CLIPPED = "r[i] = exp(l[i] - q[i]); L = -Sum(min(r[i]*A[i], min(max(r[i], 1 - eps), 1 + eps)*A[i]), i)"


@pytest.mark.parametrize(
    ("text", "wrt", "upstream", "values", "expected"),
    [
        ("u[i] = min(x[i]/b[i], y[i])", "y", {"u": [1, 1]}, {"x": [6, 1], "b": [2, 2], "y": [2, 2]}, [1, 0]),
        ("u[i] = max(log(x[i]), y[i])", "x", {"u": [1, 1]}, {"x": [4, 4], "y": [0, 2]}, [0.25, 0]),
        ("u[i] = min(1/x[i], y[i])", "x", {"u": [1, 1]}, {"x": [2, 2], "y": [1, 0.25]}, [-0.25, 0]),
        (CLIPPED, "A", {"L": 1}, {"l": [0, 0], "q": [0, 0], "A": [3, -2], "eps": 0.5}, [-1, -1]),
    ],
)
def test_the_branch_that_is_taken_has_the_gradient(text, wrt, upstream, values, expected):
    assert derive(text)[wrt].evaluate(upstream, values).tolist() == expected


def test_a_quotient_by_an_index_is_infinite_at_its_first_value_only():
    assert str(derive("y[i] = max(1/i, x[i])")["x"].element) == "grad_y[i]*Indicator(x[i] > 1/i)"


def test_a_vector_without_its_index_is_refused_by_name():
    with pytest.raises(RankMismatch, match="s has 1 axis, here it has no index"):
        derive("s[i] = x[i]; o = s*v")
