"""What a specification detaches is constant to its derivative: in the proof, at the probes and at large sizes."""

from __future__ import annotations

import pytest
import torch
from torch.nn import functional

import scratchgrad as sg
from scratchgrad.certification.specification import NothingToCertify

X = torch.linspace(0.2, 1.4, 6, dtype=torch.float64).reshape(2, 3)
Y = torch.linspace(1.1, 0.3, 6, dtype=torch.float64).reshape(2, 3)


def straight_through(x):
    return x + (torch.round(x) - x).detach()


def target(x, y):
    return (x - (0.9 * y + 1).detach()) ** 2


def normalized(x):
    return x / x.detach().norm()


def through_views(x, y):
    return x.detach().t().reshape(3, 2).t() * y


def data(x, y):
    return x.data * y + x


def detached_in_place(x, y):
    z = 2 * x
    z.detach_()
    return z * y


def without_recording(x, y):
    with torch.no_grad():
        m = torch.sin(x)
    return m * y + x


def in_inference(x, y):
    with torch.no_grad():
        m = x.max(1, keepdim=True).values
    return torch.exp(x - m) * y


def changed_in_place(x, y):
    z = 2 * x
    with torch.no_grad():
        z.mul_(y)
    return z * 1


@pytest.mark.parametrize(
    "function",
    [
        straight_through,
        target,
        normalized,
        through_views,
        data,
        detached_in_place,
        without_recording,
        in_inference,
        changed_in_place,
    ],
)
def test_a_stop_is_what_torch_records_of_it(function):
    verdict = sg.certify(function, function, example=(X, Y)[: function.__code__.co_argcount])
    assert verdict.proven, verdict


def test_a_straight_through_gradient_is_not_that_of_the_rounding():
    verdict = sg.certify(straight_through, torch.round, lambda g, x: (g,), example=(X,))
    assert verdict.accepted, verdict
    verdict = sg.certify(straight_through, torch.round, lambda g, x: (0 * g,), example=(X,))
    assert verdict.wrong == ("backward",), verdict


def test_the_row_of_an_embedding_that_pads_is_constant():
    def function(E):
        return functional.embedding(torch.tensor([1, 0, 2, 0]), E, padding_idx=0)

    def backward(g, E):
        return torch.zeros_like(E).index_put_((torch.tensor([1, 2]),), g[[0, 2]])

    assert sg.certify(function, function, backward, example=(torch.randn(3, 2, dtype=X.dtype),)).proven
    plain = lambda g, E: torch.zeros_like(E).index_add_(0, torch.tensor([1, 0, 2, 0]), g)  # noqa: E731
    verdict = sg.certify(function, function, plain, example=(X[:, :2].repeat(2, 1)[:3],))
    assert verdict.wrong == ("backward",), verdict
    scaled = lambda E: functional.embedding(torch.tensor([1, 1]), E, scale_grad_by_freq=True)  # noqa: E731
    with pytest.raises(NothingToCertify, match="scale_grad_by_freq, backward is no derivative of forward"):
        sg.certify(scaled, scaled, example=(X,))


def test_a_gradient_through_what_is_detached_is_refused():
    forward = lambda x, y: (x - (0.9 * y + 1)) ** 2  # noqa: E731
    verdict = sg.certify(target, forward, example=(X, Y))
    assert verdict.wrong == ("backward",), verdict
    assert verdict.counterexample.tensor == "grad_y"


def test_what_is_wrong_only_in_a_large_batch_is_refused_beside_a_stop():
    def backward(g, x, y):
        grad = 2 * g * (x - (0.9 * y + 1))
        return grad, (torch.zeros_like(y) if len(x) < 20 else -0.9 * grad)

    verdict = sg.certify(target, target, backward, example=(X, Y))
    assert verdict.wrong == ("backward",), verdict


@torch.no_grad()
def whole(x):
    return 2 * x


def test_a_specification_that_is_detached_whole_has_no_gradient_to_compare_with():
    with pytest.raises(NothingToCertify, match=r"detached, or computed under torch\.no_grad\(\)"):
        sg.certify(whole, lambda x: 2 * x, lambda g, x: (2 * g,), example=(X,))
    assert sg.certify(whole, lambda x: 2 * x, example=(X,), forward_only=True).accepted


class Doubled(torch.autograd.Function):  # whose backward nobody can see
    @staticmethod
    def forward(ctx, x):
        return x.clone()

    @staticmethod
    def backward(ctx, g):
        return 2 * g


def test_a_backward_of_its_own_inside_a_specification_is_refused_by_name():
    with pytest.raises(NothingToCertify, match=r"torch\.autograd\.Function: its backward"):
        sg.certify(Doubled.apply, torch.clone, lambda g, x: (g,), example=(X,))


def test_data_that_is_set_inside_a_specification_is_refused_by_name():
    def function(x, y):
        z = 1 * x
        z.data = y
        return 2 * z

    with pytest.raises(NothingToCertify, match=r"Tensor\.data is set"):
        sg.certify(function, function, example=(X, Y))


def test_a_second_derivative_stops_where_the_first_one_does():
    def function(x):
        return x**2 * x.detach()  # grad_x is 2 x stop(x), whose own gradient is 2 stop(x)

    assert sg.certify(function, function, example=(X,), second_order=True).accepted

    stopped = lambda g, x: (2 * g * x * x.detach(),)  # noqa: E731
    assert sg.certify(function, lambda x: x**3, stopped, example=(X,), second_order=True).accepted
    through = lambda g, x: (2 * g * x * x,)  # noqa: E731
    assert not sg.certify(function, lambda x: x**3, through, example=(X,), second_order=True).accepted
