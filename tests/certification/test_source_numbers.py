"""Where a program cannot be executed exactly, the numbers in its source say where to look."""

from __future__ import annotations

import functools
from collections.abc import Callable
from typing import Any

import numpy as np
import pytest
import torch

import scratchgrad as sg
from scratchgrad.certification.source_numbers import numbers_in

LIMIT = 4321.5


def opaque(function: Callable[..., Any]) -> Callable[..., Any]:
    """The function over NumPy arrays: no operation of torch is seen."""
    return lambda *tensors: function(*map(np.asarray, tensors))


def _helper(u: Any) -> Any:
    return u > 77.25


class Recorded(torch.autograd.Function):
    """A Function with numbers of its own."""

    @staticmethod
    def forward(ctx: Any, u: Any) -> Any:
        """Squares, by NumPy."""
        ctx.save_for_backward(u)
        return torch.from_numpy(u.detach().numpy() ** 2)

    @staticmethod
    def backward(ctx: Any, g: Any) -> Any:
        """Wrong at one number."""
        (u,) = ctx.saved_tensors
        return torch.from_numpy(np.where(u.numpy() == -2.25, 0, 2 * g.numpy() * u.numpy()))


class Module(torch.nn.Module):
    """A module with a number of its own."""

    def __init__(self) -> None:
        super().__init__()
        self.bound = 6.5

    def forward(self, u: Any) -> Any:
        """Linear."""
        return u * 3.5 + self.bound


def test_numbers_are_found_wherever_a_program_has_them() -> None:
    closed = 12.5
    assert numbers_in(lambda u: u * -1.5 + 7) == (1.5, 7.0)
    assert numbers_in(lambda u: u + closed) == (12.5,)
    assert numbers_in(lambda u: u > LIMIT) == (4321.5,)
    assert numbers_in(lambda u: not _helper(u)) == (77.25,)
    assert numbers_in(functools.partial(lambda u, c: u * c, c=2.75)) == (2.75,)
    assert numbers_in(Recorded) == numbers_in(Recorded.apply) == (2.0, 2.25)
    assert numbers_in(Module()) == (3.5, 6.5)
    assert numbers_in(lambda u: [v * 8.5 for v in u if v in (0, 1, True, None, "x", 1e400)]) == (8.5,)
    assert numbers_in(torch.exp, None, np.exp) == ()


@pytest.mark.parametrize(
    "backward",
    [
        lambda g, u: np.where(u == 1.8, 0 * g, 2 * g * u),
        lambda g, u: np.where(u > 42000, 0 * g, 2 * g * u),
        lambda g, u: np.where((u > 5.9) & (u < 5.95), 0 * g, 2 * g * u),
        lambda g, u: np.where(u <= -3300, 0 * g, 2 * g * u),
        lambda g, u: np.where(np.abs(u) > LIMIT, g, 2 * g * u),
        lambda g, u: 2 * u * np.clip(g, -1e7, 1e7),
        lambda g, u: 2 * u * np.where(np.abs(g) < 1e-19, 0, g),
        lambda g, u: 2 * g * u if u.sum() < 58000 else g,
        lambda g, u: g if (g == 3.7).all() else 2 * g * u,
        lambda g, u: g if _helper(float(u.max())) else 2 * g * u,
    ],
)
def test_what_is_wrong_at_its_own_numbers_is_refused(backward: Callable[..., Any]) -> None:
    assert not sg.certify("h[i] = u[i]**2", opaque(lambda u: u * u), opaque(backward)).accepted


def test_a_number_at_which_alone_a_proven_kernel_is_wrong_is_met_where_others_are_near() -> None:
    def backward(g: torch.Tensor, v: torch.Tensor) -> torch.Tensor:
        p = v.softmax(-1)
        right = p * (g - (g * p).sum(-1, keepdim=True))
        return torch.where(v == 529.6, 1.5 * right, right)

    assert sg.certify("softmax", lambda v: v.softmax(-1), backward).wrong == ("backward",)


def test_a_threshold_behind_float_is_met() -> None:
    backward = lambda g, u: 2 * g * u if float(g.sum()) <= 333.0 else g  # noqa: E731
    assert not sg.certify("h[i] = u[i]**2", lambda u: u * u, backward).accepted


@pytest.mark.parametrize("function", [Recorded, Recorded.apply])
def test_a_function_of_autograd_is_read(function: Any) -> None:
    assert not sg.certify("h[i] = u[i]**2", function).accepted


@pytest.mark.parametrize(
    "backward",
    [
        lambda g, u: g if u.shape[0] == 338 else 2 * g * u,
        lambda g, u: g if u.shape[-1] > 2900 else 2 * g * u,
        lambda g, u: g if len(u) % 77 == 0 else 2 * g * u,
        lambda g, u: np.concatenate([(2 * g * u)[..., :300], 0 * g[..., 300:]], -1),
    ],
)
def test_its_whole_numbers_are_tried_as_lengths(backward: Callable[..., Any]) -> None:
    assert not sg.certify("h[n,i] = u[n,i]**2", opaque(lambda u: u * u), opaque(backward)).accepted


def test_what_is_right_at_its_own_numbers_is_accepted() -> None:
    backward = lambda g, u: np.where((u > 5.9) | (g == 1.8), u * g * 2, 2 * g * u)  # noqa: E731
    verdict = sg.certify("h[n,i] = u[n,i]**2", opaque(lambda u: u * u), opaque(backward))
    assert verdict.accepted, verdict


def test_a_number_is_tried_in_one_input_alone_where_two_that_are_equal_hide_it():
    def backward(g, v, y):
        sign = np.sign(v.numpy() - y.numpy())
        sign = np.where(v.numpy() == -178.8, -sign, sign)
        grad = g.numpy()[:, None] * sign
        return torch.from_numpy(grad), torch.from_numpy(-grad)

    def forward(v, y):
        return torch.from_numpy(np.abs(v.numpy() - y.numpy()).sum(1))

    verdict = sg.certify("l1_loss", forward, backward)
    assert verdict.wrong == ("backward",)
