"""Arrays in a domain: what lies outside is named, and what is moved inside lies there."""

from __future__ import annotations

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from hypothesis.extra.numpy import arrays

from scratchgrad.domain import STRUCTURES, Domain
from scratchgrad.membership import DomainViolated, check, inside, outside

INTERVALS = [">0", ">=0", "<0", "<=1", ">2.5", ">=-1.5", " in (-1,1)", " in [0,1)", " in (0.1,0.7]", " in [2,2]"]
DOMAINS = [Domain.parse(text) for text in ["", *INTERVALS, ":simplex>0", *(f":{s}" for s in STRUCTURES)]]
NUMBERS = st.one_of(st.sampled_from([0.0, 1.0, -1.0, 2.5, 1000.0, -1000.0, 1e-3]), st.floats(-1e4, 1e4, width=32))


@given(
    domain=st.sampled_from(DOMAINS),
    values=st.integers(1, 4).flatmap(lambda n: arrays(float, (2, n, n), elements=NUMBERS)),
)
def test_what_is_moved_inside_lies_inside_and_stays(domain, values):
    moved = inside(domain, values)
    assert moved.shape == values.shape
    assert outside(domain, moved) is None
    np.testing.assert_array_equal(inside(domain, moved), moved)


@given(values=arrays(float, (3, 5), elements=NUMBERS), bits=st.sampled_from([7, 20, 40]))
def test_rows_of_a_simplex_sum_to_exactly_1(values, bits):
    moved = inside(Domain.parse(":simplex"), values, bits)
    assert (moved.sum(axis=-1) == 1).all()
    assert (moved * 2.0**bits == np.round(moved * 2.0**bits)).all()


@given(values=arrays(float, (4,), elements=st.floats(0.25, 1e3)))
def test_values_that_are_inside_are_left_as_they_are(values):
    np.testing.assert_array_equal(inside(Domain.parse(">0"), values), values)


@pytest.mark.parametrize(
    ("domain", "values", "says"),
    [
        (">0", [1.0, 0.0], "expected d>0, got 0 at [1]; give values in this domain"),
        (">0", -1.0, "expected d>0, got -1; give"),
        (">0", float("nan"), "got nan"),
        (" in [0,1)", [[0.0, 1.0]], "expected d in [0,1), got 1 at [0, 1]"),
        (
            ":simplex",
            [[0.5, 0.5], [0.5, 0.25]],
            "d:simplex (rows of numbers >= 0 whose sum is 1), got a row with the sum 0.75 at [1]",
        ),
        (":simplex", [1.5, -0.5], "got 1.5 at [0]"),
        (":onehot", [1.0, 1.0], "got a row with the sum 2"),
        (":onehot", [0.5, 0.5], "got 0.5 at [0]"),
        (":sign", [1, 0], "d:sign (-1 or 1), got 0 at [1]"),
        (":binary", [1, -1], "got -1 at [1]"),
        (":probability", [0.0, 0.5], "d:probability (strictly between 0 and 1), got 0 at [0]"),
        (":symmetric", [[1.0, 2.0], [3.0, 1.0]], "got 2 at [0, 1] but 3 at [1, 0]"),
        (":positive_definite", [[1.0, 2.0], [2.0, 1.0]], "got a matrix with the eigenvalue -1"),
        (":positive_definite", [[1.0, 2.0]], "got a matrix of shape [1, 2]"),
    ],
)
def test_a_value_outside_is_named_with_its_place(domain, values, says):
    with pytest.raises(DomainViolated) as raised:
        check(Domain.parse(domain), values, "huber", "d")
    assert str(raised.value).startswith("huber: expected d")
    assert says in str(raised.value)


@pytest.mark.parametrize("dtype", [np.float32, np.float64])
def test_rounding_is_no_violation(dtype):
    check(Domain.parse(" in (0,0.1]"), np.asarray(0.1, dtype), "layer", "x")
    scores = np.random.default_rng(0).standard_normal((50, 30)).astype(dtype)
    check(Domain.parse(":simplex"), np.exp(scores) / np.exp(scores).sum(-1, keepdims=True), "layer", "p")
    check(Domain.parse(":symmetric"), scores @ scores.T, "layer", "A")
