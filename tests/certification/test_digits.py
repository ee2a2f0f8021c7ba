"""What can be computed to some digits must be: small gradients are judged beside their own size where a form is."""

import numpy as np
import pytest
import torch
from torch.nn import functional

import scratchgrad as sg
from scratchgrad.certification.battery import Battery
from scratchgrad.certification.specification import specify
from tests.certification.test_probe_kinds import opaque

BELL, SQUARE = "h[i] = exp(-u[i]**2)", "h[i] = u[i]**2"


def bell(u):
    return torch.exp(-u * u)


def flushed(g, u):
    h = np.exp(-u * u)
    return -2 * g * u * np.where(h < 1e-17, 0, h)


WRONG = {
    "1 - h for large u": ("sigmoid", torch.sigmoid, lambda g, u: g * (h := u.sigmoid()) * (1 - h)),
    "a bell that is flushed far out": (BELL, opaque(lambda u: np.exp(-u * u)), opaque(flushed)),
    "a step around 0": (
        SQUARE,
        opaque(lambda u: u * u),
        opaque(lambda g, u: np.where(np.abs(u) < 1e-17, 0 * g, 2 * g * u)),
    ),
}

RIGHT = {
    "sigmoid of both signs": ("sigmoid", torch.sigmoid, lambda g, u: g * u.sigmoid() * (-u).sigmoid()),
    "sigmoid by exponentials": ("sigmoid", torch.sigmoid, lambda g, u: g * (e := (-u.abs()).exp()) / (1 + e) ** 2),
    "1 - h^2, as torch has it": ("tanh", torch.tanh, lambda g, u: g * (1 - u.tanh() ** 2)),
    "the same as text": ("h[i] = tanh(u[i])", torch.tanh, lambda g, u: g * (1 - u.tanh() ** 2)),
    "gelu by erf": (
        "gelu",
        functional.gelu,
        lambda g, u: g * ((1 + torch.erf(u / 2**0.5)) / 2 + u * torch.exp(-u * u / 2) / (2 * torch.pi) ** 0.5),
    ),
    "a bell": (BELL, bell, lambda g, u: -2 * g * u * bell(u)),
    "softmax": ("softmax", lambda v: v.softmax(-1), lambda g, v: (o := v.softmax(-1)) * (g - (g * o).sum(-1, True))),
}


@pytest.mark.parametrize("name", WRONG)
def test_a_gradient_without_a_right_digit_is_refused_where_a_form_of_ours_has_half_of_them(name):
    verdict = sg.certify(*WRONG[name])
    assert not verdict.accepted
    assert verdict.wrong == ("backward",)
    assert "off by more than a tenth, where other forms keep half of their digits" in " ".join(verdict.diagnosis)


@pytest.mark.parametrize("name", RIGHT)
def test_a_form_that_is_as_exact_as_any_that_we_know_is_accepted(name):
    verdict = sg.certify(*RIGHT[name])
    assert verdict.accepted, str(verdict)


def test_an_accepted_form_without_a_right_digit_somewhere_is_said_to_be_one():
    said = "grad_u has small numbers beside large upstream gradients that are off by more than a tenth"
    assert said in " ".join(sg.certify(*RIGHT["1 - h^2, as torch has it"]).diagnosis)
    assert said not in " ".join(sg.certify(*RIGHT["a bell"]).diagnosis)


def test_what_torchs_autograd_does_is_a_remark():
    verdict = sg.certify("sigmoid", torch.sigmoid)
    assert verdict.accepted, str(verdict)
    assert "off by more than a tenth: so torch's autograd does it" in " ".join(verdict.diagnosis)


def test_a_torch_function_is_its_own_yardstick():
    example = (torch.randn(3, 2, dtype=torch.float64),)
    assert sg.certify(torch.sigmoid, torch.sigmoid, WRONG["1 - h for large u"][2], example=example).accepted


@pytest.mark.parametrize("dtype", ["float64", "float32"])
def test_the_plain_form_is_the_definition_computed_node_by_node(dtype):
    battery = Battery(specify("h[i] = u[i]*tanh(u[i])"))
    point = next(p.point for p in battery.probes if p.point.dtype == dtype)
    u, g = (torch.tensor(a) for a in (point.tensors["u"], point.upstream["h"]))
    found = battery.reference.in_floats(point)
    assert np.array_equal(found["h"], (u * u.tanh()).double().numpy())
    right = g * (u.tanh() + u * (1 - u.tanh() ** 2))
    assert np.allclose(found["grad_u"], right.double().numpy(), rtol=1e-15 if dtype == "float64" else 1e-6, atol=0)


class Sigmoid(torch.autograd.Function):
    @staticmethod
    def forward(ctx, u):
        h = u.sigmoid()
        ctx.save_for_backward(h)
        return h

    @staticmethod
    def backward(ctx, g):
        (h,) = ctx.saved_tensors
        return g * h * (1 - h)


def test_a_function_of_autograd_is_its_authors_and_not_torchs():
    assert sg.certify("sigmoid", torch.sigmoid).accepted
    assert sg.certify("sigmoid", Sigmoid).wrong == ("backward",)
