"""A NaN in an input reaches what depends on it; where an implementation may guard, nothing is asked."""

import numpy as np
import pytest
import torch

import scratchgrad as sg


def dropped(x):
    return torch.nan_to_num(x)


def affine(x, W, b):
    return x @ W.mT + b


def affine_backward(g, x, W, b):
    return g @ W, g.mT @ x, g.sum(0)


WRONG = {
    "NaN becomes 0 in forward": ("tanh", lambda u: dropped(u.tanh()), lambda g, u: g * (1 - u.tanh() ** 2)),
    "NaN becomes 0 in backward": ("tanh", torch.tanh, lambda g, u: dropped(g * (1 - u.tanh() ** 2))),
    "NaN of a weight becomes 0": ("linear", lambda x, W, b: affine(x, dropped(W), b), affine_backward),
    "an upstream NaN becomes 0": ("relu", torch.relu, lambda g, u: torch.where(u > 0, dropped(g), 0)),
    "an infinity becomes the largest number": (
        "linear",
        lambda x, W, b: torch.nan_to_num(affine(x, W, b), nan=np.nan),
        affine_backward,
    ),
}

RIGHT = {
    "relu with where, which drops NaN": ("relu", lambda u: torch.where(u > 0, u, 0), lambda g, u: g * (u > 0)),
    "abs by signs": ("h[i] = abs(u[i])", torch.abs, lambda g, u: torch.where(u > 0, g, torch.where(u < 0, -g, 0))),
    "a norm with a guard": (
        "L = sqrt(Sum(x[i]**2, i))",
        lambda x: x.norm(),
        lambda g, x: torch.where(x.norm() > 0, g * x / x.norm(), 0),
    ),
    "a function that refuses NaN": (
        "tanh",
        lambda u: _checked(u).tanh(),
        lambda g, u: g * (1 - _checked(u).tanh() ** 2),
    ),
    "masked entries are left out": (
        "y[i] = k[i]*x[i]",
        lambda k, x: torch.where(k == 0, 0, k * x),
        lambda g, k, x: (g * x, torch.where(k == 0, 0, g * k)),
    ),
    "a gradient that is 0": ("y[i] = u[i] - u[i]", lambda u: 0 * u, lambda g, u: torch.zeros_like(u)),
}


def _checked(u):
    if u.isnan().any() or u.isinf().any():
        raise ValueError("u is not finite")
    return u


@pytest.mark.parametrize("name", WRONG)
def test_a_kernel_that_makes_a_number_of_a_nan_is_refused(name):
    verdict = sg.certify(*WRONG[name])
    assert not verdict.accepted
    assert "which depends on it, is a number" in " ".join(verdict.diagnosis)


@pytest.mark.parametrize("name", RIGHT)
def test_a_kernel_may_drop_a_nan_where_it_compares(name):
    verdict = sg.certify(*RIGHT[name])
    assert verdict.accepted, str(verdict)
