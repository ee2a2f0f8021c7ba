"""Numbers as Python writes them."""

from __future__ import annotations

import math

import pytest
import sympy as sp

from scratchgrad.codegen.numbers import is_python, number_text, shape_comment
from scratchgrad.gradients import derive
from scratchgrad.notation.indices import Size

n = Size("n_i")


@pytest.mark.parametrize(
    "value",
    [sp.Integer(3), -sp.Integer(2), sp.Rational(1, 2), sp.Rational(1, 3), sp.pi, n - 1, n / 2, sp.sqrt(n) * 2,
     sp.log(n) / n, sp.exp(-n), sp.Integer(-(10**30)), sp.Integer(10**30) * n, sp.floor((n + 1) / 2), sp.sqrt(2) * n],
)  # fmt: skip
def test_a_number_evaluates_to_itself(value: sp.Expr) -> None:
    text, _ = number_text(value)
    assert eval(text, {"math": math, "n_i": 7}) == pytest.approx(float(value.subs(n, 7)), rel=1e-14)


def test_a_number_beyond_all_floats_is_infinite() -> None:
    assert number_text(sp.Integer(10) ** 400)[0] == "math.inf"
    assert number_text(-(sp.Integer(10) ** 400))[0] == "-math.inf"


def test_a_function_that_python_lacks_is_no_number() -> None:
    right = derive("y[i] = x[i]*sigmoid(n_i)").definition.assignments[0].right
    assert not is_python(right.args[0] if not right.args[0].free_symbols - right.args[0].atoms(Size) else right.args[1])
    assert is_python(sp.log(n) + 2)


def test_a_shape_is_written_by_its_letters() -> None:
    assert shape_comment((Size("N"), n, 2 * n)) == "[N, i, 2*i]"
