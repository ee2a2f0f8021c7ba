"""A definition that would take forever is refused: numbers beyond floating point, text nested too deeply."""

import pytest

from scratchgrad.gradients import derive
from scratchgrad.notation.from_sympy import NotADefinition
from scratchgrad.notation.grammar import TooLarge


@pytest.mark.parametrize("text", ["u[i] = 9**9**9*x[i]", "u[i] = 2**1000000*x[i]", "u[i] = x[i]**2**2**2**2**2"])
def test_a_power_beyond_floating_point_is_refused_at_its_place(text):
    with pytest.raises(TooLarge, match=r"a power of 512 is the largest that is taken\n    u\[i\] = .*\n +\^"):
        derive(text)


def test_a_number_beyond_floating_point_is_refused_at_its_place():
    with pytest.raises(TooLarge, match=r"this number is beyond all floating point\n    u\[i\] = 1e999999999"):
        derive("u[i] = 1e999999999*x[i]")


@pytest.mark.parametrize("text", ["(" * 500 + "x[i]" + ")" * 500, "-" * 1000 + "x[i]", "+".join(["x[i]"] * 3000)])
def test_text_nested_too_deeply_is_refused_in_words(text):
    with pytest.raises(TooLarge, match="nested too deeply; name its parts in assignments of their own"):
        derive(f"u[i] = {text}")


@pytest.mark.parametrize("source", [None, True, 5, b"u[i] = x[i]"])
def test_what_is_neither_text_nor_layer_nor_equation_is_named_by_its_type(source):
    with pytest.raises(NotADefinition, match=f"expected text, a layer or sympy.Eq, got {type(source).__name__}"):
        derive(source)
