"""Right is right, however it is written: other association, own temporaries in place, autograd, numpy, other saved."""

import types

import numpy as np
import pytest
import torch
from torch.nn import functional

import scratchgrad as sg
from tests.certification.mistakes import (
    l2_backward,
    layer,
    linear,
    linear_backward,
    relu,
    relu_backward,
    softmax_cross_entropy,
    softmax_cross_entropy_backward,
)


def by_autograd(forward):
    """A backward that torch's autograd computes through a forward."""

    def backward(grad_out, *tensors):
        with torch.enable_grad():
            watched = [t.clone().requires_grad_() for t in tensors]
            outputs = forward(*watched)
        grads = torch.autograd.grad(outputs, watched, grad_out, allow_unused=True)
        return tuple(torch.zeros_like(t) if g is None else g for g, t in zip(grads, tensors, strict=True))

    return backward


def sample_by_sample(grad_u, x, W, b):
    grad_x, grad_W, grad_b = torch.zeros_like(x), torch.zeros_like(W), torch.zeros_like(b)
    for n in range(len(x)):
        grad_x[n] = W.mT @ grad_u[n]
        grad_W += torch.outer(grad_u[n], x[n])
        grad_b += grad_u[n]
    return grad_x, grad_W, grad_b


def through_numpy(grad_u, x, W, b):
    g, x, W = (t.numpy() for t in (grad_u, x, W))
    return torch.from_numpy(g @ W), torch.from_numpy(np.einsum("ni,nj->ij", g, x)), torch.from_numpy(g.sum(0))


def own_temporaries_in_place(grads, v, y):
    grad_o, grad_L = grads
    o = v.softmax(-1)
    grad_v = o.mul(y.sum(-1, keepdim=True)).sub_(y).mul_(grad_L[:, None])
    inner = grad_o.clone().mul_(o).sum(-1, keepdim=True)
    return grad_v.add_(grad_o.sub(inner).mul_(o)), v.log_softmax(-1).mul_(grad_L[:, None]).neg_()


def logsumexp_forward(v, y):
    log_o = v - v.logsumexp(-1, keepdim=True)
    return log_o.exp(), torch.einsum("ni,ni->n", -y, log_o)


class SavesAnObject:
    @staticmethod
    def forward(x, W, b):
        return torch.einsum("ij,nj->ni", W, x) + b, types.SimpleNamespace(x=x, W=W)

    @staticmethod
    def backward(saved, grad_u):
        return (saved.W.mT @ grad_u.mT).mT, torch.einsum("ni,nj->ij", grad_u, saved.x), grad_u.sum(0)


class SavesADictionaryAndTheOutput:
    @staticmethod
    def forward(u):
        h = torch.where(u > 0, u, 0)
        return h, {"h": h}

    @staticmethod
    def backward(saved, grad_h):
        return [torch.where(saved["h"] > 0, grad_h, 0)]


class RemembersWhatItMay:
    """A cache whose content never changes a result."""

    constants = {}  # noqa: RUF012  # shared by all calls, and harmless

    @classmethod
    def forward(cls, W, lambda_):
        two = cls.constants.setdefault(W.dtype, torch.tensor(2, dtype=W.dtype))
        return lambda_ * (W**two).sum(), (W, lambda_)

    @staticmethod
    def backward(saved, grad_s):
        W, lambda_ = saved
        return grad_s * (lambda_ * W + W * lambda_), torch.linalg.vector_norm(W) ** 2 * grad_s


class SumInTwoHalves:
    @staticmethod
    def forward(v, y):
        half = v.shape[1] // 2
        squares = (v - y) ** 2
        return squares[:, :half].sum(1) + squares[:, half:].sum(1), (v, y)

    @staticmethod
    def backward(saved, grad_L):
        v, y = saved
        return (v - y) * (2 * grad_L[:, None]), (y - v) * grad_L[:, None] + (y - v) * grad_L[:, None]


class Half(torch.autograd.Function):
    """A user's own autograd.Function."""

    @staticmethod
    def forward(ctx, v, y):
        ctx.save_for_backward(v - y)
        return ((v - y) ** 2).sum(-1)

    @staticmethod
    def backward(ctx, grad_L):
        (difference,) = ctx.saved_tensors
        return 2 * grad_L[:, None] * difference, -2 * grad_L[:, None] * difference


RIGHT = {
    "linear, plainly": ("linear", linear, linear_backward),
    "linear, einsum": ("linear", linear, lambda g, x, W, b: (g @ W, torch.einsum("ni,nj->ij", g, x), g.sum(0))),
    "linear, sample by sample": ("linear", linear, sample_by_sample),
    "linear, numpy": ("linear", linear, through_numpy),
    "linear, broadcast": (
        "linear",
        lambda x, W, b: (x[:, None, :] * W).sum(-1) + b,
        lambda g, x, W, b: (
            (g[:, :, None] * W).sum(1),
            (g[:, :, None] * x[:, None, :]).sum(0),
            torch.ones(len(g), dtype=g.dtype) @ g,
        ),
    ),
    "linear, autograd": ("linear", linear, by_autograd(linear)),
    "linear, functional": ("linear", functional.linear, linear_backward),
    "linear, a list": ("linear", linear, lambda *arguments: list(linear_backward(*arguments))),
    "linear, saved": ("linear", lambda x, W, b: (linear(x, W, b), None), linear_backward),
    "linear, forward alone": ("linear", linear, None),
    "linear, backward alone": ("linear", None, linear_backward),
    "linear, protocol": (
        "linear",
        lambda x, W, b: (linear(x, W, b), (x, W, b)),
        lambda saved, grad_u: linear_backward(grad_u, *saved),
    ),
    "relu, product with a mask": ("relu", lambda u: u * (u > 0), relu_backward),
    "relu, half the sum": ("relu", lambda u: (u + u.abs()) / 2, relu_backward),
    "relu, mask of the output": ("relu", relu, lambda g, u: g * (relu(u) > 0)),
    "relu, heaviside": ("relu", functional.relu, lambda g, u: g * torch.heaviside(u, torch.zeros((), dtype=u.dtype))),
    "add, the upstream gradient itself": ("add", lambda a, b: a + b, lambda g, a, b: (g, g)),
    "relu, autograd": ("relu", relu, by_autograd(functional.relu)),
    "softmax, plainly": ("softmax_cross_entropy", softmax_cross_entropy, softmax_cross_entropy_backward),
    "softmax, logsumexp": ("softmax_cross_entropy", logsumexp_forward, own_temporaries_in_place),
    "softmax, autograd": ("softmax_cross_entropy", softmax_cross_entropy, by_autograd(softmax_cross_entropy)),
    "softmax, functional": (
        "softmax_cross_entropy",
        lambda v, y: (v.softmax(-1), functional.cross_entropy(v, y, reduction="none")),
        softmax_cross_entropy_backward,
    ),
    "softmax, target not differentiated": (
        "softmax_cross_entropy",
        softmax_cross_entropy,
        lambda g, v, y: (softmax_cross_entropy_backward(g, v, y)[0], None),
    ),
    "l2, autograd.Function": ("l2_loss", Half.apply, by_autograd(Half.apply)),
    "l2, functional": ("l2_loss", lambda v, y: functional.mse_loss(v, y, reduction="none").sum(-1), l2_backward),
    "l2, norm": ("l2_loss", lambda v, y: torch.linalg.vector_norm(v - y, dim=-1) ** 2, l2_backward),
    "kernel that saves an object": (layer("linear", SavesAnObject), None, None),
    "kernel that saves its output": (layer("relu", SavesADictionaryAndTheOutput), None, None),
    "kernel with a harmless cache": (layer("squared_norm", RemembersWhatItMay), None, None),
    "kernel that sums in halves": (layer("l2_loss", SumInTwoHalves), None, None),
    "text, one sample": (
        "u[i] = Sum(W[i,j]*x[j], j) + b[i]",
        lambda W, x, b: W @ x + b,
        lambda g, W, x, b: (torch.outer(g, x), W.mT @ g, g),
    ),
    "text, a function of each element": (
        "s = Sum(tanh(x[i]), i)",
        lambda x: x.tanh().sum(),
        lambda g, x: g * (1 - x.tanh() ** 2),
    ),
    "text, a maximum with ties": ("m = Max(x[i], i)", lambda x: x.amax(), by_autograd(lambda x: x.amax())),
    "text, a trace of an inverse": (
        "t = Sum(Inv(A)[i,i], i)",
        lambda A: torch.linalg.inv(A).trace(),
        lambda g, A: -g * (torch.linalg.inv(A) @ torch.linalg.inv(A)).mT,
    ),
    "text, indices": (
        "y[n,k] = E[t[n],k]",
        lambda E, t: E[t],
        lambda g, E, t: (torch.zeros_like(E).index_add_(0, t, g), None),
    ),
}


@pytest.mark.parametrize("name", RIGHT)
def test_what_is_right_is_accepted(name):
    verdict = sg.certify(*RIGHT[name])
    assert verdict.accepted, str(verdict)
    assert verdict.wrong == ()
    assert verdict.counterexample is None
    assert str(verdict).startswith("ACCEPTED")
    assert max(verdict.errors.values()) < 8
