"""The table of functions: every row has every column, and each column agrees with the others inside the domain.

The witness of a value is mpmath at 50 digits, that of a derivative its numerical differentiation; nothing in the table
supplies its own expected value.
"""

from __future__ import annotations

import dataclasses
import random
from fractions import Fraction
from typing import Any

import flint
import mpmath
import numpy as np
import pytest
import sympy as sp
import torch

import scratchgrad as sg
from scratchgrad.calculus.differentiate import differentiate
from scratchgrad.calculus.kinks import kinks
from scratchgrad.certification.exact.scalar import COMPARISONS, TRUTHS, Graph
from scratchgrad.domain import Domain, Interval
from scratchgrad.notation import grammar
from scratchgrad.notation.arithmetic import Float
from scratchgrad.notation.binding import element
from scratchgrad.notation.definition import Tensor
from scratchgrad.notation.elementary import SYMPY, build, real, row_of
from scratchgrad.notation.evaluation import Valuation
from scratchgrad.notation.exact_arithmetic import Exact, exact_array
from scratchgrad.notation.from_sympy import from_sympy
from scratchgrad.notation.functions import TABLE, Function, of_aten
from scratchgrad.notation.grammar import parse
from scratchgrad.notation.mistakes import Misplaced
from scratchgrad.notation.text import to_text
from scratchgrad.sheets.html import to_html
from scratchgrad.sheets.layer_sheet import layer_sheet
from scratchgrad.sheets.mathml import to_mathml
from scratchgrad.sheets.printer import element_latex
from scratchgrad.sheets.tex import to_tex
from tests.program.native.calls import Calls
from tests.tolerances import tolerance

DIGITS = 50
POINTS = 25
ROWS = pytest.mark.parametrize("row", TABLE.values(), ids=TABLE)
OPERATIONS = "symbol number pi infinity undefined add mul div power choice".split()


def points(row: Function, seed: int = 1) -> list[tuple[Any, ...]]:
    """Arguments in the domain, as floats; orders are whole numbers."""
    rng = random.Random(f"{row.name}{seed}")
    inside = Domain.parse(row.domain).interval
    return [
        (*(least + rng.randrange(3) for least in row.orders), *(number(rng, inside) for _ in row.derivatives))
        for _ in range(POINTS)
    ]


def number(rng: random.Random, inside: Interval) -> float:
    """A number in the interval, away from its ends, not halfway between whole numbers."""
    if inside.low is not None and inside.high is not None:
        return float(inside.low) + float(inside.high - inside.low) * rng.uniform(0.05, 0.95)
    value = rng.choice([rng.uniform(0.2, 0.45), rng.uniform(0.55, 0.95) + rng.randrange(6)])
    if inside.low is not None:
        return float(inside.low) + value
    return (float(inside.high) if inside.high is not None else 0.0) - value * rng.choice(
        [-1, 1][: 2 - bool(inside.high)]
    )


def exactly(row: Function, x: tuple[Any, ...]) -> Any:
    """The value at 50 digits."""
    with mpmath.workdps(DIGITS):
        return real(row)(*map(mpmath.mpf, x))


def called(row: Function, *arguments: str) -> str:
    """The function as a text calls it."""
    return f"{row.name}({', '.join((*(str(order + 1) for order in row.orders), *arguments))})"


def definition(row: Function) -> str:
    """A layer that is the function alone."""
    return f"h[i] = {called(row, *('u[i]', 'v[i]')[: len(row.derivatives)])}"


@ROWS
def test_every_column_of_a_row_is_filled(row: Function) -> None:
    assert TABLE[row.name] is row
    for column in ("name", "derivatives", "mpmath", "arb", "torch", "c", "latex"):
        assert getattr(row, column), column
    assert row.parity in ("odd", "even", "")
    assert row.domain == str(Domain.parse(row.domain))
    assert row.range == str(Domain.parse(row.range))
    assert row.own or row.sympy
    assert row.numpy is not None or callable(real(row))
    assert all(f"{{{k}}}" in row.torch and f"{{{k}}}" in row.c for k in range(row.arity))
    if row.parity == "odd":
        assert row.at_zero == "0" or len(row.derivatives) > 1


def test_every_column_of_the_dataclass_is_looked_at_here() -> None:
    known = "name derivatives domain range parity kink at_zero rational exact sympy own numpy mpmath arb torch c latex"
    assert {f.name for f in dataclasses.fields(Function)} == {*known.split(), "powers", "orders"}


def test_no_function_is_called_like_an_operation_of_the_exact_graph() -> None:
    assert not {*TABLE} & {*OPERATIONS, *TRUTHS, *COMPARISONS}


@ROWS
def test_the_derivative_is_the_limit_of_difference_quotients(row: Function) -> None:
    first = len(row.orders)
    letters = sp.symbols(f"x0:{row.arity}", real=True)
    for x in points(row):
        for place in range(len(row.derivatives)):
            formula = row.derivatives[place](SYMPY, *(*x[:first], *letters[first:]))
            at = {letter: sp.Rational(value) for letter, value in zip(letters, x, strict=True)}
            with mpmath.workdps(DIGITS):
                got = sp.sympify(formula).subs(at)._to_mpmath(200)

                def along(t: Any, x: tuple[Any, ...] = x, moved: int = first + place) -> Any:
                    return real(row)(*(t if k == moved else mpmath.mpf(v) for k, v in enumerate(x)))

                want = mpmath.diff(along, mpmath.mpf(x[first + place]))
                assert abs(got - want) <= mpmath.mpf(10) ** -18 * (1 + abs(want)), (row.name, x, got, want)


@ROWS
def test_the_text_of_a_derivative_has_the_second_derivative(row: Function) -> None:
    if len(row.derivatives) > 1:
        return
    u = element("u")
    first = differentiate(sp.sympify(build(row.name, *(order + 1 for order in row.orders), u)), Tensor("u"), ())
    again = parse(f"h = {to_text(first)}").assignments[0].right
    second = differentiate(again, Tensor("u"), ())
    for x in points(row)[:5]:
        at = Valuation({"u": np.array(x[-1])}, {}, Exact(DIGITS))
        with mpmath.workdps(DIGITS):
            got = at.value(second)[()]
            got = mpmath.mpf(got.numerator) / got.denominator if isinstance(got, Fraction) else got
            orders = tuple(order + 1 for order in row.orders)
            want = mpmath.diff(lambda t, orders=orders: real(row)(*orders, t), mpmath.mpf(x[-1]), 2)
            assert abs(got - want) <= mpmath.mpf(10) ** -10 * (1 + abs(want)), (x, got, want)


@ROWS
def test_numpy_and_mpmath_agree(row: Function) -> None:
    function = Float().function(row)
    at = points(row)
    got = function(*(np.array(column, dtype=float) for column in zip(*at, strict=True)))
    np.testing.assert_allclose(got, [float(exactly(row, x)) for x in at], **tolerance())


@ROWS
def test_a_ball_contains_mpmath_s_value(row: Function) -> None:
    before, flint.ctx.prec = flint.ctx.prec, 120
    try:
        for x in points(row):
            ball = row.ball(*map(flint.arb, x))
            value = exactly(row, x)
            assert ball.rad() < 1e-25 * (1 + abs(float(value)))
            assert abs(flint.arb(mpmath.nstr(value, 45)) - ball.mid()) < 1e-25 * (1 + abs(float(value))), (row.name, x)
    finally:
        flint.ctx.prec = before


@ROWS
@pytest.mark.parametrize("dtype", [torch.float64, torch.float32], ids=str)
def test_torch_agrees(row: Function, dtype: torch.dtype) -> None:
    at = points(row)
    columns = list(zip(*at, strict=True))
    reals = [torch.tensor(c, dtype=dtype) for c in columns[len(row.orders) :]]
    for k, x in enumerate(at):
        given = [*x[: len(row.orders)], *(column[k] for column in reals)]
        names = [f"a{n}" for n in range(row.arity)]
        got = eval(row.torch.format(*names), {"torch": torch, **dict(zip(names, given, strict=True))})
        assert got.dtype == dtype
        want = exactly(row, tuple(float(g) for g in given))
        np.testing.assert_allclose(float(got), float(want), **tolerance(dtype))


@ROWS
def test_torch_s_operation_leads_back_to_the_row(row: Function) -> None:
    assert of_aten(row.aten) is row
    assert hasattr(torch.ops.aten, row.aten)


@pytest.mark.parametrize("dtype", [torch.float64, torch.float32], ids=str)
def test_c_agrees(dtype: torch.dtype) -> None:
    calls, wanted = Calls(dtype), []
    for row in TABLE.values():
        for order in range(2 if row.orders else 1):
            at = [(*(least + order for least in row.orders), *x[len(row.orders) :]) for x in points(row)]
            columns = [torch.tensor(c, dtype=dtype) for c in list(zip(*at, strict=True))[len(row.orders) :]]
            packet = getattr(torch.ops.aten, row.aten)
            overload = packet.self_scalar if row.orders else packet.default
            orders = [least + order for least in row.orders]
            calls.add(overload, *orders, *columns)
            rounded = list(zip(*(c.tolist() for c in columns), strict=True))
            wanted.append((row, [float(exactly(row, (*orders, *x))) for x in rounded]))
    for (row, want), (_, got, _) in zip(wanted, calls.results(), strict=True):
        np.testing.assert_allclose(got.numpy(), want, **tolerance(dtype), err_msg=row.name)


@ROWS
def test_the_parity_is_right(row: Function) -> None:
    inside, first = Domain.parse(row.domain).interval, len(row.orders)
    same = {"odd": True, "even": True}
    for x in points(row):
        if -x[first] not in inside:
            assert not row.parity
            return
        turned = exactly(row, (*x[:first], -x[first], *x[first + 1 :]))
        here = exactly(row, x)
        same["odd"] &= abs(turned + here) < mpmath.mpf(10) ** -40
        same["even"] &= abs(turned - here) < mpmath.mpf(10) ** -40
    assert row.parity == next((name for name, holds in same.items() if holds), "")


@ROWS
def test_the_values_lie_in_the_range(row: Function) -> None:
    inside = Domain.parse(row.range).interval
    for seed in range(4):
        for x in points(row, seed):
            value = exactly(row, x)
            assert Fraction(str(mpmath.nstr(value, 30))) in inside, (row.name, x, value)


@ROWS
def test_the_value_at_0_is_the_rational_number_that_the_row_says(row: Function) -> None:
    zeros = (*row.orders, *[0.0] * len(row.derivatives))
    if row.at_zero is not None:
        assert abs(exactly(row, zeros) - mpmath.mpf(sp.Rational(row.at_zero).p) / sp.Rational(row.at_zero).q) < 1e-45


@ROWS
def test_rational_values_are_exact(row: Function) -> None:
    if row.rational is None:
        return
    for value in (Fraction(5, 2), Fraction(-5, 2), Fraction(7, 3), Fraction(-7, 3), Fraction(3), Fraction(1, 2)):
        got = Exact().function(row)(exact_array([value]))[0]
        assert isinstance(got, Fraction)
        with mpmath.workdps(DIGITS):
            want = real(row)(mpmath.mpf(value.numerator) / value.denominator)
            assert abs(mpmath.mpf(got.numerator) / got.denominator - want) < 1e-45


@ROWS
def test_the_exact_form_has_the_same_values(row: Function) -> None:
    if row.exact is None:
        return
    for x in points(row):
        rewritten = row.exact(SYMPY, *map(sp.Rational, x))
        assert not any(row_of(node) is row for node in sp.preorder_traversal(rewritten))
        with mpmath.workdps(DIGITS):
            got = sp.sympify(rewritten)._to_mpmath(200)
            assert abs(got - exactly(row, x)) <= mpmath.mpf(10) ** -35 * (1 + abs(got)), (row.name, x)


@ROWS
def test_an_exact_formula_is_made_of_functions_that_the_graph_has(row: Function) -> None:
    graph = Graph()
    arguments = [graph.number(n) for n in row.orders] + [graph.symbol(f"x{k}") for k in range(len(row.derivatives))]
    for formula in (*row.derivatives, *([row.exact] if row.exact is not None else [])):
        graph.node(formula(graph, *arguments))


@ROWS
def test_the_text_parses_back(row: Function) -> None:
    right = parse(definition(row)).assignments[0].right
    assert row_of(right) is (row if row.name != "sqrt" else None)
    assert parse(f"h[i] = {to_text(right)}").assignments[0].right == right


@ROWS
def test_sympy_s_function_is_taken_for_the_row_s(row: Function) -> None:
    if not row.sympy or row.name == "digamma":  # sympy.digamma(x) is polygamma(0, x)
        return
    i, x, h = sp.Idx("i"), sp.IndexedBase("x"), sp.IndexedBase("h")
    y = sp.IndexedBase("y")
    arguments = [*(n + 1 for n in row.orders), x[i], y[i]][: row.arity]
    got = from_sympy(sp.Eq(h[i], getattr(sp, row.sympy)(*arguments))).assignments[0].right
    assert got == parse(f"h[i] = {called(row, *('x[i]', 'y[i]')[: len(row.derivatives)])}").assignments[0].right


@ROWS
def test_a_sheet_prints_the_function(row: Function) -> None:
    gradients = sg.derive(definition(row))
    printed = element_latex(gradients.definition.assignments[0].right)
    symbol = row.latex.format("u_{i}") if "{0}" in row.latex else row.latex
    assert printed.startswith("e^" if row.name == "exp" else symbol)
    sheet = layer_sheet(gradients)
    assert printed in to_tex(sheet)
    assert to_mathml(printed).startswith("<math")
    assert "<math" in to_html(sheet)


@ROWS
def test_the_kink_and_its_convention_are_said(row: Function) -> None:
    said = [kink.sentences(element_latex) for kink in kinks(parse(definition(row))) if row.name != "sqrt"]
    assert len(said) == (row.kink is not None)
    if row.kink is not None:
        assert f"{row.kink[0].format(row.kink[1])}, its derivative is taken as 0." in said[0]


def test_the_grammar_s_docstring_lists_the_functions() -> None:
    (names,) = (quoted.split() for quoted in (grammar.__doc__ or "").split("`")[1::2] if "exp log" in quoted)
    assert [name.partition("(")[0] for name in names] == list(TABLE)
    for name in names:
        letters = name.partition("(")[2].rstrip(")").replace("n", "3").split(",") if "(" in name else ["a"]
        parse(f"h = {name.partition('(')[0]}({','.join(letters)})")


@pytest.mark.parametrize("text", ["asin(2)", "acosh(1/2)", "atanh(1)", "erfinv(-3)", "log1p(-2)", "lgamma(-1)"])
def test_a_constant_outside_the_domain_has_no_real_value(text: str) -> None:
    with pytest.raises(Misplaced, match="this has no real value, whatever the values of the tensors"):
        parse(f"h[i] = u[i]*{text}")


@pytest.mark.parametrize("order", ["1", "u[i]", "3/2", "0-2", "101", "n_i"])
def test_an_order_is_a_whole_number_that_is_written_out(order: str) -> None:
    with pytest.raises(Misplaced, match="the first argument of hurwitz is a whole number from 2 to 100, written"):
        parse(f"h[i] = hurwitz({order}, u[i])")


def test_our_nodes_have_numbers_and_keep_their_digits() -> None:
    assert str(sp.N(build("asin", sp.Rational(1, 2)), 30)) == str(sp.N(sp.pi / 6, 30))
    assert build("asin", sp.Integer(2)).evalf() is sp.nan
