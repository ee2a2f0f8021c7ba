"""A squared difference stays one in a printed fraction: multiplied out it loses its digits where both are alike."""

import pytest

import scratchgrad as sg


@pytest.mark.parametrize(
    "text",
    [
        "L = Sum((nu + 1)/2*log(1 + ((v[i] - y[i])/s[i])**2/nu), i)",
        "L = Sum(log(1 + (v[i] - y[i])**2/s[i]**2), i)*nu",
        "L = Sum(1/(1 + ((v[i] - y[i])/(nu*s[i]))**2), i)",
    ],
)
def test_a_squared_difference_under_a_fraction_is_not_multiplied_out(text):
    derived = sg.derive(text, domains="nu>0; s[i]>0")
    for name in ("v", "y", "s", "nu"):
        assert "v[i]**2" not in str(derived[name]) and "v[i]*y[i]" not in str(derived[name]), str(derived[name])


def test_a_likelihood_with_a_width_of_each_sample_keeps_its_digits():
    layer = sg.Layer(
        "wide",
        "v[i] y[i] nu>0 s[i]>0 -> L",
        "L = Sum((nu + 1)/2*log(1 + ((v[i] - y[i])/s[i])**2/nu), i)",
        shared="nu",
    )
    verdict = sg.certify(layer)
    assert verdict.accepted
    assert max(verdict.errors.values()) < 8
