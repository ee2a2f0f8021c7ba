"""The witness raises for no right definition: not at the ends of domains, at kinks, nor at large magnitudes."""

from __future__ import annotations

import pytest

from scratchgrad.certification.battery import Battery
from scratchgrad.certification.specification import specify
from scratchgrad.certification.witness import witness

RIGHT = {
    "h[i] = sqrt(1 - u[i]**2)": "",
    "h[i] = log1p(-exp(-u[i]))": "",
    "h[i] = u[i]**1.5": "",
    "h[i] = abs(u[i])**1.5": "",
    "h[i] = acosh(1 + u[i]**2)": "",
    "h[i] = acosh(2*u[i])": "",
    "h[i] = atanh(u[i]/2)": "",
    "h[i] = asin(2*u[i])": "",
    "h[i] = where(u[i] > 0, -u[i]*log(u[i]), 0)": "",
    "h[i] = where(u[i] > 0, sqrt(u[i]), 0)": "",
    "h[i] = log(u[i] - 1)*max(u[i], v[i])": "",
    "h[i] = sqrt(u[i] - 1)/v[i]": "",
    "h[i] = exp(1000*u[i])": "",
    "h[i] = tanh(1000*u[i])": "",
    "h[i] = floor(10*u[i])*u[i]": "",
    "h[i] = atan2(u[i], v[i])": "",
    "h[i] = digamma(max(Sum(u[j]*v[j], j), u[i])**(1000*v[i]))": "",
    "h[i] = lgamma(u[i]**2)": "",
    "h[i] = erfinv(u[i]/3)": "",
    "L = -Sum(y[i]*log(p[i]) + (1 - y[i])*log(1 - p[i]), i)": "",
    "L = Sum(-y[i]*log(p[i]) - (1 - y[i])*log(1 - p[i]), i)/n_i": "p[i]:probability; y[i]:probability",
}


@pytest.mark.parametrize("text", RIGHT)
def test_both_derivatives_of_a_right_definition_agree(text):
    seen = witness(Battery(specify(text, None, RIGHT[text])))
    assert seen.points == 2
    assert seen.entries > 0


def test_a_definition_that_has_a_value_nowhere_has_no_witness():
    assert witness(Battery(specify("h[i] = sqrt(-1 - u[i]**2)"))).points == 0
