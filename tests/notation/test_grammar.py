"""The text grammar: what a text means, decided by its value."""

from __future__ import annotations

from typing import Any

import numpy as np
import pytest

from scratchgrad.gradients import derive
from scratchgrad.notation.definition import Definition
from scratchgrad.notation.grammar import parse
from tests.tolerances import tolerance


def value(text: str, /, options: dict[str, Any] | None = None, **tensors: Any) -> Any:
    """The value of a text's output at these tensors."""
    derived = derive(text, **(options or {}))
    return derived.forward(tensors)[derived.definition.outputs[0].name]


def shapes(definition: Definition) -> dict[str, tuple[str, ...]]:
    """The names of the sizes of every input's axes."""
    return {t.name: tuple(map(str, t.sizes)) for t in definition.inputs}


# -- operators


@pytest.mark.parametrize(
    ("text", "want"),
    [
        ("u = -x**2", -9),
        ("u = (-x)**2", 9),
        ("u = 2**3**2", 512),
        ("u = 2**-1", 0.5),
        ("u = x - 1 - 1", 1),
        ("u = x - (1 - 1)", 3),
        ("u = 12/x/2", 2),
        ("u = 12/(x/2)", 8),
        ("u = --x", 3),
        ("u = 2*-x", -6),
        ("u = +x", 3),
        ("u = 1 + 2*x**2", 19),
        ("u = .5*x + 1e-1 + 2.5E1 + 3.", 29.6),
        ("u = pi*x", 3 * np.pi),
        ("u = where(x > 3, 1, 2)", 2),
        ("u = where(x >= 3, 1, 2)", 1),
        ("u = where(x == 3, 1, 2)", 1),
        ("u = where(x != 3, 1, 2)", 2),
        ("u = where(x < 3 or x > 2 and x > 9, 1, 2)", 2),
        ("u = where((x < 3 or x > 2) and x < 9, 1, 2)", 1),
        ("u = where(not x < 3 and x < 9, 1, 2)", 1),
        ("u = where(x + 1 > 2*1, 1, 2)", 1),
        ("u = max(x, 5) - min(x, 1)", 4),
        ("u = sign(-x)*abs(-x)", -3),
    ],
)
def test_operators_bind_as_on_paper(text: str, want: float) -> None:
    np.testing.assert_allclose(value(text, x=3.0), want, **tolerance())


@pytest.mark.parametrize(
    ("name", "function"),
    [("exp", np.exp), ("log", np.log), ("sqrt", np.sqrt), ("sin", np.sin), ("cos", np.cos), ("tanh", np.tanh),
     ("abs", np.abs), ("sign", np.sign), ("sigmoid", lambda x: 1 / (1 + np.exp(-x)))],
)  # fmt: skip
def test_a_function_acts_on_every_element(name: str, function: Any) -> None:
    x = np.array([0.3, 1.0, 2.5])
    np.testing.assert_allclose(value(f"u[i] = {name}(x[i])", x=x), function(x), **tolerance())


def test_a_decimal_number_is_the_exact_fraction() -> None:
    assert str(parse("u = 0.1*x").assignments[0].right) == "x/10"


# -- sums, maxima, indices


def test_a_sum_runs_over_the_whole_axis() -> None:
    W, x = np.arange(6.0).reshape(2, 3), np.array([1.0, 10, 100])
    np.testing.assert_array_equal(value("u[i] = Sum(W[i,j]*x[j], j)", W=W, x=x), W @ x)


def test_a_maximum_runs_over_the_whole_range_of_all_its_indices() -> None:
    W = np.array([[1.0, -7], [5, 3]])
    assert value("s = Max(W[i,j], i, j)", W=W) == 5
    np.testing.assert_array_equal(value("u[i] = Max(-W[i,j], j)", W=W), [7, -3])


def test_a_bound_letter_hides_the_letter_outside() -> None:
    x = np.array([1.0, 2, 3])
    np.testing.assert_array_equal(value("u[i] = x[i]*Sum(x[i]**2, i)", x=x), 14 * x)


def test_nested_sums_over_one_letter_each_count() -> None:
    x, y = np.array([1.0, 2, 3]), np.array([1.0, 1])
    assert value("s = Sum(Sum(x[i]*y[k], i)*Sum(x[i], i), k)", x=x, y=y) == 72
    assert value("s = Sum(Sum(x[i], i), i)", x=x) == 18  # the inner sum does not depend on the outer index
    assert value("s = Sum(Sum(Sum(x[i]*y[k], i), k), i)", x=x, y=y) == 36


def test_one_index_twice_in_a_sum_counts_its_axis_twice() -> None:
    assert value("s = Sum(x[i], i, i)", x=np.array([1.0, 2, 3])) == 18


def test_a_repeated_index_takes_the_diagonal() -> None:
    A = np.arange(9.0).reshape(3, 3)
    np.testing.assert_array_equal(value("u[i] = A[i,i]", A=A), [0, 4, 8])


def test_an_element_out_of_range_is_zero_on_both_sides() -> None:
    x = np.array([1.0, 2, 3])
    np.testing.assert_array_equal(value("u[i] = x[i]*0 + x[i-1]", x=x), [0, 1, 2])
    np.testing.assert_array_equal(value("u[i] = x[i]*0 + x[i+2]", x=x), [3, 0, 0])
    np.testing.assert_array_equal(value("u[i] = x[i]*0 + x[1]", x=x), [2, 2, 2])


def test_stride_dilation_and_padding_are_affine_indices() -> None:
    x, w = np.arange(1.0, 8), np.array([1.0, 10, 100])
    got = value("u[i] = Sum(w[k]*x[2*i+3*k-1], k)*y[i]", x=x, w=w, y=np.ones(3))
    padded = np.concatenate([[0], x, np.zeros(9)])
    want = [sum(w[k] * padded[2 * i + 3 * k] for k in range(3)) for i in range(3)]
    np.testing.assert_array_equal(got, want)


def test_an_integer_tensor_picks_rows_and_counts_from_zero() -> None:
    E, t = np.arange(6.0).reshape(3, 2), np.array([2, 0, 2, 5])
    definition = parse("u[n,k] = E[t[n],k]")
    assert [x.name for x in definition.inputs if x.integer] == ["t"]
    np.testing.assert_array_equal(value("u[n,k] = E[t[n],k]", E=E, t=t), [[4, 5], [0, 1], [4, 5], [0, 0]])


def test_delta_is_one_where_its_places_agree() -> None:
    x, t = np.array([3.0, 4, 5]), np.array([1, 9])
    np.testing.assert_array_equal(value("A[i,j] = delta(i,j)*x[i]", {"ranges": {"j": "n_i"}}, x=x), np.diag(x))
    np.testing.assert_array_equal(value("A[n,i] = delta(i,t[n])*x[i]", x=x, t=t), [[0, 4, 0], [0, 0, 0]])


def test_an_index_is_also_its_value_and_a_size_its_number() -> None:
    x = np.array([5.0, 5, 5])
    np.testing.assert_array_equal(value("u[i] = i*x[i] + n_i", x=x), [3, 8, 13])
    np.testing.assert_array_equal(
        value("u[i] = Sum(where(j <= i, x[j], 0), j)", {"tensors": "x[n] u[n]"}, x=x), [5, 10, 15]
    )


def test_matrix_functions_are_of_the_whole_tensor() -> None:
    A = np.array([[2.0, 1], [1, 3]])
    np.testing.assert_allclose(value("B[i,j] = Inv(A)[i,j]", A=A), np.linalg.inv(A), **tolerance())
    np.testing.assert_allclose(value("s = Det(A) + LogDet(A)", A=A), 5 + np.log(5), **tolerance())


# -- which size an axis has


def test_an_index_ranges_over_the_axis_that_it_indexes_bare() -> None:
    assert shapes(parse("u[i] = Sum(w[k]*x[2*i+k], k)")) == {"w": ("n_k",), "x": ("n_x_1",)}


def test_two_axes_indexed_by_one_letter_have_one_size() -> None:
    definition = parse("u[i] = Sum(A[i,j]*B[j,i], j)")
    assert shapes(definition) == {"A": ("n_i", "n_j"), "B": ("n_j", "n_i")}


def test_declared_sizes_win_and_spread_to_all_axes_of_a_letter() -> None:
    definition = parse("u[i] = Sum(W[i,j]*x[j], j)", tensors="x[N]", ranges={"i": 4})
    assert shapes(definition) == {"W": ("4", "N"), "x": ("N",)}


def test_inverses_are_of_square_tensors() -> None:
    assert shapes(parse("s = LogDet(A)")) == {"A": ("n_A_1", "n_A_1")}


def test_a_declared_scalar_may_be_called_like_a_letter() -> None:
    assert value("u[i] = n*x[i]", {"tensors": "n"}, n=2.0, x=np.ones(2)).tolist() == [2, 2]


# -- statements


def test_statements_end_at_semicolons_and_at_lines_outside_brackets() -> None:
    one = parse("h[i] = Sum(W[i,j]*x[j],\n j)\nu[i] = max(h[i], 0);;\n")
    assert [a.target.name for a in one.assignments] == ["h", "u"]
    assert [o.name for o in one.outputs] == ["u"]


def test_the_inputs_stand_in_the_order_of_the_text() -> None:
    assert [t.name for t in parse("u[i] = c*y[i] + b; s = Sum(u[i]*x[i], i)").inputs] == ["c", "y", "b", "x"]


def test_a_bare_expression_is_the_output_over_its_free_letters() -> None:
    definition = parse("x[i]*y[j]")
    assert str(definition) == "out[i,j] = x[i]*y[j]"


def test_several_outputs_are_named() -> None:
    definition = parse("o[i] = exp(v[i]); L = Sum(o[i], i)", outputs=["o", "L"])
    assert [o.name for o in definition.outputs] == ["o", "L"]
