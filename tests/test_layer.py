"""What a room declares is checked when it declares it."""

import pytest

from scratchgrad.layer import DefinedTwice, EquationIsNoText, Layer, OptionMismatch
from scratchgrad.signature import SignatureError


@pytest.mark.parametrize(
    ("arguments", "message"),
    [
        ({"shared": "V"}, r"layer 'own': shared tensor 'V' is not among the inputs \['x', 'W'\]"),
        ({"usual": "x=1"}, "layer 'own': 'x' has a usual value, but is not among the shared inputs"),
        ({"options": "i=1"}, r"layer 'own': 'i' is an axis of x\[j\] W\[i,j\] -> u\[i\]; call it otherwise"),
        ({"options": "W=1"}, r"layer 'own': 'W' is a tensor of x\[j\] W\[i,j\] -> u\[i\]; call it otherwise"),
    ],
)
def test_what_does_not_fit_the_signature_is_named(arguments, message):
    with pytest.raises(SignatureError, match=message):
        Layer("own", "x[j] W[i,j] -> u[i]", **arguments)


def test_an_option_that_a_layer_lacks_is_named():
    with pytest.raises(OptionMismatch, match="layer 'own' has no option 'stride'; its options: none"):
        Layer("own", "x[j] -> u[j]").with_options(stride=2)


def test_a_layer_has_an_equation_or_a_function_that_defines_it():
    own = Layer("own", "u[i] -> h[i]", "h[i] = 2*u[i]")
    message = r"layer 'own' \(.*test_layer.py, line \d+\) has an equation, 'h\[i\] = 2\*u\[i\]', and a function"
    with pytest.raises(DefinedTwice, match=message + ".*definition; keep one of them"):

        @own.define
        def definition(s):
            return s.eq(s.tensors[1][s.i], s.tensors[0][s.i])


@pytest.mark.parametrize("equation", [5, lambda s: s, ["h[i] = u[i]"]])
def test_an_equation_is_a_text(equation):
    with pytest.raises(
        EquationIsNoText, match=r"layer 'own': the equation is a text .*, got .*; a function goes under @own"
    ):
        Layer("own", "u[i] -> h[i]", equation)
