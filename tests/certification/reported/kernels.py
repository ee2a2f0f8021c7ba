"""Kernels and layers: heads, temperatures, distances, dice, gates; what a Function keeps, and its second derivative."""

import torch
from torch.nn import functional

from tests.certification.reported.report import Report

D = torch.float64
Function = torch.autograd.Function
TEMPERATURE = "o[i] = exp(v[i]/tau)/Sum(exp(v[j]/tau), j)"
ENTROPY = "H = -Sum(p[i]*log(p[i]), i)"
ROW_SUMS = "s[i] = Sum(A[i,j]*A[i,j], j)"
DICE = "d = 2*Sum(p[i]*y[i], i)/(Sum(p[i], i) + Sum(y[i], i) + eps)"
FOCAL = "L = -Sum((1 - p[i])**2*log(p[i]), i)"
DELTA = "L = Sum(where(abs(x[i]) <= d, x[i]**2/2, d*(abs(x[i]) - d/2)), i)"
GATE = "y[i] = z[i]*h[i] + (1 - z[i])*c[i]"
PAIRS = "r[i,j] = sqrt(Sum((x[i,k] - y[j,k])**2, k) + eps)"


def draw(*shape):
    return torch.randn(*shape, dtype=D, generator=torch.Generator().manual_seed(11 + len(shape)))


def tempered(v, tau):
    return (v / tau).softmax(0)


def tempered_backward(g, v, tau):
    o = (v / tau).softmax(0)
    d = o * (g - (g * o).sum())
    return d / tau, -(d * v).sum() / tau**2


def dice(p, y, eps):
    return 2 * (p * y).sum() / (p.sum() + y.sum() + eps)


def dice_backward(g, p, y, eps):
    total = p.sum() + y.sum() + eps
    d = 2 * (p * y).sum() / total**2
    return g * (2 * y / total - d), g * (2 * p / total - d), -g * d


def focal(p):
    return -((1 - p) ** 2 * p.log()).sum()


def huber(x, d):
    return torch.where(x.abs() <= d, x * x / 2, d * (x.abs() - d / 2)).sum()


def huber_backward(g, x, d):
    return g * torch.where(x.abs() <= d, x, d * x.sign()), g * ((x.abs() - d) * (x.abs() > d)).sum()


def heads(q, k):
    """Two query heads for each key head."""
    return torch.einsum("hid,hjd->hij", q, k.repeat_interleave(2, 0))


def heads_backward(g, q, k, *, every=True):
    full = torch.einsum("hij,hid->hjd", g, q).unflatten(0, (-1, 2))
    return torch.einsum("hij,hjd->hid", g, k.repeat_interleave(2, 0)), full.sum(1) if every else full[:, 0].clone()


def gated(z, h, c):
    return z * h + (1 - z) * c


def pairs(x, y, eps):
    return (((x[:, None] - y) ** 2).sum(-1) + eps).sqrt()


def pairs_backward(g, x, y, eps):
    d = g[..., None] * (x[:, None] - y) / pairs(x, y, eps)[..., None]
    return d.sum(1), -d.sum(0), (g / pairs(x, y, eps)).sum() / 2


def pooled(E, t):
    return E[t].mean(0)


def pooled_backward(g, E, t, *, mean=True):
    return torch.zeros_like(E).index_add(0, t, g.expand(len(t), -1) / (len(t) if mean else 1)), None


def largest(x):
    return x.amax(1)


def largest_backward(g, x):
    tied = (x == x.amax(1, keepdim=True)).to(x.dtype)
    return g[:, None] * tied / tied.sum(1, keepdim=True)


def normed(x):
    return functional.instance_norm(x[None])[0]


class Cube(Function):
    """The first derivative is right, the second misses a path: what was saved is detached."""

    @staticmethod
    def forward(ctx, x):
        ctx.x = x.detach()
        return x**3

    @staticmethod
    def backward(ctx, g):
        return 3 * g * ctx.x**2


class CubeRight(Function):
    @staticmethod
    def forward(ctx, x):
        ctx.save_for_backward(x)
        return x**3

    @staticmethod
    def backward(ctx, g):
        return 3 * g * ctx.saved_tensors[0] ** 2


class Linear(Function):
    """The bias' gradient is summed along the wrong axis, which fits where the batch is as long as the output."""

    @staticmethod
    def forward(ctx, x, W, b):
        ctx.save_for_backward(x, W)
        return x @ W.mT + b

    @staticmethod
    def backward(ctx, g):
        x, W = ctx.saved_tensors
        return g @ W, g.mT @ x, g.sum(1)


class LinearRight(Linear):
    @staticmethod
    def backward(ctx, g):
        x, W = ctx.saved_tensors
        return g @ W, g.mT @ x, g.sum(0)


KERNELS = {
    "a temperature that backward forgets": Report(
        "the gradient is that of a softmax without temperature",
        "a frequent slip",
        TEMPERATURE,
        (tempered, lambda g, v, tau: (tempered_backward(g, v, tau)[0] * tau, tempered_backward(g, v, tau)[1])),
        (tempered, tempered_backward),
        ("the factor tau is missing", "right x tau"),
        options={"domains": "tau>0"},
    ),
    "an entropy without its constant": Report(
        "the derivative of p log p is taken to be log p",
        "a frequent slip",
        ENTROPY,
        (lambda p: -(p * p.log()).sum(), lambda g, p: -g * p.log()),
        (lambda p: -(p * p.log()).sum(), lambda g, p: -g * (p.log() + 1)),
        ("is missing", r"yours = right \+ grad_H"),
        options={"domains": "p[i]>0"},
    ),
    "sums of rows with columns' gradients": Report(
        "the gradient is broadcast along the wrong axis, which fits square matrices",
        "a frequent slip",
        lambda A: (A * A).sum(1),
        (lambda A: (A * A).sum(1), lambda g, A: 2 * g * A),
        (lambda A: (A * A).sum(1), lambda g, A: 2 * g[:, None] * A),
        ("takes", "transposed"),
        (draw(3, 3),),
    ),
    "dice without its denominator": Report(
        "the denominator is taken for a constant",
        "a frequent slip",
        DICE,
        (dice, lambda g, p, y, eps: (2 * g * y / (p.sum() + y.sum() + eps), *dice_backward(g, p, y, eps)[1:])),
        (dice, dice_backward),
        ("is missing",),
        options={"domains": "p[i]>0; y[i]>0; eps>0"},
    ),
    "a focal loss with half a product rule": Report(
        "the derivative of the weight is left out",
        "a frequent slip",
        FOCAL,
        (focal, lambda g, p: -g * (1 - p) ** 2 / p),
        (focal, lambda g, p: g * (2 * (1 - p) * p.log() - (1 - p) ** 2 / p)),
        ("is missing",),
        options={"domains": "p[i] in (0,1)"},
    ),
    "huber's delta is forgotten": Report(
        "the linear branch has slope 1",
        "a frequent slip",
        DELTA,
        (huber, lambda g, x, d: (g * torch.where(x.abs() <= d, x, x.sign()), huber_backward(g, x, d)[1])),
        (huber, huber_backward),
        ("d.* is missing",),
        options={"domains": "d>0"},
    ),
    "keys that two heads share": Report(
        "the gradient of a key is that of one query head",
        "fla-org/flash-linear-attention, pull request 384 (of the kind)",
        heads,
        (heads, lambda g, q, k: heads_backward(g, q, k, every=False)),
        (heads, heads_backward),
        ("only the first counts", "takes"),
        (draw(4, 3, 2), draw(2, 3, 2)),
    ),
    "a gate's candidate": Report(
        "the gradient of the candidate is weighed with z and not 1 - z",
        "a frequent slip in GRUs",
        GATE,
        (gated, lambda g, z, h, c: (g * (h - c), g * z, g * z)),
        (gated, lambda g, z, h, c: (g * (h - c), g * z, g * (1 - z))),
        ("order is wrong", "is missing", "sign", "stands"),
    ),
    "distances without their root": Report(
        "the division by the distance is forgotten",
        "a frequent slip",
        PAIRS,
        (pairs, lambda g, x, y, eps: ((g[..., None] * (x[:, None] - y)).sum(1), *pairs_backward(g, x, y, eps)[1:])),
        (pairs, pairs_backward),
        ("is missing", "power"),
        options={"domains": "eps>0"},
    ),
    "a mean of embeddings": Report(
        "the gradient of a mean over tokens is not divided",
        "a frequent slip",
        pooled,
        (pooled, lambda g, E, t: pooled_backward(g, E, t, mean=False)),
        (pooled, pooled_backward),
        ("x right", "right x"),
        (draw(5, 3), torch.tensor([1, 4, 1])),
    ),
    "a maximum's gradient everywhere": Report(
        "every entry of the row gets the gradient",
        "a frequent slip",
        largest,
        (largest, lambda g, x: g[:, None].expand_as(x).clone()),
        (largest, largest_backward),
        ("should be 0", "should take nothing", "takes", "largest of its row"),
        (draw(3, 4),),
        true=("yours is grad_y itself",),
    ),
    "an instance norm with one mean": Report(
        "statistics are constants in backward",
        "a frequent slip",
        normed,
        (normed, lambda g, x: g / (x.var(-1, correction=0, keepdim=True) + 1e-5).sqrt()),
        (normed, None),
        ("takes", "constant"),
        (draw(2, 5),),
    ),
    "a second derivative through what was detached": Report(
        "what backward uses was detached when it was saved",
        "the warning of torch's notes on double backward",
        "y[i] = x[i]**3",
        (Cube, None),
        (CubeRight, None),
        ("second",),
        options={"second_order": True},
    ),
    "a bias summed along the wrong axis": Report(
        "the sum runs over the outputs",
        "a frequent slip",
        "linear",
        (Linear, None),
        (LinearRight, None),
        ("shape", "takes"),
    ),
    "atan2 with its arguments exchanged": Report(
        "the gradient is that of atan2(y, x)",
        "a frequent slip",
        torch.atan2,
        (torch.atan2, lambda g, a, b: (-g * a / (a * a + b * b), g * b / (a * a + b * b))),
        (torch.atan2, lambda g, a, b: (g * b / (a * a + b * b), -g * a / (a * a + b * b))),
        ("order is wrong", "exchanged"),
        (draw(4), draw(4) + 1),
    ),
    "an inverse square root's power": Report(
        "the exponent of the derivative is not lowered",
        "a frequent slip",
        "y[i] = 1/sqrt(x[i])",
        (torch.rsqrt, lambda g, x: -g * x.rsqrt() / 2),
        (torch.rsqrt, lambda g, x: -g * x.rsqrt() / x / 2),
        ("x.* is missing", "right x x", "power"),
        options={"domains": "x[i]>0"},
    ),
    "the norm of a gradient is clipped": Report(
        "large upstream gradients are clipped",
        "a frequent habit",
        "y[i] = x[i]**2",
        (lambda x: x * x, lambda g, x: 2 * g.clamp(-5, 5) * x),
        (lambda x: x * x, lambda g, x: 2 * g * x),
        (r"\|grad_y\| > 5",),
    ),
    "a sum that is a mean in float16 habits": Report(
        "the loss is scaled for half precision, and the gradient not scaled back",
        "a frequent slip",
        "y[i] = x[i]**2",
        (lambda x: x * x, lambda g, x: 2 * 1024 * g * x),
        (lambda x: x * x, lambda g, x: 2 * g * x),
        ("1024 x right",),
    ),
}
