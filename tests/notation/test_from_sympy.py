"""SymPy in: an equation means what it means to SymPy."""

from __future__ import annotations

from typing import Any

import numpy as np
import pytest
import sympy as sp

from scratchgrad.gradients import derive
from scratchgrad.notation.from_sympy import NotADefinition, from_sympy
from tests.tolerances import tolerance

i, j, k, n, m = sp.symbols("i j k n m", integer=True)
u, W, x, b, w = map(sp.IndexedBase, "uWxbw")
s = sp.Symbol("s")
X, B = np.array([1.0, -2, 3]), np.array([0.5, 2, -1])


def forward(equation: Any, **tensors: Any) -> Any:
    """The value of the last left side."""
    derived = derive(equation)
    return derived.forward(tensors)[derived.definition.outputs[0].name]


def test_a_linear_layer_in_sympy_is_the_linear_layer() -> None:
    definition = from_sympy(sp.Eq(u[i], sp.Sum(W[i, j] * x[j], (j, 0, n - 1)) + b[i]))
    assert str(definition) == "u[i] = b[i] + Sum(W[i,j]*x[j], j)"
    assert [str(size) for t in definition.inputs if t.name == "x" for size in t.sizes] == ["n"]


def test_its_gradients_are_those_of_the_text() -> None:
    derived = derive(sp.Eq(u[i], sp.Sum(W[i, j] * x[j], (j, 1, n)) + b[i]))
    assert str(derived["W"].vector) == "grad_u @ x.T"


def test_a_sum_may_count_from_one_where_its_index_is_bare() -> None:
    np.testing.assert_allclose(forward(sp.Eq(s, sp.Sum(x[j] ** 2, (j, 1, n))), x=X), 14, **tolerance())


@pytest.mark.parametrize("body", [w[k] * x[i + k - 1], k * x[k], sp.KroneckerDelta(k, i) * x[k]])
def test_a_sum_from_one_whose_index_is_more_than_bare_is_refused(body: Any) -> None:
    with pytest.raises(NotADefinition, match="k is counted from 1 and is more than a bare index; count it from 0"):
        from_sympy(sp.Eq(u[i], sp.Sum(body, (k, 1, m))))


def test_a_sum_over_two_indices_and_an_idx_with_its_range() -> None:
    A = np.arange(6.0).reshape(2, 3)
    p, q = sp.Idx("p", n), sp.Idx("q", m)
    assert forward(sp.Eq(s, sp.Sum(W[i, j] * W[i, j], (i, 0, n - 1), (j, 0, m - 1))), W=A) == 55
    assert forward(sp.Eq(s, sp.Sum(W[p, q], p, q)), W=A) == 15


def test_the_size_of_a_sum_is_a_number_in_the_equation() -> None:
    np.testing.assert_allclose(forward(sp.Eq(s, sp.Sum(x[j], (j, 0, n - 1)) / n), x=X), 2 / 3, **tolerance())


def test_a_fixed_range_is_a_fixed_size() -> None:
    definition = from_sympy(sp.Eq(u[i], sp.Sum(x[i + k], (k, 0, 2))))
    assert definition.assignments[0].right.limits[0][2] == 2


def test_several_equations_follow_each_other() -> None:
    h, v = map(sp.IndexedBase, "hv")
    derived = derive([sp.Eq(h[i], sp.exp(x[i])), sp.Eq(v[i], h[i] ** 2)])
    np.testing.assert_allclose(derived.forward({"x": X})["v"], np.exp(2 * X), **tolerance())


@pytest.mark.parametrize(
    ("right", "want"),
    [
        (sp.Max(x[i], 0), np.maximum(X, 0)),
        (sp.Min(x[i], b[i], 1), np.minimum(np.minimum(X, B), 1)),
        (sp.Heaviside(x[i], 0), (X > 0).astype(float)),
        (sp.Piecewise((x[i], x[i] > 0), (2 * x[i], x[i] < -5), (b[i], True)), np.where(X > 0, X, B)),
        (sp.Abs(x[i]) + sp.sign(x[i]), np.abs(X) + np.sign(X)),
        (sp.sqrt(x[i] ** 2 + 1) * sp.pi, np.sqrt(X**2 + 1) * np.pi),
        (x[i] / (1 + sp.exp(-b[i])), X / (1 + np.exp(-B))),
    ],
)
def test_sympys_functions_mean_what_they_mean_to_sympy(right: Any, want: Any) -> None:
    derived = derive(sp.Eq(u[i], right))
    tensors = {"x": X, "b": B}
    got = derived.forward({t.name: tensors[t.name] for t in derived.definition.inputs})["u"]
    np.testing.assert_allclose(got, want, **tolerance())


def test_a_function_that_the_notation_lacks_is_named() -> None:
    from scratchgrad.notation.mistakes import UnknownName

    with pytest.raises(UnknownName, match="unknown function 'gamma'"):
        from_sympy(sp.Eq(u[i], sp.gamma(x[i])))


def test_an_open_range_is_refused() -> None:
    for limits in ((j, 0, n), (j, 2, n), (j, 0, i)):  # the last two: no whole axis; the first: n + 1 elements, no name
        with pytest.raises(NotADefinition, match="a sum runs over a whole axis"):
            from_sympy(sp.Eq(u[i], sp.Sum(x[j], limits)))


def test_one_letter_over_two_ranges_is_refused() -> None:
    with pytest.raises(NotADefinition, match="runs over two ranges"):
        from_sympy(sp.Eq(s, sp.Sum(x[j], (j, 0, n - 1)) * sp.Sum(b[j], (j, 0, m - 1))))
