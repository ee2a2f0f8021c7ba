"""Domains: read, written, combined; and where a signature takes them."""

from __future__ import annotations

from fractions import Fraction

import pytest

from scratchgrad.domain import REALS, STRUCTURES, Domain, DomainError
from scratchgrad.notation.language import Notation
from scratchgrad.signature import ShapeMismatch, Signature, SignatureError

TEXTS = [
    "",
    ">0",
    ">=0",
    "<0",
    "<=1",
    ">-0.5",
    ">1e+30",
    "<1e-05",
    ">=100000",
    " in (0,1/3)",
    " in (0,1e+308)",
    " in (-1,1)",
    " in [0,1)",
    " in (0,2.5]",
    *(f":{s}" for s in STRUCTURES),
]


@pytest.mark.parametrize("text", TEXTS)
def test_a_domain_is_written_as_it_is_read(text: str) -> None:
    assert str(Domain.parse(text)) == text


@pytest.mark.parametrize(
    ("text", "same"),
    [
        ("> 0", ">0"),
        (" in ( -1 , 1 )", " in (-1,1)"),
        (" in (0,inf)", ">0"),
        (" in (-inf, 1]", "<=1"),
        (": int", ":int"),
    ],
)
def test_blanks_and_infinite_ends_do_not_matter(text: str, same: str) -> None:
    assert Domain.parse(text) == Domain.parse(same)


@pytest.mark.parametrize(
    ("text", "inside", "outside"),
    [
        (">0", [1e-300, 1.0], [0.0, -1.0, float("inf"), float("nan")]),
        (">=0", [0.0, 1.0], [-1e-300]),
        (" in [0.1,1)", [0.1, 0.5], [0.09, 1.0]),
        ("<=1", [-1e300, 1.0], [1.5]),
    ],
)
def test_an_end_belongs_to_an_interval_where_the_text_says_so(
    text: str, inside: list[float], outside: list[float]
) -> None:
    interval = Domain.parse(text).interval
    assert all(number in interval for number in inside)
    assert not any(number in interval for number in outside)


@pytest.mark.parametrize(
    ("text", "says"),
    [
        (":simplx", "did you mean :simplex"),
        (":", "unknown domain ':'; write it as >0"),
        (">x", "cannot read the domain '>x'; write it as >0"),
        (" in 3", "cannot read the domain 'in 3'"),
        ("=3", "cannot read the domain '=3'"),
        (">0 3", "cannot read the domain"),
        (" in (1,0)", "'in \\(1,0\\)' is empty: no number is in it; write the smaller end first"),
        (" in (1,1]", "is empty"),
        (">inf", "is empty"),
        (" in (inf,1)", "is empty"),
        (">1e999999999", "is no number of floating point"),
        (">1/0", "is no number of floating point"),
        (f">{'9' * 5000}", "is no number of floating point"),
    ],
)
def test_a_domain_that_cannot_be_read_or_is_empty_says_so(text: str, says: str) -> None:
    with pytest.raises(DomainError, match=says):
        Domain.parse(text)


def test_two_declarations_hold_together() -> None:
    both = Domain.parse(">0") & Domain.parse("<=2")
    assert str(both) == " in (0,2]"
    assert both.interval.high == Fraction(2)
    assert Domain.parse(":simplex") & Domain.parse(">=0") == Domain.parse(":simplex")
    assert Domain.parse(":simplex") & Domain.parse(">0") == Domain.parse(":simplex > 0")
    assert REALS & both == both & REALS == both


@pytest.mark.parametrize(
    ("one", "other", "says"),
    [
        (">0", "<0", "'>0' and '<0' contradict one another: no number is both"),
        (":onehot", ":sign", "':onehot' and ':sign' contradict one another"),
        (":simplex", ">1", "contradict one another"),
        (":symmetric", ">0", "cannot be declared together"),
    ],
)
def test_declarations_that_contradict_one_another_say_so(one: str, other: str, says: str) -> None:
    with pytest.raises(DomainError, match=says):
        _ = Domain.parse(one) & Domain.parse(other)


@pytest.mark.parametrize(
    "text",
    [
        "v[i] y[i] nu>0 -> L",
        "x[i]>=0 u[i] in (-1,1) w[k] in [0,1) p[i]:simplex -> y[i]",
        "p[i]:probability q[i]:onehot s:sign -> L",
        "x[i] A[i,j]:symmetric S[k,l]:positive_definite -> L",
        "x[c,i] w[k]<=0 -> y[p]; p = (i - k)//stride + 1",
        "t[b]:int E[t,d] -> e[b,d]",
    ],
)
def test_a_signature_with_domains_is_written_as_it_is_read(text: str) -> None:
    signature = Signature.parse(text)
    assert str(signature) == text
    assert Signature.parse(str(signature)) == signature


def test_blanks_around_a_domain_do_not_matter_in_a_signature() -> None:
    assert Signature.parse("nu > 0  u[i]  in ( -1, 1 )->y[i]") == Signature.parse("nu>0 u[i] in (-1,1) -> y[i]")


@pytest.mark.parametrize(
    ("text", "says"),
    [
        ("x:simplex -> y", "x cannot be :simplex .* it has no axes, expected at least 1"),
        ("A[i]:symmetric -> y", "A\\[i\\] cannot be :symmetric .* it has 1 axis, expected at least 2"),
        ("x[i]:simplx -> y", "did you mean :simplex"),
        ("x[i] in (1,0) -> y", "is empty"),
        ("x[i] -> p[i]:simplex", "p\\[i\\]:simplex is an output.*declare domains of inputs"),
        ("x[i]=3 -> y", "cannot read 'x\\[i\\]=3'"),
        ("A[p,q]:symmetric x[i] -> y; p = i + 1; q = i + 1", "is square, but 'p' and 'q' both have a formula"),
    ],
)
def test_a_domain_that_does_not_fit_its_tensor_is_an_error_of_the_signature(text: str, says: str) -> None:
    with pytest.raises(SignatureError, match=says):
        Signature.parse(text)


def test_a_symmetric_matrix_is_square() -> None:
    signature = Signature.parse("A[i,j]:symmetric x[j] -> y[i]")
    assert signature.sizes("layer", [(3, 3), (3,)]) == {"i": 3, "j": 3}
    with pytest.raises(ShapeMismatch, match="layer: A\\[i,j\\]:symmetric is a square matrix, got shape \\(3, 4\\)"):
        signature.sizes("layer", [(3, 4), (4,)])
    notation = Notation(signature)
    assert notation.i.size == notation.j.size


def test_a_tensor_of_a_definition_has_the_domain_of_its_signature() -> None:
    notation = Notation(Signature.parse("x[i] nu>0 t:int -> y[i]"))
    assert {name: str(t.domain) for name, t in notation.declared.items()} == {"x": "", "nu": ">0", "t": ":int", "y": ""}
    assert notation.declared["t"].integer


@pytest.mark.parametrize("text", ["<2e308", ">" + 9 * "9" + "e307", ">1e-330", ">" + "9" * 200 + "e200", ">1/0"])
def test_an_end_that_no_float_can_be_near_is_named(text: str) -> None:
    with pytest.raises(DomainError, match="is no number of floating point"):
        Domain.parse(text)
