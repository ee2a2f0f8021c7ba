"""Domains beside a text: which input has which, and errors that point at the declaration."""

from __future__ import annotations

import pytest
import sympy as sp

from scratchgrad import derive
from scratchgrad.domain import DomainError
from scratchgrad.notation.declaration import DomainMisfit
from scratchgrad.notation.grammar import parse
from scratchgrad.notation.mistakes import UnusedName
from scratchgrad.notation.syntax import NotationError

TEXT = "y[i] = x[i]/sqrt(nu)"


def domains(definition):
    return {tensor.name: str(tensor.domain) for tensor in definition.inputs}


@pytest.mark.parametrize(
    ("said", "found"),
    [
        ({"domains": "nu>0; x[i]:simplex"}, {"x": ":simplex", "nu": ">0"}),
        ({"domains": "nu > 0, x in (0, 1)"}, {"x": " in (0,1)", "nu": ">0"}),
        ({"domains": "nu>0; nu<=2"}, {"x": "", "nu": " in (0,2]"}),
        ({"tensors": "x[n]>=0 nu>0"}, {"x": ">=0", "nu": ">0"}),
        ({"tensors": "x[n]>=0", "domains": "x<1; nu>0"}, {"x": " in [0,1)", "nu": ">0"}),
        ({"domains": "nu in (-inf,inf)"}, {"x": "", "nu": ""}),
        ({}, {"x": "", "nu": ""}),
    ],
)
def test_inputs_have_the_domains_that_are_declared_of_them(said, found):
    assert domains(derive(TEXT, **said).definition) == found


def test_a_symmetric_matrix_has_two_axes_of_one_size():
    (A, x) = parse("q = Sum(A[i,j]*x[i]*z[j], i, j)", domains="A:symmetric").inputs[:2]
    assert A.sizes[0] == A.sizes[1] == x.sizes[0]


def test_what_sympy_was_told_of_an_input_is_its_domain():
    nu, x, y, i = sp.Symbol("nu", positive=True), sp.IndexedBase("x"), sp.IndexedBase("y"), sp.Symbol("i", integer=True)
    assert domains(derive(sp.Eq(y[i], x[i] * sp.sqrt(nu**2))).definition) == {"nu": ">0", "x": ""}


@pytest.mark.parametrize(
    ("said", "says"),
    [
        ("mu>0", "the definition has no input 'mu'; its inputs are x, nu\n    mu>0\n    ^"),
        ("nu>0; xx>0", "has no input 'xx'; did you mean 'x'?\n    nu>0; xx>0\n          ^"),
        ("y>0", "the definition has no input 'y'"),
        ("nu>0; nu<0", "'>0' and '<0' contradict one another: no number is both\n    nu>0; nu<0\n          ^"),
        ("x:symmetric", "x cannot be :symmetric (a symmetric matrix): it has 1 axis, expected at least 2"),
        ("nu:onehot", "nu cannot be :onehot (rows with one 1, else 0): it has no axes, expected at least 1"),
        ("x[i,j]>0", "x has 1 axis, here it has 2 axes"),
        ("nu in (1,0)", "is empty: no number is in it; write the smaller end first\n    nu in (1,0)\n      ^"),
        ("x[0]>0", "declared of all entries of a tensor; write x[i], with a letter for each axis\n    x[0]>0\n    ^"),
        ("nu:positve", "unknown domain ':positve'; write it as"),
    ],
)
def test_a_domain_that_does_not_fit_points_at_itself(said, says):
    with pytest.raises(DomainMisfit) as raised:
        derive(TEXT, domains=said)
    assert says in str(raised.value)
    assert isinstance(raised.value, NotationError) and isinstance(raised.value, DomainError)


@pytest.mark.parametrize("said", ["nu", "nu>0; 3", "nu>0; x[i"])
def test_what_is_no_declaration_points_at_the_place(said):
    with pytest.raises(NotationError, match="write"):
        derive(TEXT, domains=said)


@pytest.mark.parametrize(
    ("said", "word", "before"), [("nu>0 and nu<1", "and", "nu"), ("x[i]>0 for all i", "for", "x"), ("nu>0x", "x", "nu")]
)
def test_a_word_between_two_domains_is_named_and_is_no_tensor(said, word, before):
    with pytest.raises(NotationError, match=f"cannot read '{word}' behind {before}; write domains as nu>0; p"):
        derive(TEXT, domains=said)


@pytest.mark.parametrize("said", [3, None, ["nu>0"], {"nu": ">0"}, b"nu>0"])
def test_domains_that_are_no_text_are_named(said):
    with pytest.raises(NotationError, match=f"domains: expected a text such as 'nu>0; .*, got {type(said).__name__}"):
        derive(TEXT, domains=said)


def test_letters_in_another_order_than_the_definition_has_are_no_domain_of_its_rows():
    text = "y[i] = Sum(P[i,j]*x[j], j)"
    assert domains(derive(text, domains="P[i,j]:simplex").definition)["P"] == ":simplex"
    assert domains(derive(text, domains="P[a,b]:simplex").definition)["P"] == ":simplex"
    with pytest.raises(DomainMisfit, match=r"the definition writes P\[i,j\]; write its letters in this order"):
        derive(text, domains="P[j,i]:simplex")
    both = derive("y[i,j] = A[i,j] + A[j,i]", domains="A[j,i]:symmetric").definition
    assert domains(both) == {"A": ":symmetric"}


def test_a_layer_says_its_domains_itself():
    with pytest.raises(UnusedName, match="domains: layer 'linear' says that itself"):
        derive("linear", domains="x>0")
