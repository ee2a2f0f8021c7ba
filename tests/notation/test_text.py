"""Printing: what is written parses back to the same value."""

from __future__ import annotations

import numpy as np
import pytest
import sympy as sp

from scratchgrad.notation.binding import element, max_over, sum_over
from scratchgrad.notation.definition import Tensor
from scratchgrad.notation.elementary import SYMPY
from scratchgrad.notation.evaluation import Valuation
from scratchgrad.notation.grammar import parse
from scratchgrad.notation.indices import Index, Size
from scratchgrad.notation.nodes import (
    Determinant,
    Indicator,
    InverseElement,
    LogDeterminant,
    Maximum,
    Minimum,
    Partial,
    Where,
)
from scratchgrad.notation.text import to_text
from tests.tolerances import tolerance

n = Size("n_i")
i, j = Index("i", n), Index("j", n)
a, c = element("a"), element("c")
x, y, z, A = element("x", (i,)), element("y", (i,)), element("x", (j,)), sp.Symbol("A", real=True)
t = element("t", (i,), integer=True)

PRINTED = [
    (a - c, "a - c"),
    (-a - c, "-a - c"),
    (-(a + c), "-a - c"),
    (a * (c + 1), "a*(c + 1)"),
    (-a * (c + 1), "-a*(c + 1)"),
    ((a + c) ** 2, "(a + c)**2"),
    ((-a) ** 3, "-a**3"),
    (a ** (-1), "1/a"),
    (a / c**2, "a/c**2"),
    (a / (2 * c), "a/2/c"),
    (a / (c * x), "a/c/x[i]"),
    (sp.Rational(-2, 3) * a, "-2*a/3"),
    (a ** sp.Rational(3, 2), "a**(3/2)"),
    (1 / sp.sqrt(a), "1/sqrt(a)"),
    ((a**c) ** x, "(a**c)**x[i]"),
    (a ** (c + 1), "a**(c + 1)"),
    (2**a, "2**a"),
    (sp.exp(-a) ** 2, "exp(-2*a)"),
    (sp.exp(a + c) / a, "exp(a + c)/a"),
    (sum_over(x * z, j) + a, "a + Sum(x[i]*x[j], j)"),
    (sum_over(x, i, j), "Sum(x[i], i, j)"),
    (a * sum_over(x, i) ** 2, "a*Sum(x[i], i)**2"),
    (max_over(x - a, i), "Max(x[i] - a, i)"),
    (Maximum(a, 0) * Minimum(c, a), "max(a, 0)*min(c, a)"),
    (SYMPY.sigmoid(a) * sp.erf(c), "erf(c)*sigmoid(a)"),
    (Indicator(sp.Gt(x, 0)), "where(x[i] > 0, 1, 0)"),
    (Where(sp.And(sp.Gt(a, 0), sp.Ne(c, 1)), a, -c), "where((a > 0 and c != 1), a, -c)"),
    (Where(sp.Or(sp.Gt(a, 0), sp.Eq(c, 1)), a, -c), "where((c == 1 or a > 0), a, -c)"),
    (sp.KroneckerDelta(i, 2 * j + 1), "delta(i, 2*j + 1)"),
    (element("x", (2 * i - 1,)), "x[2*i - 1]"),
    (element("x", (t,)), "x[t[i]]"),
    (InverseElement(A, i, j + 1), "Inv(A)[i,j + 1]"),
    (Determinant(A) - LogDeterminant(A), "Det(A) - LogDet(A)"),
    (n * a / 2, "n_i*a/2"),
    (a * sp.E + sp.pi, "exp(1)*a + pi"),
]


@pytest.mark.parametrize(("e", "text"), PRINTED, ids=[text for _, text in PRINTED])
def test_an_expression_is_written_as_one_would_type_it(e: sp.Expr, text: str) -> None:
    assert to_text(e) == text


@pytest.mark.parametrize(("e", "text"), PRINTED, ids=[text for _, text in PRINTED])
def test_what_is_written_parses_back_to_the_same_value(e: sp.Expr, text: str) -> None:
    values = np.random.default_rng(0).uniform(0.5, 2, 3)
    tensors = {"a": 1.25, "c": 0.75, "x": values, "y": values**2, "A": np.diag(values), "t": np.array([2, 0, 5])}
    at = Valuation({name: np.asarray(v) for name, v in tensors.items()}, {n: 3})
    declared = "a c x[n_i] y[n_i] A[n_i,n_i] t[n_i]"
    definition = parse(f"G[i,j] = {text}", tensors=declared, ranges={"i": "n_i", "j": "n_i"})
    got = at.value(definition.assignments[0].right, definition.assignments[0].target.indices)
    np.testing.assert_allclose(got, at.value(e, (i, j)), **tolerance())


def test_an_opaque_partial_is_written_for_reading() -> None:
    assert to_text(Partial(x, a)) == "partial(x[i], a)"


def test_a_definition_is_its_statements() -> None:
    text = "h[i] = x[i]**2; s = Sum(h[i], i)"
    assert str(parse(text)) == text


def test_a_definition_takes_other_names_everywhere() -> None:
    definition = parse("h[n,k] = E[t[n],k]*c; s = Sum(h[n,k], n, k)", outputs=["s"])
    renamed = definition.renamed({"E": "W", "t": "words", "c": "gain", "h": "u", "s": "J"}, {"W": r"\mathbf{W}"})
    assert str(renamed) == "u[n,k] = gain*W[words[n],k]; J = Sum(u[n,k], n, k)"
    assert [t.name for t in renamed.inputs] == ["W", "words", "gain"]
    assert [t.name for t in renamed.inputs if t.integer] == ["words"]
    assert [t.name for t in renamed.outputs] == ["J"]
    assert renamed.latex == {"W": r"\mathbf{W}"}


def test_names_may_be_exchanged() -> None:
    assert str(parse("u[i] = x[i]/y[i]").renamed({"x": "y", "y": "x"})) == "u[i] = y[i]/x[i]"


def test_a_renamed_inverse_is_of_the_renamed_tensor() -> None:
    assert (
        str(parse("s = Sum(Inv(A)[i,i], i) + LogDet(A)").renamed({"A": "S"})) == "s = LogDet(S) + Sum(Inv(S)[i,i], i)"
    )


def test_a_tensor_is_subscripted_to_an_element() -> None:
    tensor = Tensor("W", (i, j))
    assert str(tensor[j, i]) == "W[j, i]"
    assert str(Tensor("x", (i,))[2]) == "x[2]"
    assert Tensor("c").element == c
    assert tensor.gradient.name == "grad_W"
