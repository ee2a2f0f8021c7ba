"""A sheet says for which values it holds, and how it treats entries that are tied to one another."""

import pytest

from scratchgrad import derive
from scratchgrad.cli.data_sheet import data_sheet
from scratchgrad.layer import Layer
from scratchgrad.sheets.domains import domain_sentences
from scratchgrad.sheets.gradient_section import Paper
from scratchgrad.sheets.html import to_html
from scratchgrad.sheets.layer_sheet import layer_sheet
from scratchgrad.sheets.tex import to_tex

TEXTS = {1: "y[i] = t[i]*x[i]", 2: "q = Sum(t[i,j]*x[i]*x[j], i, j)"}


def said(text, domains):
    definition = derive(text, domains=domains).definition
    return domain_sentences(definition, Paper.of(definition))


@pytest.mark.parametrize(
    ("domain", "words"),
    [
        (">0", "$t_{i} > 0$"),
        (">=-0.5", r"$t_{i} \geq - \frac{1}{2}$"),
        ("<0", "$t_{i} < 0$"),
        ("<=1", r"$t_{i} \leq 1$"),
        (" in [0,2.5)", r"$t_{i} \in [0, \frac{5}{2})$"),
        (":probability", "$t_{i} \\in (0, 1)$"),
        (":sign", r"$t_{i} \in \{-1, 1\}$"),
        (":binary", r"$t_{i} \in \{0, 1\}$"),
        (":simplex", "rows of $t$ in the simplex ($t_{i} \\geq 0$, with the sum 1)"),
        (":onehot", "one-hot $t$ (one $t_{i} = 1$, the others 0)"),
    ],
)
def test_a_domain_is_said_in_the_letters_of_the_sheet(domain, words):
    assert said(TEXTS[1], f"t{domain}").startswith(f"All of this is for {words}.")


@pytest.mark.parametrize("domain", ["symmetric", "positive_definite"])
def test_that_entries_of_a_symmetric_matrix_count_as_independent_is_said(domain):
    text = said(TEXTS[2], f"t:{domain}")
    assert f"for symmetric{', positive definite' * (domain != 'symmetric')} $t$." in text
    assert "The gradient takes the entries of $t$ as independent variables, as torch does." in text


def test_nothing_is_said_where_all_real_numbers_are_meant():
    assert said(TEXTS[1], "") == ""


def test_a_sheet_says_for_which_values_it_is_in_tex_and_in_html():
    sheet = layer_sheet(derive("y[i] = x[i]/sqrt(x[i]**2 + nu)", domains="nu>0"))
    assert r"All of this is for $\nu > 0$." in to_tex(sheet)
    assert "All of this is for" in to_html(sheet)


def test_a_data_sheet_says_it_in_words():
    tail = Layer("tail", "v[i] y[i]:onehot nu>0 t:int -> L", shared="nu")
    assert data_sheet(tail).declared["Values"] == "y one-hot, nu > 0"
    assert "Values" not in data_sheet(Layer("plain", "v[i] t:int -> L")).declared
