"""Sifting: a sum of deltas is the element that survives, under stride, padding and at the edges."""

from __future__ import annotations

import numpy as np
import pytest
import sympy as sp
from hypothesis import given
from hypothesis import strategies as st

from scratchgrad.calculus.sifting import in_range, inside, pull_out, sift
from scratchgrad.notation.binding import element, free_indices, sum_over
from scratchgrad.notation.evaluation import Valuation
from scratchgrad.notation.indices import Index, Size
from scratchgrad.notation.nodes import Indicator

n, m = Size("n"), Size("m")
i, j = Index("i", n), Index("j", n)
k, l_ = Index("k", m), Index("l", m)
delta = sp.KroneckerDelta
x, y = element("x", (i,)), element("y", (k,))


def sifted(e: sp.Expr) -> sp.Expr:
    """E with all deltas collapsed that can be."""
    while True:
        e, survivors = sift(e)
        if not survivors:
            return e


def value(e: sp.Expr, sizes: tuple[int, int] = (3, 4)) -> np.ndarray:
    """The value of e over i, j, k at random tensors without zeros."""
    random = np.random.default_rng(2)
    tensors = {"x": random.uniform(1, 2, sizes[0]), "y": random.uniform(1, 2, sizes[1])}
    tensors["W"] = random.uniform(1, 2, sizes)
    at = Valuation({**tensors, "t": random.integers(-1, sizes[1] + 1, sizes[0])}, {n: sizes[0], m: sizes[1]})
    result: np.ndarray = at.value(e, (i, j, k))
    return result


def test_a_delta_whose_range_contains_the_free_index_leaves_no_sum() -> None:
    assert sifted(sum_over(delta(i, j) * x, i)) == element("x", (j,))


def test_two_deltas_collapse_two_sums() -> None:
    W = element("W", (i, k))
    assert sifted(sum_over(delta(i, j) * delta(k, l_) * W, i, k)) == element("W", (j, l_))


def test_a_delta_on_another_axis_of_unknown_length_keeps_its_bound() -> None:
    assert sifted(sum_over(delta(k, i), k)) == Indicator(sp.Le(i, m - 1))


def test_an_element_guards_itself_because_it_is_zero_outside() -> None:
    assert sifted(sum_over(delta(k, 2 * i + 1) * y, k)) == element("y", (2 * i + 1,))


def test_a_function_of_an_element_does_not_guard() -> None:
    e = sum_over(delta(k, 2 * i) * sp.exp(y), k)
    assert sifted(e).has(Indicator)
    np.testing.assert_allclose(value(sifted(e)), value(e))


def test_a_guard_beside_a_pole_is_no_guard() -> None:
    for e in (sum_over(delta(k, i + 2) * y * sp.log(y), k), sum_over(delta(k, i + 2) * y / element("W", (i, k)), k)):
        assert sifted(e).has(Indicator)
        np.testing.assert_allclose(value(sifted(e)), value(e))


def test_a_stride_keeps_the_sum_because_divisibility_would_be_lost() -> None:
    e = sum_over(delta(k, 2 * i) * x, i)
    assert sifted(e) == e


def test_deltas_inside_terms_are_collapsed_term_by_term() -> None:
    e = sum_over(x * (delta(i, j) + 1), i)
    np.testing.assert_allclose(value(sifted(e)), value(e))
    assert not sifted(e).has(delta)


def test_an_inner_sum_steps_aside_for_the_place_that_comes_in() -> None:
    W, V = element("W", (i, k)), element("W", (j, k))
    e = sum_over(delta(i, j) * x * sum_over(W * sum_over(V, j), k), i)
    np.testing.assert_allclose(value(sifted(e)), value(e))


def test_an_integer_valued_place_is_sifted_to_an_element() -> None:
    t = element("t", (i,), integer=True)
    assert sifted(sum_over(delta(k, t) * y, k)) == element("y", (t,))
    e = sum_over(delta(k, t) * sp.exp(y), k)
    np.testing.assert_allclose(value(sifted(e)), value(e))


def test_an_index_inside_an_integer_tensor_is_not_solved_for() -> None:
    e = sum_over(delta(k, element("t", (i,), integer=True)) * x, i)
    assert sifted(e) == e


places = st.builds(
    lambda a, b, c: a * i + b * j + c,
    st.sampled_from([-2, -1, 0, 1, 2]),
    st.sampled_from([-1, 0, 1, 3]),
    st.integers(-3, 3),
)
bodies = st.sampled_from(
    [
        y,
        sp.exp(y),
        sp.Integer(1),
        y * element("W", (i, k)),
        y + x,
        k * y,
        sp.cos(k) + y**2,
        sum_over(element("W", (j, k)), j),
    ]
)


@given(places, bodies, st.tuples(st.integers(1, 4), st.integers(1, 4)))
def test_whatever_the_stride_and_the_offset_the_value_stays(
    place: sp.Expr, body: sp.Expr, sizes: tuple[int, int]
) -> None:
    for e in (
        sum_over(delta(k, place) * body, k),
        sum_over(delta(place, k) * delta(i, j) * body, k, i),
        sum_over(delta(place, k) * body * x, i, k),
        sum_over(sum_over(delta(place, k) * x, i) * body, k),
    ):
        np.testing.assert_allclose(value(sifted(e), sizes), value(e, sizes), rtol=1e-12, atol=1e-12)


@given(places, st.tuples(st.integers(1, 4), st.integers(1, 4)))
def test_a_place_is_inside_exactly_where_its_indicator_says_so(place: sp.Expr, sizes: tuple[int, int]) -> None:
    got = value(sp.sympify(inside([(k, place)])), sizes)
    a, b = np.arange(sizes[0]).reshape(-1, 1, 1), np.arange(sizes[0]).reshape(1, -1, 1)
    numbers = sp.lambdify((i, j), place, "numpy")(a, b)
    want = np.broadcast_to((np.asarray(numbers) >= 0) & (np.asarray(numbers) < sizes[1]), got.shape)
    np.testing.assert_array_equal(got, want)


def test_bounds_that_always_hold_are_not_written() -> None:
    assert in_range(i, j)
    assert in_range(i, n - 1 - j)
    assert not in_range(i, j - 1)
    assert inside([(i, j - 1)]) == Indicator(sp.Ge(j - 1, 0))
    assert inside([(i, j + 1)]) == Indicator(sp.Le(j + 1, n - 1))


@pytest.mark.parametrize(
    ("e", "want"),
    [
        (sum_over(2 * x, i), 2 * sum_over(x, i)),
        (sum_over(x * y, i), y * sum_over(x, i)),
        (sum_over(y, i), n * y),
        (sum_over(x, i, k), m * sum_over(x, i)),
        (sum_over(sp.Integer(1), i), n),
    ],
)
def test_constant_factors_go_in_front_and_unused_indices_count(e: sp.Expr, want: sp.Expr) -> None:
    assert pull_out(e) == want
    assert free_indices(pull_out(e)) == free_indices(e)
