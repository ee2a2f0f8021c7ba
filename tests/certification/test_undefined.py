"""What has no value is told apart from what we cannot compute, and a proof says for which values it holds."""

from __future__ import annotations

import pytest
import torch

import scratchgrad as sg
from scratchgrad.certification.specification import NothingToCertify

X = torch.linspace(0.2, 1.4, 6, dtype=torch.float64).reshape(2, 3)


def test_a_proof_says_for_which_values_the_definition_has_one():
    def backward(g, u):
        return (2 * g / torch.sqrt(1 - 4 * u * u),)

    verdict = sg.certify("h[i] = asin(2*u[i])", lambda u: torch.asin(2 * u), backward)
    assert verdict.diagnosis[0].startswith("proven equal for all real values for which 2*u[i] in (-1,1) at"), verdict


def test_a_proof_about_all_values_says_no_more():
    softplus, backward = torch.nn.functional.softplus, lambda g, u: (g * torch.sigmoid(u),)
    verdict = sg.certify("h[i] = log(1 + exp(u[i]))", softplus, backward)
    assert verdict.diagnosis[0].startswith("proven equal for all real values at"), verdict


def test_a_definition_without_a_value_names_the_operation_that_has_none():
    verdict = sg.certify("h[i] = sqrt(-1 - u[i]**2)", lambda u: torch.sqrt(-1 - u * u), lambda g, u: (g * u,))
    assert not verdict.judged
    assert "sqrt((" in str(verdict), verdict
    assert "has none" in str(verdict)


def test_what_only_we_cannot_compute_is_called_so():
    verdict = sg.certify(torch.lgamma, torch.lgamma, example=(X,), domains="x1[j]>-3")
    assert verdict.accepted, verdict
    assert "probes the specification gives numbers that nothing was compared with" in str(verdict), verdict
    assert "exact arithmetic cannot compute lgamma(" in " ".join(verdict.diagnosis)


def test_an_arc_tangent_at_the_origin_has_no_gradient_to_compare_with():
    def forward(u):
        return torch.atan2(u, torch.arange(u.shape[-1], dtype=u.dtype))

    def backward(g, u):
        i = torch.arange(u.shape[-1], dtype=u.dtype)
        return (g * i / (u * u + i * i),)  # 0/0 where i and u are 0

    assert sg.certify("h[i] = atan2(u[i], i)", forward, backward).accepted


def test_a_size_at_which_only_our_execution_fails_is_no_undefined_value():
    function = lambda x, m: x[m]  # noqa: E731  # as many numbers as there are true ones
    with pytest.raises(NothingToCertify, match="the shape of what it returns depends on the numbers"):
        sg.certify(function, function, example=(X, X > 0.5))
