"""Evaluation: what an expression is worth, in float64 and in exact numbers."""

from __future__ import annotations

from fractions import Fraction
from typing import Any

import mpmath
import numpy as np
import pytest
import sympy as sp
from hypothesis import given
from hypothesis import strategies as st

from scratchgrad.notation.arithmetic import Float
from scratchgrad.notation.binding import element, max_over, sum_over
from scratchgrad.notation.evaluation import EvaluationError, NoSuchFunction, Valuation
from scratchgrad.notation.exact_arithmetic import Exact, exact_array
from scratchgrad.notation.indices import Index, Size
from scratchgrad.notation.nodes import Attains, Indicator, Maximum, Where
from tests.tolerances import tolerance

m, n = Size("m"), Size("n")
i, j, k = Index("i", n), Index("j", n), Index("k", m)
x, y, W = element("x", (i,)), element("y", (k,)), element("W", (i, k))


def valuation(arithmetic: Any = None, **tensors: Any) -> Valuation:
    """The tensors, x with n elements and y with m."""
    sizes = {n: len(tensors.get("x", [0, 0, 0])), m: len(tensors.get("y", [0, 0]))}
    return Valuation({name: np.asarray(v) for name, v in tensors.items()}, sizes, arithmetic)


BOTH = pytest.mark.parametrize("arithmetic", [Float(), Exact()], ids=["float", "exact"])


@BOTH
def test_an_empty_sum_is_zero_and_an_empty_maximum_does_not_exist(arithmetic: Any) -> None:
    at = valuation(arithmetic, x=np.zeros(0))
    assert at.value(sum_over(x, i)) == 0
    with pytest.raises(EvaluationError, match="the maximum over an empty axis does not exist"):
        at.value(max_over(x, i))


@BOTH
def test_an_index_that_the_body_does_not_contain_counts_its_axis(arithmetic: Any) -> None:
    at = valuation(arithmetic, x=[1.0, 2, 3], y=[1.0, 1])
    assert at.value(sum_over(x, i, k)) == 12
    assert at.value(sum_over(sp.Integer(1), i, k)) == 6


@BOTH
def test_a_product_with_an_indicator_is_zero_where_it_fails_even_beside_infinity(arithmetic: Any) -> None:
    at = valuation(arithmetic, x=[0.0, 1, 4])
    values = at.value(Indicator(sp.Gt(x, 0)) * sp.log(x), (i,))
    assert values[0] == 0
    np.testing.assert_allclose(values[1:].astype(float), [0, np.log(4)], **tolerance())


@BOTH
def test_where_takes_the_branch_of_its_condition(arithmetic: Any) -> None:
    at = valuation(arithmetic, x=[-1.0, 0, 2])
    assert at.value(Where(sp.Ge(x, 0), x, -3 * x), (i,)).tolist() == [3, 0, 2]


@BOTH
def test_conditions_join_by_and_or_not(arithmetic: Any) -> None:
    at = valuation(arithmetic, x=[-1.0, 0, 2])
    condition = sp.Or(sp.And(sp.Gt(x, 0), sp.Lt(x, 5)), sp.Not(sp.Ge(x, 0)))
    assert at.value(Indicator(condition), (i,)).tolist() == [1, 0, 1]


@BOTH
def test_a_value_depends_on_no_index_but_those_asked_for(arithmetic: Any) -> None:
    at = valuation(arithmetic, x=[1.0, 2, 3])
    with pytest.raises(EvaluationError, match="depends on i, which is not among the indices"):
        at.value(x)


def test_a_missing_tensor_is_named() -> None:
    with pytest.raises(EvaluationError, match="tensor 'y' has no value; given: x"):
        valuation(x=[1.0]).value(y, (k,))
    with pytest.raises(EvaluationError, match="given: none"):
        valuation().value(x, (i,))


def test_a_tensor_with_other_axes_is_named() -> None:
    with pytest.raises(EvaluationError, match=r"tensor 'W': expected 2 axes, got shape \(3,\)"):
        valuation(W=[1.0, 2, 3]).value(W, (i, k))


def test_a_size_that_nothing_fixes_is_named() -> None:
    with pytest.raises(
        EvaluationError, match="nothing fixes the size p; give a tensor or a gradient that has this axis"
    ):
        valuation(c=1.0).value(sum_over(element("c"), Index("l", Size("p"))))


def test_a_node_without_a_value_is_named() -> None:
    with pytest.raises(NoSuchFunction, match="no value is known for gamma in .*; a function has a row in notation"):
        valuation(x=[1.0]).value(sp.gamma(x), (i,))


def test_an_inverse_needs_a_square_tensor() -> None:
    from scratchgrad.notation.nodes import Determinant

    with pytest.raises(EvaluationError, match=r"needs a square tensor A, got shape \(2, 3\)"):
        Valuation({"A": np.ones((2, 3))}, {}).value(Determinant(sp.Symbol("A", real=True)))


def test_a_new_value_for_a_tensor_forgets_what_was_computed_from_the_old_one() -> None:
    at = valuation(x=[1.0, 2, 3])
    assert at.value(sum_over(x, i)) == 6
    at.assign("x", np.array([1.0, 1, 1]))
    assert at.value(sum_over(x, i)) == 3


# -- exact numbers


def test_exact_arithmetic_stays_rational_while_it_can() -> None:
    at = valuation(Exact(), x=[0.1, 0.2, 0.25])
    got = at.value(sum_over(x**2 / 3, i))[()]
    assert isinstance(got, Fraction)
    assert got == sum(Fraction(v) ** 2 / 3 for v in (0.1, 0.2, 0.25))


def test_exact_arithmetic_has_the_digits_that_were_asked_for() -> None:
    got = valuation(Exact(60), x=[2.0]).value(sp.exp(x), (i,))[0]
    with mpmath.workdps(60):
        assert abs(got - mpmath.exp(2)) < mpmath.mpf(10) ** -58


def test_exact_arithmetic_sees_what_float_cancels() -> None:
    at = valuation(Exact(), x=[1e16, 1.0, -1e16])
    assert at.value(sum_over(x, i)) == 1


def test_exact_comparison_tells_neighbouring_numbers_apart() -> None:
    third = element("t")
    for arithmetic, want in ((Float(), 0), (Exact(), 1)):
        at = Valuation({"t": np.array(3.0)}, {}, arithmetic)
        assert at.value(Indicator(sp.Gt(1 / third + sp.Rational(1, 10**30), 1 / third))) == want


def test_a_float_is_the_rational_number_that_it_stands_for() -> None:
    assert exact_array([0.1])[0] == Fraction(3602879701896397, 36028797018963968)
    assert exact_array(np.array([3]))[0] == 3
    assert exact_array([sp.Rational(1, 3)])[0] == Fraction(1, 3)
    assert mpmath.isinf(exact_array([np.inf])[0])


def test_exact_inverses_and_determinants_are_rational() -> None:
    from scratchgrad.notation.nodes import Determinant, InverseElement

    A = sp.Symbol("A", real=True)
    at = Valuation({"A": np.array([[2.0, 1], [1, 3]])}, {n: 2}, Exact())
    assert at.value(Determinant(A)) == 5
    assert at.value(InverseElement(A, i, j), (i, j)).tolist() == [
        [Fraction(3, 5), Fraction(-1, 5)],
        [Fraction(-1, 5), Fraction(2, 5)],
    ]


def test_nan_compares_with_nothing_in_exact_numbers_either() -> None:
    for arithmetic in (Float(), Exact()):
        at = valuation(arithmetic, x=[np.nan])
        assert at.value(Indicator(sp.Eq(x, element("x", (0,)) + 0 * x)) * 1, (i,)).tolist() in ([1], [0])
        assert at.value(Indicator(sp.Ge(x, 0)), (i,)).tolist() == [0]


@given(st.lists(st.floats(-20, 20), min_size=1, max_size=4), st.lists(st.floats(-20, 20), min_size=1, max_size=3))
def test_exact_and_float_agree_on_every_function(xs: list[float], ys: list[float]) -> None:
    for e in (
        sp.tanh(x) * sp.sin(y) + sp.cos(x * y),
        sp.erf(x) / (1 + y**2),
        Maximum(x, y) * sp.sign(y) - sp.Abs(x),
        sp.sqrt(x**2 + 1) ** 3,
        sum_over(sp.KroneckerDelta(i, k) * y, i) + 0 * x,
        max_over(x - y, i),
    ):
        free = (i, k) if e.has(x) and not e.has(sp.Sum) and not e.atoms(type(max_over(x, i))) else (k,)
        got = valuation(Exact(), x=xs, y=ys).value(e, free).astype(float)
        np.testing.assert_allclose(got, valuation(Float(), x=xs, y=ys).value(e, free), rtol=1e-9, atol=1e-9)


@BOTH
def test_a_maximum_is_attained_however_its_terms_are_summed(arithmetic: Any) -> None:
    values = np.random.default_rng(0).normal(size=50)
    at = Valuation({"x": values, "one": np.ones((1, 50))}, {n: 50, m: 1}, arithmetic)
    one = element("one", (k, i))
    total, same = sum_over(sp.sin(x), i), max_over(sum_over(one * sp.sin(x), i), k)
    assert at.value(Indicator(Attains(total, same))) == 1
    assert at.value(Indicator(Attains(total + sp.Rational(1, 10**9), same))) == 0
