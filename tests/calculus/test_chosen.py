"""The chosen element, written out for a small size: what a student does before extrapolating."""

from __future__ import annotations

import pytest
import sympy as sp

from scratchgrad.calculus import rules
from scratchgrad.calculus.chosen import small_sizes, write_out
from scratchgrad.gradients import derive
from scratchgrad.notation.binding import element, max_over, sum_over
from scratchgrad.notation.indices import Index, Size
from scratchgrad.notation.nodes import Maximum
from scratchgrad.notation.text import to_text

N = Size("n")
i, j = Index("i", N), Index("j", N)


def test_sizes_are_small_and_distinct_outputs_first() -> None:
    definition = derive("u[i] = Sum(W[i,j]*x[j], j) + b[i]").definition
    assert {str(s): n for s, n in small_sizes(definition).items()} == {"n_i": 2, "n_j": 3}
    assert list(small_sizes(derive("h[i] = exp(u[i])").definition).values()) == [3]


def test_writing_out_takes_every_sum_and_maximum_apart() -> None:
    x0, x1 = element("x", (0,)), element("x", (1,))
    assert write_out(sum_over(element("x", (i,)), i), {N: 2}) == x0 + x1
    assert write_out(max_over(element("x", (i,)), i), {N: 2}) == Maximum(x0, x1)
    assert write_out(N * sum_over(sp.Integer(1), i), {N: 2}) == 4
    assert write_out(sum_over(sum_over(element("A", (i, j)), i), j), {N: 1}) == element("A", (0, 0))


def test_the_equations_of_the_linear_layer_are_the_courses() -> None:
    chosen = derive("linear")["W"].chosen
    assert chosen is not None
    assert [f"{to_text(left)} = {to_text(right)}" for left, right in chosen.equations] == [
        "u[0] = W[0,0]*x[0] + W[0,1]*x[1] + W[0,2]*x[2] + b[0]",
        "u[1] = W[1,0]*x[0] + W[1,1]*x[1] + W[1,2]*x[2] + b[1]",
    ]
    assert to_text(chosen.element) == "W[0,1]"
    assert [(to_text(c.output), to_text(c.partial)) for c in chosen.touched] == [("u[0]", "x[1]")]
    assert chosen.rule == rules.CHAIN
    assert to_text(chosen.gradient) == "grad_u[0]*x[1]"


def test_an_element_of_the_input_touches_every_output() -> None:
    chosen = derive("linear")["x"].chosen
    assert chosen is not None
    assert chosen.rule == rules.MULTIVARIATE_CHAIN
    assert to_text(chosen.gradient) == "W[0,0]*grad_u[0] + W[1,0]*grad_u[1]"


@pytest.mark.parametrize(
    ("text", "name", "want"),
    [
        ("u[n,k] = E[t[n],k]", "E", "delta(0, t[0])*grad_u[0,1] + delta(0, t[1])*grad_u[1,1]"),
        ("s = LogDet(A)", "A", "grad_s*Inv(A)[1,0]"),
        ("u[i] = A[i,i]*c; v[i] = Inv(A)[i,i]", "A", "-grad_v[0]*v[0]*Inv(A)[1,0]"),
    ],
)
def test_an_element_is_found_where_it_does_not_stand_written(text: str, name: str, want: str) -> None:
    chosen = derive(text)[name].chosen
    assert chosen is not None
    assert to_text(chosen.gradient).startswith(want)


def test_nothing_is_chosen_where_it_would_be_too_long_or_of_a_scalar() -> None:
    assert derive("u[i,j,k] = x[i]*y[j]*z[k]")["x"].chosen is None
    assert derive("s = c*x")["c"].chosen is None
