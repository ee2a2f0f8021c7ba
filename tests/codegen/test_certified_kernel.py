"""Gradients.kernel hands out a generated kernel that agrees with its definition, and refuses any other."""

import pytest
import torch

import scratchgrad as sg
from scratchgrad.certification.certifying import KernelRefused


def test_the_kernel_of_a_text_is_certified_and_runs_over_batches():
    kernel = sg.derive("u[i] = Sum(W[i,j]*x[j], j) + b[i]").kernel()
    W, x, b = torch.randn(2, 3), torch.randn(4, 3), torch.randn(2)
    u, saved = kernel.forward(W, x, b)
    torch.testing.assert_close(u, x @ W.T + b)
    assert [g.shape for g in kernel.backward(saved, torch.randn(4, 2))] == [W.shape, x.shape, b.shape]


def test_a_generated_kernel_that_overflows_is_refused_with_the_verdict():
    with pytest.raises(
        KernelRefused, match=r"(?s)does not agree with the definition:.*REFUSED.*at  x = \[\[1000\]\]"
    ) as raised:
        sg.derive("y[i] = exp(x[i])/(1 + exp(x[i])**2)").kernel()
    assert "write the equation so that nothing overflows or cancels on the way" in str(raised.value)


def test_a_layer_whose_generated_kernel_overflows_is_refused_with_what_to_do():
    verdict = sg.certify(sg.Layer("bump", "x[i] -> y[i]", "y[i] = exp(x[i])/(1 + exp(x[i])**2)"))
    assert not verdict.accepted
    assert "or write a kernel by hand (CONTRIBUTING.md, Add a layer)" in str(verdict)


@pytest.mark.parametrize(
    "text", ["L = Sum(log(cosh(v[i] - y[i])), i)", "h[i] = c*log(cosh(a*u[i]))/a", "h[i] = x[i]*sinh(u[i])/cosh(u[i])"]
)
def test_the_logarithm_of_cosh_and_sinh_over_cosh_do_not_overflow(text):
    assert sg.derive(text, domains="a>0" if "a*" in text else "").kernel()


@pytest.mark.parametrize(
    ("text", "domains"),
    [
        ("h[i] = log(1 + u[i]) - log(1 - u[i])", "u in (-1,1)"),
        ("h[i] = (log(1 + u[i]) - log(1 - u[i]))/2", "u in (-1,1)"),
        ("h[i] = log(1 - u[i]/2)", "u < 2"),
        ("z[i] = 1 - u[i]**2; h[i] = log(z[i])", "u in (-1,1)"),
        ("h[i] = log(u[i] + 1 - v[i]**2)", "u >= 0; v in (-1,1)"),
        ("L = -Sum(y[i]*log(p[i]) + (1 - y[i])*log(1 - p[i]), i)", "y:binary; p:probability"),
        ("h[i] = log(1 - exp(-u[i]))", "u > 0"),
    ],
)
def test_a_logarithm_near_one_keeps_its_digits(text, domains):
    assert sg.derive(text, domains=domains).kernel()


def test_a_logarithm_of_two_minus_something_is_none_of_one_plus_something():
    u = torch.randn(3, 2, dtype=torch.float64)
    source = sg.derive("h[i] = log(2 - u[i]) + log(u[i] - 1)").kernel_source()
    assert "log1p" not in source
    kernel = sg.derive("h[i] = log(3 - 1 - u[i]**2) + log(1 + u[i]**2)", domains="u in (-1,1)").kernel()
    u = u.tanh()
    torch.testing.assert_close(kernel.forward(u)[0], (2 - u**2).log() + (1 + u**2).log())


def test_a_refusal_at_a_kink_that_is_none_names_the_gradient_there():
    with pytest.raises(KernelRefused) as raised:
        sg.derive("h[i] = sign(x[i])*log1p(abs(x[i]))").kernel()
    assert "grad_x[0,0]:  yours = 0,  right = 1   (float64" in str(raised.value)
    assert "stands in a place of" not in str(raised.value)


def test_lost_digits_are_no_wrong_sign():
    with pytest.raises(KernelRefused) as raised:
        sg.derive("h[i] = acosh(1 + u[i]**2)").kernel()
    assert "sign" not in str(raised.value)
