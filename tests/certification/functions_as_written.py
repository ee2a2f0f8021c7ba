"""autograd.Functions and NumPy functions in the style in which people write them, right and wrong.

RIGHT must be accepted and WRONG refused; entries are (what it is, specification, function or pair, example or None).
"""

import math

import numpy as np
import torch
from torch.autograd import Function
from torch.nn import functional


def numbers(*shape):
    return torch.randn(*shape, dtype=torch.float64, generator=torch.Generator().manual_seed(len(shape)))


def function(forward, backward, **further):
    """A Function of the two."""
    methods = {name: staticmethod(f) for name, f in {"forward": forward, "backward": backward, **further}.items()}
    return type("Written", (Function,), methods)


def keeps_input(compute):
    """A forward that keeps its inputs."""

    def forward(ctx, *tensors):
        ctx.save_for_backward(*tensors)
        return compute(*tensors)

    return forward


def from_input(compute):
    """A backward that takes what arrives, and the inputs."""
    return lambda ctx, *grads: compute(*grads, *ctx.saved_tensors)


def swish_gradient(g, x):
    s = torch.sigmoid(x)
    return g * s * (1 + x * (1 - s))


def hardswish_gradient(slope):
    return lambda g, x: g * torch.where(x < -3, 0 * x, torch.where(x > 3, 1 + 0 * x, slope(x)))


def hardswish(x):
    return x * functional.relu6(x + 3) / 6


def straight_through(x):
    return x + (torch.round(x) - x).detach()


def clamp_forward(ctx, x, low, high):
    ctx.save_for_backward(x)
    ctx.ends = low, high
    return x.clamp(low, high)


def clamp_backward(ctx, g):
    (x,), (low, high) = ctx.saved_tensors, ctx.ends
    return g * ((x >= low) & (x <= high)).to(g.dtype), None, None


def clamp_backward_above(ctx, g):
    return g * (ctx.saved_tensors[0] <= ctx.ends[1]).to(g.dtype), None, None


def layer_norm(x, w, b):
    return functional.layer_norm(x, (x.shape[-1],), w, b, 1e-5)


def norm_forward(unbiased=False):
    def forward(ctx, x, w, b, eps=1e-5):
        r = (x.var(-1, unbiased=unbiased, keepdim=True) + eps).rsqrt()
        normed = (x - x.mean(-1, keepdim=True)) * r
        ctx.save_for_backward(normed, r, w)
        return normed * w + b

    return forward


def norm_backward(centred=True):
    def backward(ctx, g):
        normed, r, w = ctx.saved_tensors
        inner = g * w
        grad_x = inner - normed * (inner * normed).mean(-1, keepdim=True)
        grad_x = grad_x - inner.mean(-1, keepdim=True) if centred else grad_x
        axes = tuple(range(g.ndim - 1))
        return r * grad_x, (g * normed).sum(axes), g.sum(axes), None

    return backward


def attention(q, k, v):
    return (q @ k.mT / math.sqrt(q.shape[-1])).softmax(-1) @ v


def attention_gradient(scaled=True):
    def backward(g, q, k, v):
        scale = 1 / math.sqrt(q.shape[-1])
        p = (q @ k.mT * scale).softmax(-1)
        grad_p = g @ v.mT
        grad_s = p * (grad_p - (grad_p * p).sum(-1, keepdim=True))
        return grad_s @ k * scale, grad_s.mT @ q * (scale if scaled else 1), p.mT @ g

    return backward


def weighted_nll(x, y, w):
    return -(x.log_softmax(-1).gather(1, y[:, None])[:, 0] * w[y])


def weighted_nll_backward(g, x, y, w):
    hot = functional.one_hot(y, x.shape[1]).to(x.dtype)
    picked = x.log_softmax(-1).gather(1, y[:, None])[:, 0]
    return (x.softmax(-1) - hot) * (w[y] * g)[:, None], None, torch.zeros_like(w).index_add(0, y, -g * picked)


def exponential(ctx, x):
    y = x.exp()
    ctx.save_for_backward(y)
    return y


def kept_elsewhere():
    memory = {}

    def forward(ctx, x):
        memory["x"] = x.detach().clone()
        return x * x

    return function(forward, lambda ctx, g: 2 * g * memory["x"])


def two_outputs(ctx, a, b):
    ctx.set_materialize_grads(False)
    ctx.save_for_backward(a, b)
    return a * b, a + b


def two_gradients(g, h, a, b):
    g, h = (torch.zeros_like(a) if t is None else t for t in (g, h))
    return g * b + h, g * a + h


def pooled(x):
    n, c, h, w = x.shape
    return x.reshape(n, c, h // 2, 2, w // 2, 2).max(axis=3).max(axis=4)


def pooled_backward(g, x):
    n, c, h, w = x.shape
    parts, spread = x.reshape(n, c, h // 2, 2, w // 2, 2), g[:, :, :, None, :, None]
    largest = parts == pooled(x)[:, :, :, None, :, None]
    return (largest * spread / largest.sum(axis=(3, 5), keepdims=True)).reshape(x.shape).astype(x.dtype)


def with_cache(x, W, b):
    return np.matmul(x, W.T) + b, {"x": x, "W": W}


def from_cache(cache, g):
    return np.matmul(g, cache["W"]), np.matmul(g.T, cache["x"]), np.sum(g, axis=0)


def three_times(x):
    return 3 * x


class Buffered(torch.nn.Module):
    def __init__(self):
        super().__init__()
        self.register_buffer("scale", torch.tensor(3.0))

    def forward(self, x):
        return x * self.scale


class SlowlyTired(torch.nn.Module):
    def __init__(self):
        super().__init__()
        self.calls = 0

    def forward(self, x):
        self.calls += 1
        return x * (3.0 if self.calls < 40 else 2.0)


def clamped(x, low, high):
    return x.clamp(low, high)


def two(a, b):
    return a * b, a + b


def linear(x, W, b):
    return x @ W.T + b


def pooling(x):
    return functional.max_pool2d(x, 2)


ROWS = (numbers(4, 3), numbers(3), numbers(3))
CLASSES = (numbers(4, 3), torch.tensor([0, 2, 1, 1]), numbers(3).abs())
QUERIES = (numbers(3, 4), numbers(5, 4), numbers(5, 2))

RIGHT = [
    ("swish that keeps its input", "silu", function(keeps_input(functional.silu), from_input(swish_gradient)), None),
    (
        "hardswish",
        "hardswish",
        function(keeps_input(hardswish), from_input(hardswish_gradient(lambda x: (2 * x + 3) / 6))),
        None,
    ),
    (
        "a straight-through round, as its specification says",
        straight_through,
        function(keeps_input(torch.round), lambda ctx, g: g),
        (numbers(3, 4),),
    ),
    (
        "a clamp with constants",
        clamped,
        function(clamp_forward, clamp_backward),
        (numbers(3, 4), -0.5, 0.7),
    ),
    ("layer norm, eps by default", layer_norm, function(norm_forward(), norm_backward()), ROWS),
    ("attention", attention, function(keeps_input(attention), from_input(attention_gradient())), QUERIES),
    (
        "weighted classes",
        weighted_nll,
        function(keeps_input(weighted_nll), from_input(weighted_nll_backward)),
        CLASSES,
    ),
    (
        "a gradient that torch sums over what was broadcast",
        lambda x, w: x * w,
        function(keeps_input(torch.mul), from_input(lambda g, x, w: (g * w, g * x))),
        (numbers(4, 3), numbers(3)),
    ),
    (
        "upstream gradients that are None",
        two,
        function(two_outputs, from_input(two_gradients)),
        (numbers(3), numbers(3)),
    ),
    ("the input is the output", "y[i] = x[i]", function(lambda ctx, x: x, lambda ctx, g: g), None),
    ("a buffer", "y[i] = 3*x[i]", Buffered(), None),
    ("NumPy: pooling", pooling, (pooled, pooled_backward), (numbers(2, 1, 4, 4),)),
    ("NumPy: a mapping as the cache", "linear", (with_cache, from_cache), None),
    ("NumPy: a list of gradients", "linear", (linear, lambda g, x, W, b: [g @ W, g.T @ x, g.sum(0)]), None),
    ("the same tensor as two gradients", "z[i] = x[i] + y[i]", (torch.add, lambda g, x, y: (g, g)), None),
]
WRONG = [
    (
        "swish: a 1 is missing",
        "silu",
        function(keeps_input(functional.silu), from_input(lambda g, x: g * x.sigmoid() * x * (1 - x.sigmoid()))),
        None,
    ),
    (
        "hardswish: 0.6 for 1/2",
        "hardswish",
        function(keeps_input(hardswish), from_input(hardswish_gradient(lambda x: x / 3 + 0.6))),
        None,
    ),
    (
        "straight through where nobody says so",
        "y[i] = round(x[i])",
        function(keeps_input(torch.round), lambda ctx, g: g),
        None,
    ),
    ("a reversed gradient", "y[i] = x[i]", function(lambda ctx, x: x.view_as(x), lambda ctx, g: -g), None),
    (
        "a clamp that forgets its lower end",
        clamped,
        function(clamp_forward, clamp_backward_above),
        (numbers(3, 4), -0.5, 0.7),
    ),
    ("layer norm: the variance of a sample", layer_norm, function(norm_forward(unbiased=True), norm_backward()), ROWS),
    (
        "layer norm: the mean is not subtracted",
        layer_norm,
        function(norm_forward(), norm_backward(centred=False)),
        ROWS,
    ),
    (
        "attention: keys without the scale",
        attention,
        function(keeps_input(attention), from_input(attention_gradient(scaled=False))),
        QUERIES,
    ),
    (
        "weighted classes: None for the weights",
        weighted_nll,
        function(keeps_input(weighted_nll), from_input(lambda *t: (*weighted_nll_backward(*t)[:2], None))),
        CLASSES,
    ),
    (
        "a mean over what was broadcast",
        lambda x, w: x * w,
        function(keeps_input(torch.mul), from_input(lambda g, x, w: (g * w, (g * x).mean(0)))),
        (numbers(4, 3), numbers(3)),
    ),
    (
        "upstream None is not thought of",
        two,
        function(two_outputs, from_input(lambda g, h, a, b: (g * b + h, g * a + h))),
        (numbers(3), numbers(3)),
    ),
    (
        "what was saved is changed",
        "y[i] = exp(x[i])",
        function(exponential, lambda ctx, g: ctx.saved_tensors[0].mul_(g)),
        None,
    ),
    ("what arrives is changed", "y[i] = 2*x[i]", function(lambda ctx, x: 2 * x, lambda ctx, g: g.mul_(2)), None),
    ("kept outside of the context", "y[i] = x[i]**2", kept_elsewhere(), None),
    (
        "float32 inside",
        "y[i] = exp(x[i])",
        function(lambda ctx, x: exponential(ctx, x.float()).to(x.dtype), from_input(lambda g, y: g * y)),
        None,
    ),
    (
        "contiguous gradients are assumed",
        "y[i,j] = x[i,j]**2",
        function(
            keeps_input(torch.square),
            from_input(lambda g, x: 2 * x * torch.as_strided(g, g.shape, torch.empty(g.shape).stride())),
        ),
        None,
    ),
    (
        "a scalar's upstream gradient is ignored",
        lambda x: (x * x).sum(),
        function(keeps_input(lambda x: (x * x).sum()), from_input(lambda g, x: 2 * x)),
        (numbers(4, 3),),
    ),
    ("another result from the fortieth call on", "y[i] = 3*x[i]", SlowlyTired(), None),
    ("NumPy: pooling to all", pooling, (pooled, lambda g, x: g.repeat(2, 2).repeat(2, 3)), (numbers(2, 1, 4, 4),)),
    (
        "NumPy: an axis is kept",
        "linear",
        (linear, lambda g, x, W, b: (np.dot(g, W), np.dot(g.T, x), np.sum(g, axis=0, keepdims=True))),
        None,
    ),
    (
        "NumPy: the cache is changed",
        "y[i] = exp(x[i])",
        (lambda x: (np.exp(x), np.exp(x)), lambda cache, g: np.multiply(cache, g, out=cache)),
        None,
    ),
]
