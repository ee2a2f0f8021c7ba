"""Bound and free indices: no substitution changes a meaning."""

from __future__ import annotations

from typing import Any

import numpy as np
import sympy as sp
from hypothesis import given
from hypothesis import strategies as st

from scratchgrad.calculus.canonical import canonical, reletter
from scratchgrad.notation.binding import (
    bound,
    element,
    free_indices,
    index_names,
    max_over,
    rename_bound,
    replace_tensors,
    substitute,
    sum_over,
    tensors_in,
)
from scratchgrad.notation.evaluation import Valuation
from scratchgrad.notation.indices import Index, Size, fresh
from scratchgrad.notation.nodes import Where

n = Size("n")
LETTERS = [Index(letter, n) for letter in "ijkl"]
i, j, k = LETTERS[:3]
VALUES = np.random.default_rng(5)
AT = Valuation(
    {"x": VALUES.normal(size=3), "A": VALUES.normal(size=(3, 3)), "T": VALUES.normal(size=(3, 3, 3))}, {n: 3}
)


def x(*places: Any) -> sp.Expr:
    """An element of x, A or T, by the number of its places."""
    return element({1: "x", 2: "A", 3: "T"}[len(places)], places)


@st.composite
def expressions(draw: Any, depth: int = 3) -> sp.Expr:
    """Sums, maxima, products and functions over four letters, which hide each other as they please."""
    index = st.sampled_from(LETTERS)
    if depth == 0:
        return x(*draw(st.lists(index, min_size=1, max_size=3)))
    inner = expressions(depth - 1)
    kind = draw(st.sampled_from(["sum", "sum", "max", "add", "mul", "function", "where", "leaf"]))
    if kind in ("sum", "max"):
        over = draw(st.lists(index, min_size=1, max_size=2, unique=True))
        return (sum_over if kind == "sum" else max_over)(draw(inner), *over)
    if kind == "add":
        return draw(inner) + draw(inner)
    if kind == "mul":
        return draw(inner) * draw(inner)
    if kind == "function":
        return draw(st.sampled_from([sp.sin, sp.tanh, lambda e: e**2]))(draw(inner))
    if kind == "where":
        return Where(sp.Le(draw(index), draw(index)), draw(inner), draw(inner))
    return x(*draw(st.lists(index, min_size=1, max_size=3)))


def value(e: sp.Basic, at: dict[Index, int] | None = None) -> Any:
    """The value of e over i, j, k, l; with some of them fixed."""
    values = AT.value(e, tuple(LETTERS))
    for position, index in enumerate(LETTERS):
        if at and index in at:
            values = np.take(values, [at[index]], axis=position)
    return values


def same(a: Any, b: Any) -> None:
    """Equal to rounding: the order of summation may differ."""
    size = max(1, np.abs(np.asarray(b)).max())
    np.testing.assert_allclose(a, b, rtol=1e-9, atol=1e-9 * size)


@given(expressions(), st.sampled_from(LETTERS), st.sampled_from(LETTERS))
def test_substituting_an_index_is_evaluating_at_that_index(e: sp.Expr, old: Index, new: Index) -> None:
    got = value(substitute(e, {old: new}))
    before = value(e)
    a, b = LETTERS.index(old), LETTERS.index(new)
    want = np.empty_like(got)
    for place in np.ndindex(got.shape):
        taken = list(place)
        taken[a] = place[b]
        want[place] = before[tuple(taken)]
    same(got, want)


@given(expressions(), st.permutations(LETTERS))
def test_indices_are_exchanged_at_once_not_one_after_the_other(e: sp.Expr, order: list[Index]) -> None:
    got = value(substitute(e, dict(zip(LETTERS, order, strict=True))))
    axes = [order.index(letter) for letter in LETTERS]
    same(got, np.transpose(value(e), axes))


@given(expressions(), st.sampled_from(LETTERS), st.integers(0, 2))
def test_substituting_a_number_takes_that_slice(e: sp.Expr, old: Index, number: int) -> None:
    got = value(substitute(e, {old: sp.Integer(number)}))
    same(got, np.broadcast_to(value(e, {old: number}), got.shape))


@given(expressions(), st.sets(st.sampled_from("ijkl")))
def test_renaming_bound_indices_changes_names_and_nothing_else(e: sp.Expr, taken: set[str]) -> None:
    renamed = rename_bound(e, taken)
    assert free_indices(renamed) == free_indices(e) or set(free_indices(renamed)) == set(free_indices(e))
    assert not taken & {b.name for node in sp.preorder_traversal(renamed) for b in bound(node)}
    same(value(renamed), value(e))


@given(expressions())
def test_readable_letters_change_nothing(e: sp.Expr) -> None:
    same(value(reletter(e, {"i"})), value(e))


@given(expressions())
def test_the_canonical_form_has_the_same_value_and_free_indices(e: sp.Expr) -> None:
    form = canonical(e)
    assert set(free_indices(form)) <= set(free_indices(e))
    same(value(form), value(e))


@given(expressions())
def test_the_canonical_form_does_not_depend_on_the_names_of_bound_indices(e: sp.Expr) -> None:
    assert canonical(rename_bound(e, "ijkl")) == canonical(e)


@given(expressions())
def test_free_indices_are_those_on_which_the_value_depends(e: sp.Expr) -> None:
    values = value(e)
    for position, index in enumerate(LETTERS):
        if index not in free_indices(e):
            same(values, np.broadcast_to(np.take(values, [0], axis=position), values.shape))


# -- by hand: the cases that SymPy's own substitution gets wrong


def test_a_bound_index_steps_aside_for_an_incoming_one() -> None:
    e = sum_over(x(i, j), j)
    assert substitute(e, {i: j}) == sum_over(x(j, k), k)


def test_a_bound_index_is_not_substituted() -> None:
    e = sum_over(x(j), j)
    assert substitute(e, {j: i}) == e


def test_a_body_that_comes_under_a_sum_of_its_own_letter_is_counted_not_caught() -> None:
    e = sum_over(sum_over(x(j), j), j)
    assert len({b.name for b in bound(e)}) == 2
    assert AT.value(e) == 3 * AT.value(sum_over(x(j), j))


def test_indices_of_different_axes_are_different_even_with_one_letter() -> None:
    assert Index("i", Size("n")) != Index("i", Size("m"))
    assert Index("i", Size("n")) == Index("i", Size("n"))
    assert hash(Index("i", 3)) == hash(Index("i", 3))


def test_a_fresh_index_takes_the_next_letter_as_on_paper() -> None:
    assert fresh(i, {"i"}).name == "j"
    assert fresh(i, {"i", "j", "k"}).name == "l"
    assert fresh(i, {"k"}) == i
    assert fresh(Index("n_1", n), {"n_1"}).name not in {"n_1"}
    every = {chr(c) for c in range(ord("a"), ord("z") + 1)}
    assert fresh(i, every).name == "i_1"


def test_an_index_survives_copying_and_pickling() -> None:
    import copy
    import pickle

    for e in (i, n, sum_over(x(i, j), j)):
        assert pickle.loads(pickle.dumps(e)) == e
        assert copy.deepcopy(e) == e
    assert pickle.loads(pickle.dumps(i)).size == n


def test_every_tensor_of_an_expression_is_found_index_positions_included() -> None:
    t = element("t", (i,), integer=True)
    e = sum_over(x(t) * x(i, j), j)
    assert sorted(map(str, tensors_in(e))) == ["A[i, j]", "t[i]", "x[t[i]]"]
    assert index_names(e) == {"i", "j"}


def test_tensors_are_replaced_inside_sums_and_indices() -> None:
    e = sum_over(x(i) * x(i, j), i)
    assert replace_tensors(e, lambda t: x(j) if t == x(i) else None) == sum_over(x(j) * x(i, j), i)


def test_indices_are_equal_where_letter_and_axis_are():
    i, n = Index("i", Size("n")), Size("n")
    assert i == Index("i", n) and hash(i) == hash(Index("i", n))
    for other in (Index("j", n), Index("i", Size("m")), Index("i", 3), sp.Symbol("i", integer=True, nonnegative=True)):
        assert i != other and other != i
    assert i not in ("i", 1, ())
