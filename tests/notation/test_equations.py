"""The equation of a layer: read in the terms of its signature and its options, and an error names the layer."""

import subprocess
import sys

import pytest

from scratchgrad.layer import Layer
from scratchgrad.notation.equations import equations
from scratchgrad.notation.grammar import parse
from scratchgrad.notation.language import DefinitionMissing, define_layer
from scratchgrad.notation.mistakes import (
    AssignmentOrder,
    FreeIndexMissing,
    Misplaced,
    RankMismatch,
    ReservedName,
    UnknownName,
)
from scratchgrad.notation.ranges import IndexSizeConflict
from scratchgrad.notation.syntax import UnbalancedText, UnreadableText


def right(layer):
    return str(define_layer(layer).assignments[-1]).partition(" = ")[2]


# -- options


def test_an_option_is_its_number():
    shift = Layer("shift", "x[i] -> y[i]", "y[i] = factor*x[i - by]", options="factor=2 by=1")
    assert right(shift) == "2*x[i - 1]"
    assert right(shift.with_options(factor=-3, by=-2)) == "-3*x[i + 2]"


def test_an_options_number_is_an_index_expression_as_well():
    assert right(Layer("pick", "x[i] -> y", "y = x[at]", options="at=2")) == "x[2]"


@pytest.mark.parametrize(
    ("condition", "chosen"),
    [
        ("two == 2", "x[i]"),
        ("two == 3", "-x[i]"),
        ("two + 1 <= 3 and 2*two != 4", "-x[i]"),
        ("not two > 1 or 1 < two", "x[i]"),
        ("two == 2 or x[i] > 0", "x[i]"),
        ("two == 3 and x[i] > 0", "-x[i]"),
        ("-two < 0", "x[i]"),
        ("two == 3 or x[i] > 0", "where(x[i] > 0, x[i], -x[i])"),
    ],
)
def test_what_options_decide_is_decided(condition, chosen):
    layer = Layer("choose", "x[i] -> y[i]", f"y[i] = where({condition}, x[i], -x[i])", options="two=2")
    assert right(layer) == chosen


def test_a_branch_that_options_rule_out_may_have_other_axes():
    text = "y[i] = where(groups == 1, x[i], Sum(x[n_i*g + i], g<groups))"
    fold = Layer("fold", "x[a] -> y[i]; a = groups*i", text, options="groups=1")
    assert right(fold) == "x[i]"
    assert right(fold.with_options(groups=2)).startswith("Sum(x[")


def test_an_option_is_no_tensor_and_no_tensor_is_an_option():
    layer = Layer("twice", "x[i] -> y[i]", "factor = 2\ny[i] = factor*x[i]", options="factor=2")
    with pytest.raises(ReservedName, match="'factor' is an option of the layer; give the tensor another name"):
        define_layer(layer)


# -- ranges that a sum says


def test_a_sum_may_say_the_range_of_its_letter():
    definition = parse("y[p] = Sum(w[r+0]*x[2*p + r], r<3)", tensors="y[m]")
    (total,) = definition.assignments
    assert [str(limit) for limit in total.right.limits] == ["(r, 0, 2)"]


def test_the_range_may_be_the_size_of_an_axis():
    definition = parse("y = Sum(x[2*k], k<n_i) + Sum(z[i], i)", tensors="z[m]")
    assert str(definition.assignments[0].right.args[0].limits[0][2]) in ("m - 1",)
    assert {str(term.limits[0][2]) for term in definition.assignments[0].right.args} == {"m - 1"}
    named = parse("y = Max(x[2*k], k<m)", tensors="z[m]")
    assert str(named.assignments[0].right.args[1].size) == "m"


@pytest.mark.parametrize("size", ["0", "1.5", "x", "K", "n_q*2"])
def test_a_range_is_a_whole_number_or_a_size(size):
    with pytest.raises(
        Misplaced, match="the range of 'r' is a whole number or the size of an axis: r<3, r<n_i\n.*\n +\\^"
    ):
        parse(f"y = Sum(x[2*r], r<{size})")


def test_a_letter_has_one_range():
    with pytest.raises(IndexSizeConflict, match="index 'r' has 3, .* has 2"):
        parse("y = Sum(x[2*r], r<2) + Sum(x[2*r], r<3)")


# -- errors


@pytest.mark.parametrize(
    ("equation", "error", "message"),
    [
        ("h[i] = v[i]", UnknownName, "unknown tensor 'v'; known: u, W, h\n    h[i] = v[i]\n           ^"),
        ("h[i] = u[i", UnbalancedText, "'[' is never closed\n    h[i] = u[i\n            ^"),
        ("h[i] = u[i]^2", UnreadableText, "character '^' is not part of the grammar; a power is written **"),
        ("h[i] = u[i] +", UnreadableText, "expected a number, a name or '(', found 'the end'"),
        ("", UnreadableText, "the definition is empty; write one, such as"),
        ("h[i] = u", RankMismatch, "u has 1 axis, here it has no index\n    h[i] = u\n           ^"),
        ("h[i] = u[i,i]", RankMismatch, "u has 1 axis, here it has 2 indices"),
        ("h[i] = W[i,j]", FreeIndexMissing, "index 'j' is free on the right but missing on the left"),
        ("h[j] = Sum(W[i,j]*u[i], i)", IndexSizeConflict, "one index runs over axes of different size"),
        ("u[i] = 2\nh[i] = u[i]", AssignmentOrder, "'u' is an input and cannot be assigned"),
        ("z[i] = u[i]", UnknownName, "output 'h' is never assigned; the left sides are z\n    z[i] = u[i]\n    ^"),
        ("u[i]**2", UnknownName, "output 'h' is never assigned; the left sides are out"),
        ("h[i] = stride*u[i]", UnknownName, "unknown tensor 'stride'"),
    ],
)
def test_an_equation_that_does_not_fit_names_the_layer_and_the_place(equation, error, message):
    layer = Layer("mine", "u[i] W[i,j] -> h[i]", equation)
    with pytest.raises(error) as raised:
        define_layer(layer)
    said = str(raised.value)
    assert said.startswith("layer 'mine' (") and "test_equations.py, line " in said and message in said, said


def test_an_unreadable_equation_is_refused_where_it_is_printed_as_well():
    layer = Layer("mine", "u[i] -> h[i]", "h[i] = (u[i]")
    with pytest.raises(UnbalancedText, match=r"layer 'mine' \(.*test_equations.py, line \d+\): '\(' is never closed"):
        equations(layer)


def test_a_layer_without_a_definition_is_named():
    with pytest.raises(
        DefinitionMissing, match=r"layer 'bare' \(.*, line \d+\) has no definition; write its equation, Layer"
    ):
        define_layer(Layer("bare", "x -> y"))


# -- printing


def test_an_equation_is_printed_as_it_is_written_one_assignment_a_line():
    layer = Layer(
        "mine",
        "u[i] -> h[i]",
        """
        s = Sum(
            u[i]**2, i
        )
        h[i] = u[i]/s; k = s
        """,
    )
    assert equations(layer) == ("s = Sum(u[i]**2, i)", "h[i] = u[i]/s", "k = s")


def test_a_definition_by_a_function_is_printed_from_its_result():
    power = Layer("power", "x[i] -> y[i]", options="degree=2")

    @power.define
    def definition(s):
        x, y = s.tensors
        return s.eq(y[s.i], sum(x[s.i] ** k for k in range(1, s.degree + 1)))

    assert equations(power) == ("y[i] = x[i]**2 + x[i]",)
    assert equations(power.with_options(degree=1)) == ("y[i] = x[i]",)
    assert equations(Layer("bare", "x -> y")) == ()


def test_what_a_function_defines_is_printed_so_that_it_parses_back():
    pool = Layer("pool", "x[i] z[j] -> y[p]; p = i//stride", options="stride=2")

    @pool.define
    def definition(s):
        x, z, y = s.tensors
        r = s.index("r", size=s.stride)
        return s.eq(y[s.p], s.sum(x[s.stride * s.p + r], r) + z[s.p])

    (printed,) = equations(pool)
    assert printed in ("y[p] = Sum(x[2*p + r], r<2) + z[p+0]", "y[p] = z[p+0] + Sum(x[2*p + r], r<2)")
    again = Layer("pool", "x[i] z[j] -> y[p]; p = i//stride", printed, options="stride=2")
    assert define_layer(again) == define_layer(pool)


def test_declaring_and_printing_an_equation_loads_neither_sympy_nor_torch():
    code = (
        "import sys; from scratchgrad.layer import Layer; from scratchgrad.notation.equations import equations; "
        "print(equations(Layer('mine', 'u[i] -> h[i]', 'h[i] = u[i]/(1 + abs(u[i]))'))); "
        "Layer('bad', 'u[i] -> h[i]', 'h[i] = ((('); "
        "sys.exit('sympy' in sys.modules or 'torch' in sys.modules)"
    )
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=False)
    assert (done.returncode, done.stdout) == (0, "('h[i] = u[i]/(1 + abs(u[i]))',)\n"), done.stderr
