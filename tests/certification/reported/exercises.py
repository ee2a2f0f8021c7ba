"""Exercises and kernels: activations, losses, linear algebra, pooling, recurrences."""

import math

import torch
from torch.nn import functional

from tests.certification.reported.report import Report

D = torch.float64


def draw(*shape):
    return torch.randn(*shape, dtype=D, generator=torch.Generator().manual_seed(7 + len(shape)))


TANH = "h[i] = tanh(u[i])"
ELU = "h[i] = where(u[i] > 0, u[i], alpha*(exp(u[i]) - 1))"
DECAY = "s = lam*Sum(W[i,j]**2, i, j)"
QUOTIENT = "q[i] = a[i]/b[i]"
POWER = "y[i] = exp(b[i]*log(a[i]))"
HINGE = "L = Sum(max(0, 1 - y[i]*s[i]), i)"
BILINEAR = "s = Sum(x[i]*A[i,j]*y[j], i, j)"
OUTER = "C[i,j] = a[i]*b[j]"
EXCLUSIVE = "y[i] = Sum(where(j < i, x[j], 0), j)"


def elu(u, alpha):
    return torch.where(u > 0, u, alpha * torch.expm1(u.clamp(max=0)))


def elu_backward(g, u, alpha, *, keep=True):
    e = u.clamp(max=0).exp()
    slope = alpha * e if keep else e
    return torch.where(u > 0, g, g * slope), (g * torch.where(u > 0, 0 * u, torch.expm1(u.clamp(max=0)))).sum()


def power_backward(g, b, a, *, log=True):
    y = torch.exp(b * a.log())
    return g * y * (a.log() if log else 1), g * y * b / a


def mean_of_all(p, y):
    return ((p - y) ** 2).mean()


def pool(x):
    return functional.avg_pool1d(x[None], 2, 2)[0]


def upsample(x):
    return x.repeat_interleave(2, -1)


def two_steps(x, W):
    h = torch.tanh(x[0])
    return torch.tanh(x[1] + W @ h)


def two_steps_backward(g, x, W, *, through=True):
    h = torch.tanh(x[0])
    d = g * (1 - torch.tanh(x[1] + W @ h) ** 2)
    dh = (W.mT @ d) * (1 - h * h)
    return torch.stack([dh if through else 0 * dh, d]), torch.outer(d, h)


def logdet_backward(g, A, *, turn=True):
    inverse = torch.linalg.inv(A)
    return g * (inverse.mT if turn else inverse)


def group_norm(x):
    return functional.group_norm(x[None], 2, eps=1e-5)[0]


def first_of_the_batch(g, x, W, b):
    return g @ W, g.mT @ x[:1].expand_as(x), g.sum(0)


def kept_mean(g, x):
    c = x - x.mean()
    return g * c / c.norm() / math.sqrt(len(x)) if bool(c.any()) else 0 * x


def std(x):
    return x.std(correction=0)


def wrong_axis(g, v):
    o = v.softmax(-1)
    return o * (g - (g * o).sum(0, keepdim=True))


def right_axis(g, v):
    o = v.softmax(-1)
    return o * (g - (g * o).sum(-1, keepdim=True))


def product(x):
    return x.prod()


def product_backward(g, x):
    others = torch.stack([torch.cat([x[:i], x[i + 1 :]]).prod() for i in range(len(x))])
    return g * others


def ordered(x):
    return x.sort().values


def conv2d(x, W):
    return functional.conv2d(x, W, padding=1)


def conv2d_backward(g, x, W, crop=1):
    full = functional.conv_transpose2d(g, W)
    h, w = x.shape[2:]
    grad_x = full[:, :, crop : crop + h, crop : crop + w]
    patches = functional.unfold(x, W.shape[2:], padding=1).reshape(len(x), *W.shape[1:], -1)
    return grad_x.clone(), torch.einsum("nop,ncklp->ockl", g.flatten(2), patches)


EXERCISES = {
    "tanh of the input": Report(
        "1 - x^2 where 1 - tanh(x)^2 belongs",
        "dennybritz/nn-from-scratch, pull request 3",
        TANH,
        (torch.tanh, lambda g, u: g * (1 - u * u)),
        (torch.tanh, lambda g, u: g * (1 - u.tanh() ** 2)),
        ("u stands where h belongs", "without its function"),
    ),
    "tanh without its square": Report(
        "1 - h",
        "a frequent slip",
        TANH,
        (torch.tanh, lambda g, u: g * (1 - u.tanh())),
        (torch.tanh, lambda g, u: g * (1 - u.tanh() ** 2)),
        ("power 2 is missing",),
    ),
    "elu without alpha": Report(
        "alpha is forgotten",
        "a frequent slip",
        ELU,
        (elu, lambda g, u, alpha: elu_backward(g, u, alpha, keep=False)),
        (elu, elu_backward),
        ("alpha is missing", "factor alpha"),
    ),
    "decay without its 2": Report(
        "lambda W",
        "a frequent slip",
        DECAY,
        (lambda lam, W: lam * (W * W).sum(), lambda g, lam, W: (g * (W * W).sum(), g * lam * W)),
        (lambda lam, W: lam * (W * W).sum(), lambda g, lam, W: (g * (W * W).sum(), 2 * g * lam * W)),
        ("1/2 x right",),
    ),
    "quotient's square": Report(
        "-a/b",
        "a frequent slip",
        QUOTIENT,
        (lambda a, b: a / b, lambda g, a, b: (g / b, -g * a / b)),
        (lambda a, b: a / b, lambda g, a, b: (g / b, -g * a / b**2)),
        ("right x b", r"yours = -a\[i\]\*grad_q\[i\]/b\[i\]"),
    ),
    "quotient's sign": Report(
        "a/b^2",
        "a frequent slip",
        QUOTIENT,
        (lambda a, b: a / b, lambda g, a, b: (g / b, g * a / b**2)),
        (lambda a, b: a / b, lambda g, a, b: (g / b, -g * a / b**2)),
        ("sign is wrong",),
    ),
    "exponent's logarithm": Report(
        "the logarithm of the base",
        "tinygrad, issue 155",
        POWER,
        (lambda b, a: torch.exp(b * a.log()), lambda g, b, a: power_backward(g, b, a, log=False)),
        (lambda b, a: torch.exp(b * a.log()), power_backward),
        ("log\\(a\\[i\\]\\) is missing", "factor log"),
    ),
    "hinge's mask reversed": Report(
        "the mask counts satisfied margins",
        "a frequent slip",
        HINGE,
        (
            lambda y, s: (1 - y * s).clamp_min(0).sum(),
            lambda g, y, s: (-g * s * (1 - y * s < 0), -g * y * (1 - y * s < 0)),
        ),
        (
            lambda y, s: (1 - y * s).clamp_min(0).sum(),
            lambda g, y, s: (-g * s * (1 - y * s > 0), -g * y * (1 - y * s > 0)),
        ),
        ("revers", "exchanged", "condition"),
    ),
    "hinge without its mask": Report(
        "every margin counts",
        "a frequent slip",
        HINGE,
        (lambda y, s: (1 - y * s).clamp_min(0).sum(), lambda g, y, s: (-g * s, -g * y)),
        (
            lambda y, s: (1 - y * s).clamp_min(0).sum(),
            lambda g, y, s: (-g * s * (1 - y * s > 0), -g * y * (1 - y * s > 0)),
        ),
        ("where.* is missing", "should be 0"),
    ),
    "bilinear transposed": Report(
        "A y for the gradient of y",
        "a frequent slip",
        BILINEAR,
        (
            lambda x, A, y: x @ A @ y,
            lambda g, x, A, y: (
                g * A @ y,
                g * torch.outer(y, x) if len(x) == len(y) else g * torch.outer(x, y).mT,
                g * x @ A,
            ),
        ),
        (lambda x, A, y: x @ A @ y, lambda g, x, A, y: (g * A @ y, g * torch.outer(x, y), g * x @ A)),
        ("transposed",),
    ),
    "outer product's arguments": Report(
        "the two gradients sum the wrong axes",
        "a frequent slip",
        OUTER,
        (torch.outer, lambda g, a, b: (g @ b, g.sum(0))),
        (torch.outer, lambda g, a, b: (g @ b, a @ g)),
        ("a(\\[i\\])? is missing",),
    ),
    "average pooling is not divided": Report(
        "the window's size",
        "a frequent slip",
        pool,
        (pool, lambda g, x: g.repeat_interleave(2, -1)),
        (pool, lambda g, x: g.repeat_interleave(2, -1) / 2),
        ("2 x right",),
        (draw(2, 6),),
    ),
    "a padding of one too few": Report(
        "cropped at the wrong place",
        "a frequent slip",
        conv2d,
        (conv2d, lambda g, x, W: conv2d_backward(g, x, W, crop=0)),
        (conv2d, conv2d_backward),
        (r"takes .*grad_y.* it should take",),
        (draw(2, 2, 4, 4), draw(3, 2, 3, 3)),
    ),
    "upsampling takes the first": Report(
        "one of the copies",
        "a frequent slip",
        upsample,
        (upsample, lambda g, x: g[..., ::2].clone()),
        (upsample, lambda g, x: g.reshape(*x.shape, 2).sum(-1)),
        ("only the first",),
        (draw(2, 3),),
    ),
    "an exclusive sum": Report(
        "the entry itself is counted",
        "a frequent slip",
        EXCLUSIVE,
        (lambda x: x.cumsum(0) - x, lambda g, x: g.flip(0).cumsum(0).flip(0)),
        (lambda x: x.cumsum(0) - x, lambda g, x: g.flip(0).cumsum(0).flip(0) - g),
        (r"right \+ grad_y", "boundary"),
    ),
    "straight through": Report(
        "the gradient passes a clamp",
        "a frequent slip",
        "y[i] = max(-1, min(1, u[i]))",
        (lambda u: u.clamp(-1, 1), lambda g, u: g.clone()),
        (lambda u: u.clamp(-1, 1), lambda g, u: g * (u.abs() < 1)),
        (r"\|u\| > 1",),
        true=("yours is grad_y itself",),
    ),
    "a slope that is lost": Report(
        "0 on the negative side",
        "a frequent slip",
        "h[i] = where(u[i] > 0, u[i], u[i]/10)",
        (lambda u: torch.where(u > 0, u, u / 10), lambda g, u: torch.where(u > 0, g, 0 * g)),
        (lambda u: torch.where(u > 0, u, u / 10), lambda g, u: torch.where(u > 0, g, g / 10)),
        ("u < 0", "u <= 0", "term .* is missing"),
    ),
    "the mean of all, by rows": Report(
        "divided by the number of rows",
        "a frequent slip",
        mean_of_all,
        (mean_of_all, lambda g, p, y: (2 * g * (p - y) / len(p), -2 * g * (p - y) / len(p))),
        (mean_of_all, lambda g, p, y: (2 * g * (p - y) / p.numel(), -2 * g * (p - y) / p.numel())),
        ("3 x right",),
        (draw(4, 3), draw(4, 3) + 1),
    ),
    "softmax along the wrong axis": Report(
        "the sum runs over the batch",
        "a frequent slip",
        "softmax",
        (lambda v: v.softmax(-1), wrong_axis),
        (lambda v: v.softmax(-1), right_axis),
        ("takes", "batch", "other samples", "axis"),
    ),
    "only the last step": Report(
        "nothing flows through time",
        "ooples/AiDotNet, pull request 722",
        two_steps,
        (two_steps, lambda g, x, W: two_steps_backward(g, x, W, through=False)),
        (two_steps, two_steps_backward),
        ("a path through it is missing",),
        (draw(2, 3), draw(3, 3)),
    ),
    "a log-determinant's transpose": Report(
        "the inverse is not transposed",
        "a frequent slip",
        "L = LogDet(A)",
        (lambda A: torch.linalg.slogdet(A)[1], lambda g, A: logdet_backward(g, A, turn=False)),
        (lambda A: torch.linalg.slogdet(A)[1], logdet_backward),
        ("transposed",),
    ),
    "a product by division": Report(
        "prod/x",
        "a frequent slip",
        product,
        (product, lambda g, x: g * x.prod() / x),
        (product, product_backward),
        ("x = 0", "exact 0"),
        (draw(4),),
    ),
    "a sort that is not undone": Report(
        "the gradient stays in sorted order",
        "a frequent slip",
        ordered,
        (ordered, lambda g, x: g.clone()),
        (ordered, lambda g, x: torch.zeros_like(x).scatter(0, x.argsort(), g)),
        ("yours is grad_y itself",),
        (draw(5),),
    ),
    "the first sample's input": Report(
        "x[0] for all",
        "a frequent slip",
        "linear",
        (lambda x, W, b: x @ W.mT + b, first_of_the_batch),
        (lambda x, W, b: x @ W.mT + b, lambda g, x, W, b: (g @ W, g.mT @ x, g.sum(0))),
        ("batch 1", "first sample"),
    ),
    "std's own scale": Report(
        "divided by sqrt(n) once too few",
        "a frequent slip",
        std,
        (std, lambda g, x: kept_mean(g, x) * math.sqrt(len(x))),
        (std, kept_mean),
        ("right x sqrt\\(batch\\)",),
        (draw(5),),
    ),
    "group norm held": Report(
        "statistics are constants",
        "a frequent slip",
        group_norm,
        (
            group_norm,
            lambda g, x: (
                g.reshape(2, -1) / (x.reshape(2, -1).var(-1, correction=0, keepdim=True) + 1e-5).sqrt()
            ).reshape(x.shape),
        ),
        (group_norm, None),
        ("constant", "takes"),
        (draw(4, 3),),
    ),
    "float32 epsilon": Report(
        "an epsilon that float32 does not hold",
        "a frequent slip",
        "y[i] = x[i]/(abs(x[i]) + 1)",
        (lambda x: x / (x.abs() + 1), lambda g, x: g / (x.abs() + 1 + 1e-6) ** 2),
        (lambda x: x / (x.abs() + 1), lambda g, x: g / (x.abs() + 1) ** 2),
        ("digits",),
    ),
    "cosine's cancellation": Report(
        "1 - cos",
        "a frequent slip",
        "y[i] = 1 - cos(x[i])",
        (lambda x: 1 - x.cos(), lambda g, x: g * x.cos()),
        (lambda x: 2 * (x / 2).sin() ** 2, lambda g, x: g * x.sin()),
        ("sin", "function"),
    ),
    "mish of tanh": Report(
        "tanh of softplus without product rule",
        "a frequent slip",
        "h[i] = u[i]*tanh(u[i])",
        (lambda u: u * u.tanh(), lambda g, u: g * u * (1 - u.tanh() ** 2)),
        (lambda u: u * u.tanh(), lambda g, u: g * (u.tanh() + u * (1 - u.tanh() ** 2))),
        ("tanh\\(u\\[i\\]\\) is missing", "term .* missing"),
    ),
    "swapped targets": Report(
        "log(p)-y exchanged",
        "a frequent slip",
        "L = Sum(y[i]*log(p[i]/y[i]), i)",
        (lambda y, p: (y * (p / y).log()).sum(), lambda g, y, p: (g * ((p / y).log() - 1), g * p / y)),
        (lambda y, p: (y * (p / y).log()).sum(), lambda g, y, p: (g * ((p / y).log() - 1), g * y / p)),
        ("exchanged", "product stands where the division"),
        None,
        {"domains": "y[i]>0; p[i]>0"},
    ),
}
