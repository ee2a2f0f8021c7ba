"""What a room declares is checked when it declares it."""

import pytest

from scratchgrad.layer import Layer, OptionMismatch
from scratchgrad.signature import SignatureError


@pytest.mark.parametrize(
    ("arguments", "message"),
    [
        ({"shared": "V"}, r"layer 'own': shared tensor 'V' is not among the inputs \['x', 'W'\]"),
        ({"usual": "x=1"}, "layer 'own': 'x' has a usual value, but is not among the shared inputs"),
        ({"options": "i=1"}, r"layer 'own': 'i' is an axis of x\[j\] W\[i,j\] -> u\[i\]; call it otherwise"),
    ],
)
def test_what_does_not_fit_the_signature_is_named(arguments, message):
    with pytest.raises(SignatureError, match=message):
        Layer("own", "x[j] W[i,j] -> u[i]", **arguments)


def test_an_option_that_a_layer_lacks_is_named():
    with pytest.raises(OptionMismatch, match="layer 'own' has no option 'stride'; its options: none"):
        Layer("own", "x[j] -> u[j]").with_options(stride=2)
