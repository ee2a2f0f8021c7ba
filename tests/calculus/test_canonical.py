"""Canonical forms: equal expressions become identical, different ones do not."""

from __future__ import annotations

import numpy as np
import pytest
import sympy as sp
from hypothesis import given
from hypothesis import strategies as st

from scratchgrad.calculus.canonical import canonical, equal, reletter, same_but_letters, terms, tidy
from scratchgrad.notation.binding import bound, element, free_indices, index_names, max_over, sum_over
from scratchgrad.notation.evaluation import Valuation
from scratchgrad.notation.grammar import parse
from scratchgrad.notation.indices import Index, Size
from scratchgrad.notation.text import to_text

OPTIONS = {
    "tensors": "x[n] y[n] z[m] W[n,m] A[n,n] c",
    "ranges": {**dict.fromkeys("ijpq", "n"), **dict.fromkeys("klrs", "m")},
}
N, M = Size("n"), Size("m")


def expression(text: str) -> sp.Expr:
    """The right side of `u[i,k] = text`."""
    return parse(f"u[i,k] = {text}", **OPTIONS).assignments[0].right


def value(e: sp.Expr) -> np.ndarray:
    """Its value over i and k at random tensors."""
    random = np.random.default_rng(4)
    shapes = {"x": (3,), "y": (3,), "z": (4,), "W": (3, 4), "A": (3, 3), "c": ()}
    at = Valuation({name: random.normal(size=shape) for name, shape in shapes.items()}, {N: 3, M: 4})
    result: np.ndarray = at.value(e, (Index("i", N), Index("k", M)))
    return result


EQUAL = [
    ("Sum(x[j]*y[j], j)", "Sum(y[p]*x[p], p)"),
    ("Sum(x[j] + y[j], j)", "Sum(x[p], p) + Sum(y[q], q)"),
    ("Sum(2*c*x[j], j)", "2*c*Sum(x[p], p)"),
    ("Sum(Sum(W[j,l]*x[j], j)*z[l], l)", "Sum(x[p]*Sum(W[p,s]*z[s], s), p)"),
    ("Sum(Sum(A[p,j], p), j)", "Sum(A[j,p], j, p)"),
    ("Sum(A[p,j]*x[p], j, p)", "Sum(A[j,p]*x[j], j, p)"),
    ("Sum(A[i,j]*A[j,p]*x[p], j, p)", "Sum(A[i,p]*A[p,q]*x[q], q, p)"),
    ("(x[i] + y[i])*c", "c*y[i] + x[i]*c"),
    ("(x[i] + y[i])**2", "x[i]**2 + 2*x[i]*y[i] + y[i]**2"),
    ("Sum(x[j], j)**2", "Sum(x[j], j)*Sum(x[p], p)"),
    ("exp(Sum(x[j], j))", "exp(Sum(x[q], q))"),
    ("1/(c + Sum(x[j]*2, j))", "1/(2*Sum(x[p], p) + c)"),
    ("Max(x[j]*c, j)", "Max(c*x[p], p)"),
    ("Sum(where(x[j] > Sum(y[p], p), 1, 0), j)", "Sum(where(x[q] > Sum(y[j], j), 1, 0), q)"),
    ("Sum(c, j)", "n*c"),
    ("Sum(x[j]*(Sum(y[p], p) - y[j]), j)", "Sum(x[p], p)*Sum(y[j], j) - Sum(x[q]*y[q], q)"),
    ("x[i] - x[i]", "0"),
    ("Sum(x[i]*Sum(W[j,k]*A[j,p], j), p)", "Sum(x[i]*W[j,k]*A[j,q], q, j)"),
    ("(Sum(x[j], j) + Sum(y[j], j))**3", "Sum(x[p] + y[p], p)**3"),
]
DIFFERENT = [
    ("Sum(x[j]*y[j], j)", "Sum(x[j], j)*Sum(y[j], j)"),
    ("Sum(A[p,j]*x[p], j, p)", "Sum(A[j,p]*x[p], j, p)"),
    ("Sum(A[i,j]*x[j], j)", "Sum(A[j,i]*x[j], j)"),
    ("Sum(A[j,j], j)", "Sum(A[j,p], j, p)"),
    ("Max(x[j] + y[j], j)", "Max(x[j], j) + Max(y[j], j)"),
    ("exp(Sum(x[j], j))", "Sum(exp(x[j]), j)"),
    ("x[i]*Sum(y[i], i)", "Sum(x[i]*y[i], i)"),
    ("Sum(A[i,j]*Sum(x[i], i), j)", "Sum(A[j,j]*x[i], j)"),
    ("Sum(x[j], j)**2", "Sum(x[j]**2, j)"),
    ("W[i,k]", "W[0,k]"),
]


@pytest.mark.parametrize(("one", "other"), EQUAL)
def test_equal_expressions_have_one_form(one: str, other: str) -> None:
    np.testing.assert_allclose(value(expression(one)), value(expression(other)), rtol=1e-12, atol=1e-12)
    assert equal(expression(one), expression(other))


@pytest.mark.parametrize(("one", "other"), DIFFERENT)
def test_different_expressions_have_different_forms(one: str, other: str) -> None:
    assert not np.allclose(value(expression(one)), value(expression(other)))
    assert not equal(expression(one), expression(other))


@pytest.mark.parametrize("text", sorted({text for pair in EQUAL + DIFFERENT for text in pair}))
def test_the_canonical_form_keeps_the_value_and_is_idempotent(text: str) -> None:
    form = canonical(expression(text))
    np.testing.assert_allclose(value(form), value(expression(text)), rtol=1e-12, atol=1e-12)
    assert canonical(form) == form
    np.testing.assert_allclose(value(tidy(form, "ik")), value(form), rtol=1e-12, atol=1e-12)


def test_joining_sums_does_not_catch_a_letter_of_a_sibling() -> None:
    i, j, k = (Index(letter, N) for letter in "ijk")
    x, y, A = element("x", (k,)), element("y", (j,)), element("A", (j, k))
    e = sum_over(y * x * sum_over(A, k), j)  # x[k] outside, k bound inside
    at = Valuation({"x": np.array([1.0, 2, 3]), "y": np.ones(3), "A": np.arange(9.0).reshape(3, 3)}, {N: 3})
    np.testing.assert_array_equal(at.value(canonical(e), (k,)), at.value(e, (k,)))
    assert free_indices(canonical(e)) == (k,)
    assert i not in free_indices(e)


def test_terms_distribute_products_over_sums() -> None:
    a, b, c, d = (element(name) for name in "abcd")
    assert set(terms((a + b) * (c - d))) == {a * c, b * c, -a * d, -b * d}
    assert set(terms((a + b) ** 2)) == {a**2, a * b, b**2}


def test_readable_letters_come_from_the_axis_and_avoid_those_taken() -> None:
    i, j = Index("#1_n_i_0", Size("n_i")), Index("#1_n_j_0", Size("n_j"))
    e = sum_over(element("W", (i, j)), i, j)
    assert to_text(reletter(e)) == "Sum(W[i,j], i, j)"
    assert "i" not in index_names(reletter(e, {"i"}))


def test_a_letter_has_one_size_in_the_whole_expression() -> None:
    i, k = Index("i", N), Index("i", M)
    e = sum_over(element("x", (i,)), i) * sum_over(element("z", (k,)), k) + element("y", (Index("j", M),))
    sizes: dict[str, set[sp.Expr]] = {}
    for node in sp.preorder_traversal(reletter(e)):
        for index in bound(node) if node.args else ():
            sizes.setdefault(index.name, set()).add(index.size)
    assert all(len(of) == 1 for of in sizes.values())
    assert sizes.get("j", set()) <= {M}


factors = st.sampled_from(
    ["x[j]", "y[j]", "y[p]", "A[j,p]", "A[p,j]", "A[i,j]", "W[j,k]", "W[p,l]", "z[l]", "c", "2", "x[i]"]
)


@given(st.lists(factors, min_size=1, max_size=5), st.permutations("jpl"), st.randoms(use_true_random=False))
def test_the_order_of_factors_and_of_indices_does_not_matter(
    chosen: list[str], order: list[str], random: object
) -> None:
    shuffled = list(chosen)
    random.shuffle(shuffled)  # type: ignore[attr-defined]  # a random.Random
    one = expression(f"Sum({'*'.join(chosen)}, j, p, l)")
    other = expression(f"Sum({'*'.join(shuffled)}, {', '.join(order)})")
    assert equal(one, other)
    np.testing.assert_allclose(value(canonical(one)), value(other), rtol=1e-9, atol=1e-9)


pairs = st.lists(factors, min_size=1, max_size=4).map(lambda fs: f"Sum({'*'.join(fs)}, j, p, l)")


@given(pairs, pairs)
def test_two_products_have_one_form_exactly_when_they_have_one_value(one: str, other: str) -> None:
    a, b = expression(one), expression(other)
    same = bool(np.allclose(value(a), value(b), rtol=1e-9, atol=1e-12))
    assert equal(a, b) == same, f"{one} and {other}"


def test_a_maximum_is_not_split_over_its_terms() -> None:
    j = Index("j", N)
    e = max_over(element("x", (j,)) + element("y", (j,)), j)
    assert canonical(e).func == e.func


def test_the_letters_of_an_expression_stay_where_nothing_else_changes():
    size = N - M + 1
    p, q = Index("p", size), Index("q", M)
    e = sum_over(element("x", (p, q)), p, q)
    assert tidy(e) == e
    assert same_but_letters(
        e, sum_over(element("x", (Index("a", size), Index("b", M))), Index("b", M), Index("a", size))
    )
    assert not same_but_letters(e, sum_over(element("x", (p, p)), p, q))


def test_a_range_that_is_a_formula_keeps_its_letter_when_terms_are_collected():
    p = Index("p", N - M + 1)
    e = sum_over(element("x", (p,)) * element("c", ()), p) + 2 * sum_over(element("x", (p,)) * element("c", ()), p)
    assert tidy(e) == 3 * element("c", ()) * sum_over(element("x", (p,)), p)
