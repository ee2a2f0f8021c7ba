"""Mistakes that people make in forward and backward, each planted into a right pair of functions.

Every mistake is (specification, forward, backward); a kernel's mistakes are Layers with a kernel of their own.
"""

import sys

import torch

from scratchgrad import registry
from scratchgrad.layer import Layer


def linear(x, W, b):
    return x @ W.mT + b


def linear_backward(grad_u, x, W, b):
    return grad_u @ W, grad_u.mT @ x, grad_u.sum(0)


def relu(u):
    return u.clamp_min(0)


def relu_backward(grad_h, u):
    return grad_h * (u > 0)


def softmax_cross_entropy(v, y):
    return v.softmax(-1), -(y * v.log_softmax(-1)).sum(-1)


def softmax_cross_entropy_backward(grads, v, y):
    grad_o, grad_L = grads
    o = v.softmax(-1)
    through_o = o * (grad_o - (grad_o * o).sum(-1, keepdim=True))
    return grad_L[:, None] * (o * y.sum(-1, keepdim=True) - y) + through_o, -grad_L[:, None] * v.log_softmax(-1)


def course_backward(grads, v, y, p):
    """grad_v = grad_L (p - y) as the course has it, plus the part through o."""
    grad_o, grad_L = grads
    o = v.softmax(-1)
    return grad_L[:, None] * (p * y.sum(-1, keepdim=True) - y) + o * (grad_o - (grad_o * o).sum(-1, keepdim=True))


def l2_backward(grad_L, v, y):
    return 2 * grad_L[:, None] * (v - y), -2 * grad_L[:, None] * (v - y)


def l2(v, y):
    return ((v - y) ** 2).sum(-1)


def unstable_softmax_cross_entropy(v, y):
    e = v.exp()
    o = e / e.sum(-1, keepdim=True)
    return o, -(y * o.log()).sum(-1)


def layer(name, kernel):
    """The room's layer with another kernel."""
    room = registry.layer(name)
    copy = Layer(room.name, str(room.signature), room.equation, shared=" ".join(room.shared))
    copy.kernel(kernel)
    return copy


class ChangesItsInput:
    @staticmethod
    def forward(u):
        return u.relu_().clone(), u

    @staticmethod
    def backward(saved, grad_h):
        return grad_h * (saved > 0)


class ChangesSaved:
    @staticmethod
    def forward(u):
        return u.relu(), u.clone()

    @staticmethod
    def backward(saved, grad_h):
        return grad_h * saved.gt_(0)


class ChangesTheUpstreamGradient:
    @staticmethod
    def forward(u):
        return u.relu(), u

    @staticmethod
    def backward(saved, grad_h):
        return grad_h.mul_(saved > 0).clone()


class KeepsItsStateInTheClass:
    """The saved input stands in the class: another forward overwrites it."""

    u = None

    @classmethod
    def forward(cls, u):
        cls.u = u
        return u.relu(), None

    @classmethod
    def backward(cls, saved, grad_h):
        return grad_h * (cls.u > 0)


class Accumulates:
    """Gradients add up from call to call, as if nobody had cleared them."""

    total = {}  # noqa: RUF012  # that it is shared by all calls is the mistake

    @staticmethod
    def forward(x, W, b):
        return x @ W.mT + b, (x, W)

    @classmethod
    def backward(cls, saved, grad_u):
        x, W = saved
        key = (W.shape, W.dtype)
        cls.total[key] = cls.total.get(key, 0) + grad_u.mT @ x
        return grad_u @ W, cls.total[key].clone(), grad_u.sum(0)


class SharesMemory:
    @staticmethod
    def forward(a, b):
        return a + b, None

    @staticmethod
    def backward(saved, grad_s):
        return grad_s, grad_s


class ForgetsAbsentGradients:
    @staticmethod
    def forward(v, y):
        return softmax_cross_entropy(v, y), (v, y)

    @staticmethod
    def backward(saved, grad_o, grad_L):
        return softmax_cross_entropy_backward((grad_o, grad_L), *saved)


class WithoutBackward:
    @staticmethod
    def forward(u):
        return u.relu(), u


MISTAKES = {
    "sign": ("linear", linear, lambda g, x, W, b: (-(g @ W), g.mT @ x, g.sum(0))),
    "transposed": ("linear", linear, lambda g, x, W, b: (g @ W, x.mT @ g, g.sum(0))),
    "missing batch sum": ("linear", linear, lambda g, x, W, b: (g @ W, g.mT @ x, g)),
    "factor 2": ("linear", linear, lambda g, x, W, b: (g @ W, 2 * g.mT @ x, g.sum(0))),
    "mean over the batch": ("linear", linear, lambda g, x, W, b: (g @ W, g.mT @ x, g.sum(0) / max(1, len(g)))),
    "first sample only": ("linear", linear, lambda g, x, W, b: (g @ W, g.mT @ x, g[0] if len(g) else g.sum(0))),
    "no upstream": ("linear", linear, lambda g, x, W, b: (g @ W, g.mT @ x, torch.ones_like(g).sum(0))),
    "other order": (
        "softmax_cross_entropy",
        softmax_cross_entropy,
        lambda g, v, y: softmax_cross_entropy_backward(g, v, y)[::-1],
    ),
    "logits for o": (
        "softmax_cross_entropy",
        softmax_cross_entropy,
        lambda g, v, y: (course_backward(g, v, y, v), softmax_cross_entropy_backward(g, v, y)[1]),
    ),
    "sum of y": (
        "softmax_cross_entropy",
        softmax_cross_entropy,
        lambda g, v, y: (
            course_backward(g, v, y / y.sum(-1, keepdim=True), v.softmax(-1)),
            softmax_cross_entropy_backward(g, v, y)[1],
        ),
    ),
    "one for the sum of y": (
        "softmax_cross_entropy",
        softmax_cross_entropy,
        lambda g, v, y: (
            g[1][:, None] * (v.softmax(-1) - y) + softmax_cross_entropy_backward((g[0], 0 * g[1]), v, y)[0],
            softmax_cross_entropy_backward(g, v, y)[1],
        ),
    ),
    "mask of the gradient": ("relu", relu, lambda g, u: g * (g > 0)),
    "kink": ("relu", relu, lambda g, u: g * torch.where(u == 0, -1, (u > 0).to(u.dtype))),
    "unstable": ("softmax_cross_entropy", unstable_softmax_cross_entropy, softmax_cross_entropy_backward),
    "squeeze": ("linear", linear, lambda g, x, W, b: ((g @ W).squeeze(), g.mT @ x, g.sum(0))),
    "size 1": ("relu", lambda u: u.clamp_min(0).squeeze(-1), relu_backward),
    "view": ("relu", relu, lambda g, u: (g.view(-1) * (u.reshape(-1) > 0)).view(g.shape)),
    "cast": ("l2_loss", l2, lambda g, v, y: tuple(t.to(g.dtype) for t in l2_backward(g.float(), v.float(), y.float()))),
    "another dtype": ("l2_loss", l2, lambda g, v, y: l2_backward(g.double(), v, y)),
    "float32 constant": ("l2_loss", lambda v, y: l2(v, y) * 1.0000001, l2_backward),
    "none": ("linear", linear, lambda g, x, W, b: None),
    "too few": ("linear", linear, lambda g, x, W, b: (g @ W, g.mT @ x)),
    "raises": ("linear", linear, lambda g, x, W, b: (g @ W, x @ g, g.sum(0))),
    "exits": ("relu", lambda u: sys.exit(), relu_backward),
    "forward sign": ("l2_loss", lambda v, y: -l2(v, y), l2_backward),
    "forward mean": ("l2_loss", lambda v, y: ((v - y) ** 2).mean(-1), l2_backward),
    "forward without exponent": ("l2_loss", lambda v, y: (v - y).sum(-1), l2_backward),
    "changes its input": (layer("relu", ChangesItsInput), None, None),
    "changes saved": (layer("relu", ChangesSaved), None, None),
    "changes the upstream gradient": (layer("relu", ChangesTheUpstreamGradient), None, None),
    "state": (layer("relu", KeepsItsStateInTheClass), None, None),
    "accumulates": (layer("linear", Accumulates), None, None),
    "shares memory": (layer("add", SharesMemory), None, None),
    "absent": (layer("softmax_cross_entropy", ForgetsAbsentGradients), None, None),
    "without backward": (layer("relu", WithoutBackward), None, None),
    "text, transposed": (
        "u[i] = Sum(W[i,j]*x[j], j) + b[i]",
        lambda W, x, b: W @ x + b,
        lambda g, W, x, b: (torch.outer(x, g), W.mT @ g, g),
    ),
    "text, division": ("L = Sum(log(x[i]), i)", lambda x: x.log().sum(), lambda g, x: g * x),
    "text, square matrix transposed": (
        "s = Sum(A[i,j]*A[j,i]*x[i], i, j)",
        lambda A, x: torch.einsum("ij,ji,i->", A, A, x),
        lambda g, A, x: (g * (A * (x[:, None] + x[None, :])), g * torch.einsum("ij,ji->i", A, A)),
    ),
}
