"""Every mistake in a text is a named error that says what is wrong and points at the place."""

from __future__ import annotations

from typing import Any

import pytest
import sympy as sp

from scratchgrad.calculus.derivation import Derivation
from scratchgrad.calculus.differentiate import DerivationStuck, differentiate
from scratchgrad.notation.definition import Assignment, Definition, Tensor
from scratchgrad.notation.from_sympy import NotADefinition, from_sympy
from scratchgrad.notation.grammar import parse
from scratchgrad.notation.indices import Index
from scratchgrad.notation.language import DefinitionMismatch, define
from scratchgrad.notation.mistakes import (
    AssignmentOrder,
    FreeIndexMissing,
    Misplaced,
    RankMismatch,
    ReservedName,
    UnknownName,
    UnusedName,
)
from scratchgrad.notation.ranges import IndexSizeConflict
from scratchgrad.notation.syntax import NotationError, UnbalancedText, UnreadableText
from scratchgrad.signature import Signature

# error, message, and the text with ^ before the place that the caret shows
MISTAKES = [
    (UnbalancedText, "'[' is never closed", "u[i] = x^[i"),
    (UnbalancedText, "'(' is never closed", "u[i] = Sum^(x[j], j"),
    (UnbalancedText, "')' closes nothing", "u[i] = x[i]^)"),
    (UnbalancedText, "expected ']' to close '[', found ')'", "u[i] = x[i^)"),
    (UnreadableText, "found 'the end'", "u[i] =^"),
    (UnreadableText, "expected a number, a name or '(', found '='", "^= 3"),
    (UnreadableText, "a product is written with *", "u[i] = 2 ^x[i]"),
    (UnreadableText, "character '@' is not part of the grammar", "u[i] = x[i] ^@ y[i]"),
    (UnreadableText, "the left side must be an element such as u[i]", "2^*u = x"),
    (UnreadableText, "expected a number, a name or '(', found ','", "u = where(a < b <^, 1, 2)"),
    (UnreadableText, "expected a number, a name or '(', found ']'", "u[i] = x[i,^]"),
    (UnknownName, "unknown function 'Sun'; did you mean 'Sum'?", "u[i] = ^Sun(x[j], j)*y[i]"),
    (UnknownName, "unknown function 'logdet'; did you mean 'LogDet'?", "u = ^logdet(A)"),
    (UnknownName, "unknown function 'softmax'; known: exp, log", "u[i] = ^softmax(x[i])"),
    (UnknownName, "Sum runs over an index letter", "u = Sum(x[j], ^2)"),
    (UnknownName, 'index \'r\' ranges over no axis: nothing is indexed by it bare; name its range: ranges={"r": "n"}',
     "u[i] = Sum(x[2*i+r], ^r)"),
    (FreeIndexMissing, "index 'j' is free on the right but missing on the left; sum over it", "u[i] = W[i,^j]*x[j]"),
    (FreeIndexMissing, "the left side takes distinct bare indices", "u[i,^i] = x[i]"),
    (FreeIndexMissing, "the left side takes distinct bare indices", "u[2^*i] = x[i]"),
    (RankMismatch, "x has 2 axes, here it has 1 index", "u[i] = Sum(x[i,j], j)*^x[i]"),
    (RankMismatch, "x has 1 axis, here it has no index", "u[i] = x[i] + ^x"),
    (RankMismatch, "max takes 2 arguments, found 1", "u[i] = ^max(x[i])"),
    (RankMismatch, "relu takes 1 argument, found 2", "u[i] = ^relu(x[i], 0)"),
    (RankMismatch, "mean needs an expression and at least one index, as in mean(x[i], i)", "u = ^mean(x)"),
    (RankMismatch, "mean needs an expression", "u = ^mean(x[i], 2)"),
    (RankMismatch, "Sum needs an expression and at least one index", "u = ^Sum(x)"),
    (RankMismatch, "write Inv(A)[i,j], Det(A) or LogDet(A)", "u[i] = ^Inv(A)[i]"),
    (RankMismatch, "write Inv(A)[i,j], Det(A) or LogDet(A)", "u = ^Det(A[i,j])"),
    (RankMismatch, "write Inv(A)[i,j], Det(A) or LogDet(A)", "u[i] = ^exp(x[i])[i]"),
    (AssignmentOrder, "o is used before it is assigned", "o = exp(^o)"),
    (AssignmentOrder, "u is used before it is assigned", "v = ^u[0]; u[i] = x[i]"),
    (AssignmentOrder, "a is assigned twice; give each result its own name", "a = b; ^a = c"),
    (Misplaced, "a condition is no value; write where(condition, a, b)", "u[i] = x[i] ^> 0"),
    (Misplaced, "a condition is no value", "u[i] = (x[i] ^> 0)*x[i]"),
    (Misplaced, "expected a condition such as x[i] > 0, found a value", "u[i] = where(^x[i], 1, 2)"),
    (Misplaced, "expected a condition", "u[i] = where(x[i] > 0 and ^i, 1, 2)"),
    (Misplaced, "an index is made of whole numbers", "u[i] = x[i]*x[^1.5]"),
    (Misplaced, "an index is made of whole numbers", "u[i] = x[i]*y[i^/2]"),
    (Misplaced, "an index is made of whole numbers", "u[i] = x[t[i] + i^/2]"),
    (Misplaced, "norm takes the names of tensors: norm(x) for a vector x; name an expression first", "u = ^norm(x+1)"),
    (Misplaced, "dot takes the names of tensors: dot(x, y)", "u = ^dot(x)"),
    (Misplaced, "tr takes the names of tensors: tr(A)", "u = ^tr(A[i,j])"),
    (Misplaced, "and x is 0 at -1; where it is counted from the end, write the size of the axis: "
     "x[n_i-1]", "u[i] = x[i]*x[^-1]"),
    (Misplaced, "this has no real value", "u = x^/0"),
    (Misplaced, "this has no real value", "u = x*^log(0)"),
    (Misplaced, "this has no real value", "u = x*^sqrt(-1)"),
    (ReservedName, "'exp' is a function: write exp(...)", "u[i] = ^exp*x[i]"),
    (ReservedName, "'Sum' is a function", "^Sum = x"),
    (ReservedName, "'inf' is no real number, and as the name of an input it would have a gradient", "u = x*^inf"),
    (ReservedName, "write where(condition, value, 0), or a large number such as 1e30", "u[i] = x[i] + ^nan"),
    (ReservedName, "'pi' is the number", "^pi = x"),
    (ReservedName, "'grad_u' is the name of the gradient of J with respect to u", "u[i] = ^grad_u[i]*x[i]"),
]  # fmt: skip


@pytest.mark.parametrize(("error", "message", "marked"), MISTAKES, ids=[m[2] for m in MISTAKES])
def test_a_mistake_is_named_and_pointed_at(error: type[NotationError], message: str, marked: str) -> None:
    place, text = marked.index("^"), marked.replace("^", "", 1)
    with pytest.raises(error) as raised:
        parse(text)
    said, line, caret = str(raised.value).split("\n")
    assert message in said
    assert line == "    " + text
    assert caret.index("^") == 4 + place


def test_an_unknown_character_that_looks_like_a_power_is_explained() -> None:
    with pytest.raises(UnreadableText, match=r"a power is written \*\*"):
        parse("u = x^2")


def test_the_caret_points_into_the_line_that_is_wrong() -> None:
    with pytest.raises(FreeIndexMissing) as raised:
        parse("h[i] = Sum(W[i,j]*x[j], j)\nu[i] = h[k]")
    assert str(raised.value).split("\n")[1:] == ["    u[i] = h[k]", "             ^"]


def test_an_empty_text_is_answered_with_an_example() -> None:
    for text in ("", "  ", ";", "\n"):
        with pytest.raises(UnreadableText, match="the definition is empty; write one, such as"):
            parse(text)


def test_one_letter_over_axes_of_two_sizes_names_both() -> None:
    with pytest.raises(IndexSizeConflict) as raised:
        parse("u[i] = Sum(W[i,j]*x[j], j)", tensors="W[nI,nJ] x[nK]")
    assert "axis 1 of x has nK, axis 2 of W has nJ; use a letter of its own for each size" in str(raised.value)
    assert str(raised.value).split("\n")[-1].index("^") == 4 + "u[i] = Sum(W[i,j]*x[j], j)".rindex("j]")


def test_a_range_that_contradicts_an_axis_names_both() -> None:
    with pytest.raises(IndexSizeConflict, match="index 'j' has 5, axis 1 of x has 4"):
        parse("u = Sum(x[j], j)", tensors="x[4]", ranges={"j": 5})


@pytest.mark.parametrize(("tensors", "place"), [("x[n", 1), ("x]", 1), ("* x[n]", 0)])
def test_a_declaration_that_cannot_be_read_is_pointed_at(tensors: str, place: int) -> None:
    with pytest.raises(UnreadableText, match=r"write tensors as x\[nB,nN\] w\[nN\]") as raised:
        parse("u = Sum(x[j], j)", tensors=tensors)
    assert str(raised.value).split("\n")[-1].index("^") == 4 + place


def test_a_size_is_a_name_or_a_whole_number() -> None:
    with pytest.raises(UnreadableText, match="a name or a whole number, found '-1'"):
        parse("u = Sum(x[j], j)", tensors="x[-1]")
    with pytest.raises(UnreadableText, match="found 'n J'"):
        parse("u = Sum(x[j], j)", ranges={"j": "n J"})


def test_a_size_is_no_index() -> None:
    with pytest.raises(ReservedName, match="'i' was declared as the size of an axis"):
        parse("u[i] = x[i]", tensors="x[i]")


def test_an_output_must_be_assigned() -> None:
    with pytest.raises(UnknownName, match="output 'v' is never assigned; the left sides are u"):
        parse("u[i] = x[i]", outputs=["v"])


def test_a_complete_declaration_lists_every_tensor() -> None:
    with pytest.raises(UnknownName, match="unknown tensor 'weights'; did you mean 'weight'?"):
        parse("u[i] = weights[i]*x[i]", tensors="x[n] weight[n]", complete=True)


@pytest.mark.parametrize(
    ("options", "message"),
    [
        ({"tensors": "V[m,n]"}, "tensors: the definition has no tensor 'V'; it has u, W, x"),
        ({"tensors": "W[m,n] xs[n]"}, "tensors: the definition has no tensor 'xs'; did you mean 'x'?"),
        ({"ranges": {"r": "n"}}, "ranges: the definition has no index 'r'; it has i, j"),
    ],
)
def test_a_size_or_a_range_is_of_something_that_is_there(options: dict[str, Any], message: str) -> None:
    with pytest.raises(UnusedName) as raised:
        parse("u[i] = Sum(W[i,j]*x[j], j)", strict=True, **options)
    assert str(raised.value) == message


@pytest.mark.parametrize(("text", "of"), [("L = LogDet(A)", "LogDet"), ("L = Sum(Inv(A)[i,j], i, j)", "Inv")])
def test_a_matrix_that_is_declared_with_two_sizes_is_not_square(text: str, of: str) -> None:
    with pytest.raises(IndexSizeConflict, match=rf"{of} takes a square tensor, but A is declared as \[m,n\]"):
        parse(text, tensors="A[m,n]")


# -- definitions in SymPy and in a room


def test_sympy_must_be_an_equation() -> None:
    x = sp.Symbol("x")
    with pytest.raises(NotADefinition, match=r"expected sympy.Eq\(left, right\), got Pow"):
        from_sympy(x**2)


def test_a_sum_in_sympy_runs_over_a_whole_axis() -> None:
    i, n = sp.symbols("i n", integer=True)
    x = sp.IndexedBase("x")
    with pytest.raises(NotADefinition, match="a sum runs over a whole axis"):
        from_sympy(sp.Eq(sp.Symbol("s"), sp.Sum(x[i], (i, 2, n - 1))))


def test_a_room_assigns_every_output_of_its_signature() -> None:
    signature = Signature.parse("x[i] -> o[i] L")
    with pytest.raises(DefinitionMismatch, match="room: output 'L' of the signature is never assigned"):
        define("room", signature, lambda s: s.eq(s.tensors[1][s.i], s.tensors[0][s.i]))


def test_a_room_leaves_no_free_index() -> None:
    signature = Signature.parse("x[j] W[i,j] -> u[i]")
    with pytest.raises(DefinitionMismatch, match=r"u: index 'j' is free on the right .* sum over it with s.sum"):
        define("room", signature, lambda s: s.eq(s.tensors[2][s.i], s.tensors[1][s.i, s.j] * s.tensors[0][s.j]))


def test_a_room_uses_its_tensors_with_their_axes() -> None:
    signature = Signature.parse("x[i] y[i] -> u[i]")
    with pytest.raises(DefinitionMismatch, match=r"does not fit the signature x\[i\] y\[i\] -> u\[i\]"):
        define("room", signature, lambda s: s.eq(s.tensors[2][s.i], s.tensors[0][s.i, s.i]))


def test_a_rooms_output_has_the_axes_of_its_signature() -> None:
    signature = Signature.parse("x[i] W[i,j] -> u[j]")
    with pytest.raises(DefinitionMismatch, match="u is defined over other axes than the signature's"):
        define("room", signature, lambda s: s.eq(s.tensors[2][s.i], s.tensors[0][s.i]))


def test_the_notation_knows_the_letters_of_its_signature() -> None:
    signature = Signature.parse("x[i] -> u[i]")
    with pytest.raises(AttributeError, match="the notation has no 'k'; its indices are i"):
        define("room", signature, lambda s: s.eq(s.tensors[1][s.k], s.tensors[0][s.k]))


# -- the calculus


def test_a_missing_rule_names_the_step_at_which_it_is_missing() -> None:
    x, h = Tensor("x", (Index("i", 3),)), Tensor("h", (Index("i", 3),))
    definition = Definition((Assignment(h, sp.gamma(x.element)),), (x,), (h,))
    message = r"no rule differentiates gamma .*missing at the step: the local partial of h\[i\] with respect to x\[i\]"
    with pytest.raises(DerivationStuck, match=message):
        _ = Derivation(definition)["x"]


def test_a_node_without_a_rule_is_named() -> None:
    with pytest.raises(DerivationStuck, match="d/dx: no rule differentiates gamma in .*; add one to"):
        differentiate(sp.gamma(sp.Symbol("x", real=True)), Tensor("x"), ())
