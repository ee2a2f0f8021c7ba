"""Abbreviations are the longer text that they stand for."""

from __future__ import annotations

import numpy as np
import pytest

from scratchgrad.gradients import derive


@pytest.mark.parametrize(
    ("short", "long"),
    [
        ("y[i] = relu(x[i])", "y[i] = max(x[i], 0)"),
        ("y[i] = softplus(x[i])", "y[i] = log(1 + exp(x[i]))"),
        ("m = mean(x[i], i)", "m = Sum(x[i], i)/n_i"),
        ("m = mean(A[i,j], i, j)", "m = Sum(A[i,j], i, j)/n_i/n_j"),
        ("y[p] = mean(x[2*p+r], r<3)", "y[p] = Sum(x[2*p+r], r<3)/3"),
        ("y = dot(x, z)", "y = Sum(x[t]*z[t], t)"),
        ("y[t] = x[t]/norm(x)", "y[t] = x[t]/sqrt(Sum(x[s]**2, s))"),
        ("y = tr(A)*x", "y = Sum(A[t,t], t)*x"),
        ("y[i] = max(x[i], 0, z[i])", "y[i] = max(max(x[i], 0), z[i])"),
        ("y[i] = min(a, b, c, x[i])", "y[i] = min(min(min(a, b), c), x[i])"),
        ("y = where(0 < x < 1, x, 0)", "y = where(0 < x and x < 1, x, 0)"),
        ("y = where(not a <= b < c == d, a, 0)", "y = where(not (a <= b and b < c and c == d), a, 0)"),
    ],
)
def test_it_stands_for(short: str, long: str) -> None:
    options = {"ranges": {"p": "n_p"}} if "[p]" in short else {}
    assert str(derive(short, **options).definition) == str(derive(long, **options).definition)


def test_several_of_them_have_letters_of_their_own() -> None:
    d = derive("y = norm(x) + norm(z)*dot(x, w) + tr(A)")
    x, z, w, A = np.array([3.0, 4.0]), np.array([1.0, 2.0, 2.0]), np.array([1.0, -1.0]), np.diag([1.0, 2.0])
    assert d.forward({"x": x, "z": z, "w": w, "A": A})["y"] == pytest.approx(5 + 3 * -1 + 3)
    np.testing.assert_allclose(d["x"].evaluate({"x": x, "z": z, "w": w, "A": A}), x / 5 + 3 * w)


def test_a_tensor_may_have_the_name_of_an_abbreviation() -> None:
    assert [t.name for t in derive("mean = Sum(x[i], i)/n_i; y[i] = x[i] - mean").definition.inputs] == ["x"]
