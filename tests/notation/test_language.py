"""The notation in which a room's definition is written."""

from typing import Any

import pytest
import sympy as sp

from scratchgrad.notation.functions import TABLE
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


def both(signature: str, function: Any, text: str) -> tuple[Any, Any]:
    """The definition that a function writes, and the one that a text writes."""
    parsed = Signature.parse(signature)
    return define("room", parsed, function), define("room", parsed, text)


@pytest.mark.parametrize("name", TABLE)
def test_a_function_of_the_notation_is_that_of_the_text(name: str) -> None:
    orders = TABLE[name].orders
    names = "xz"[: TABLE[name].arity - len(orders)]

    def definition(s: Any) -> Any:
        *inputs, y = s.tensors
        return s.eq(y[s.i], getattr(s, name)(*orders, *(t[s.i] for t in inputs)))

    text = f"y[i] = {name}({', '.join([*map(str, orders), *(f'{n}[i]' for n in names)])})"
    written, read = both(f"{' '.join(f'{n}[i]' for n in names)} -> y[i]", definition, text)
    assert written == read


def test_what_a_function_writes_is_what_a_text_says() -> None:
    def definition(s: Any) -> Any:
        x, W, y = s.tensors
        r, k, z = s.index("r", size=2), s.index("k", like="j"), s.intermediate("z", s.i)
        return (
            s.eq(z[s.i], s.sum(W[s.i, k] * x[k], k) + s.number("0.5") * s.pi / s.j.size),
            s.eq(y[s.i], s.max(z[s.i], 0) + s.amax(s.where(r <= s.i, z[2 * s.i + r], 1), r) * s.delta(s.i, s.i + 1)),
        )

    text = """
        z[i] = Sum(W[i,k]*x[k], k) + 0.5*pi/n_j
        y[i] = max(z[i], 0) + Max(where(r <= i, z[2*i + r], 1), r<2)*delta(i, i + 1)
    """
    written, read = both("x[j] W[i,j] -> y[i]", definition, text)
    assert written == read
