"""The notation in which a room's definition is written."""

from typing import Any

import sympy as sp

from scratchgrad.notation.language import Notation, define
from scratchgrad.notation.text import to_text
from scratchgrad.signature import Signature


def test_a_letter_that_comes_twice_in_a_tensor_is_one_size_and_two_indices() -> None:
    def definition(s: Any) -> Any:
        h, U, y = s.tensors
        k = s.index("k", like="i")
        return s.eq(y[s.i], s.sum(U[s.i, k] * h[k], k))

    found = define("state", Signature.parse("h[i] U[i,i] -> y[i]"), definition)
    U = found.inputs[1]
    assert [i.name for i in U.indices] == ["i", "j"]
    assert U.indices[0].size == U.indices[1].size
    assert to_text(found.assignments[0].right) in ("Sum(U[i,k]*h[k], k)", "Sum(h[k]*U[i,k], k)")


def test_a_number_is_exactly_what_its_digits_say() -> None:
    assert Notation(Signature.parse("x -> y")).number("0.044715") == sp.Rational(44715, 1000000)
