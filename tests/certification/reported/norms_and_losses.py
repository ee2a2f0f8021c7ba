"""Normalisations and losses: missing terms, epsilons, weights, targets."""

import torch
from torch.nn import functional

from tests.certification.reported.report import Report

RMS = "y[i] = x[i]*gamma[i]/sqrt(Sum(x[j]**2, j)/n_i + eps)"
UNIT = "z[i] = x[i]/sqrt(Sum(x[j]**2, j) + eps)"
BATCH_NORM = """
    mu[i] = Sum(x[n,i], n)/n_n
    c[n,i] = x[n,i] - mu[i]
    v[i] = Sum(c[n,i]**2, n)/n_n
    y[n,i] = c[n,i]/sqrt(v[i] + eps)
"""
STANDARD = "y[i] = (x[i] - mean[i])/sqrt(var[i] + eps)"
SMOOTHED = "L = -Sum((v[i] - log(Sum(exp(v[j]), j)))*(y[i] - a*y[i] + a/n_i), i)"
WEIGHTED = "L = -Sum((v[i] - log(Sum(exp(v[j]), j)))*y[i]*w[i], i)"
KL = "L = Sum(p[i]*log(p[i]/q[i]), i)"
BCE = "L = -(y*log(p) + (1 - y)*log(1 - p))"
COSINE = "s = Sum(a[i]*b[i], i)/sqrt(Sum(a[i]**2, i)*Sum(b[i]**2, i))"
IGNORED = 1


def rms(x, gamma, eps):
    return gamma * x / (x.square().mean() + eps).sqrt()


def rms_backward(g, x, gamma, eps):
    r = (x.square().mean() + eps).rsqrt()
    d = g * gamma
    inner = (d * x).sum()
    return r * d - x * r**3 * inner / len(x), g * x * r, -inner * r**3 / 2


def unit(x, eps):
    return x / (x.square().sum() + eps).sqrt()


def unit_backward(g, x, eps):
    r = (x.square().sum() + eps).rsqrt()
    inner = (g * x).sum()
    return r * g - x * r**3 * inner, -inner * r**3 / 2


def layer_norm(x, gamma, beta, eps):
    return functional.layer_norm(x, x.shape[-1:], gamma, beta, float(eps))


def layer_norm_backward(g, x, gamma, beta, eps, *, first=1.0, second=1.0):
    sigma = (x.var(-1, unbiased=False, keepdim=True) + eps).sqrt()
    x_hat = (x - x.mean(-1, keepdim=True)) / sigma
    d = g * gamma
    grad_x = d - first * d.mean(-1, keepdim=True) - second * x_hat * (d * x_hat).mean(-1, keepdim=True)
    grad_eps = -(d * x_hat / sigma**2).sum() / 2
    return grad_x / sigma, (g * x_hat).sum(0), g.sum(0), grad_eps


def batch_norm(x, eps):
    return (x - x.mean(0)) / (x.var(0, unbiased=False) + eps).sqrt()


def batch_norm_backward(g, x, eps, second=1.0, n=None):
    s = (x.var(0, unbiased=False) + eps).sqrt()
    h, n = (x - x.mean(0)) / s, n or len(x)
    return (g - g.mean(0) - second * h * (g * h).sum(0) / n) / s, -(g * h / s**2).sum() / 2


def batch_norm_with_constants(x, eps):
    with torch.no_grad():
        mu, s = x.mean(0), (x.var(0, unbiased=False) + eps.detach()).sqrt()
    return (x - mu) / s


def standard(x, mean, var, eps):
    return (x - mean) / (var + eps).sqrt()


def standard_backward(g, x, mean, var, eps):
    s = (var + eps).sqrt()
    d = -(g * (x - mean)) / s**3 / 2
    return g / s, -g / s, d, d.sum()


def smoothed(v, y, a):
    return -(((1 - a) * y + a / len(y)) * v.log_softmax(0)).sum()


def smoothed_backward(g, v, y, a):
    t, z = (1 - a) * y + a / len(y), v.log_softmax(0)
    return g * (v.softmax(0) * t.sum() - t), -g * (1 - a) * z, -g * ((1 / len(y) - y) * z).sum()


def weighted(v, y, w):
    return -(w * y * v.log_softmax(0)).sum()


def weighted_backward(g, v, y, w):
    z = v.log_softmax(0)
    return g * (v.softmax(0) * (w * y).sum() - w * y), -g * w * z, -g * y * z


def kl(p, q):
    return (p * (p / q).log()).sum()


def kl_backward(g, p, q):
    return g * ((p / q).log() + 1), -g * p / q


def bce(y, p):
    return -(y * p.log() + (1 - y) * torch.log1p(-p))


def bce_backward(g, y, p):
    return -g * (p.log() - torch.log1p(-p)), g * ((1 - y) / (1 - p) - y / p)


def cosine(a, b):
    return (a @ b) / (a.square().sum() * b.square().sum()).sqrt()


def cosine_backward(g, a, b):
    aa, bb = a.square().sum(), b.square().sum()
    r = (aa * bb).rsqrt()
    s = (a @ b) * r
    return g * (b * r - s * a / aa), g * (a * r - s * b / bb)


def cross_entropy(v, t):
    return -v.log_softmax(-1)[torch.arange(len(t)), t]


def cross_entropy_backward(g, v, t):
    return g[:, None] * (v.softmax(-1) - functional.one_hot(t, v.shape[1])), None


def ignoring(v, t):
    return torch.where(t == IGNORED, 0.0, cross_entropy(v, t))


def ignoring_backward(g, v, t):
    return cross_entropy_backward(torch.where(t == IGNORED, 0 * g, g), v, t)


LABELS = (torch.randn(5, 4, dtype=torch.float64), torch.tensor([0, 1, 3, 1, 2]))

NORMS_AND_LOSSES = {
    "a mean that is subtracted twice": Report(
        what="the kernel of layer norm's backward subtracts the mean of the gradient twice",
        source="tenstorrent/tt-metal, issue 53204",
        spec="layer_norm",
        wrong=(layer_norm, lambda *a: layer_norm_backward(*a, first=2.0)),
        right=(layer_norm, layer_norm_backward),
        names=("counts twice", "twice"),
    ),
    "layer norm without the mean of the gradient": Report(
        what="the term of the mean is left out",
        source="a course's assignment on layer norm",
        spec="layer_norm",
        wrong=(layer_norm, lambda *a: layer_norm_backward(*a, first=0.0)),
        right=(layer_norm, layer_norm_backward),
        names=("Sum.* is missing",),
    ),
    "layer norm as if mean and variance were constants": Report(
        what="backward divides by sigma and does nothing else",
        source="a course's assignment on layer norm",
        spec="layer_norm",
        wrong=(layer_norm, lambda *a: layer_norm_backward(*a, first=0.0, second=0.0)),
        right=(layer_norm, layer_norm_backward),
        names=("held constant", "as if .* constant"),
    ),
    "rms norm as if the rms were constant": Report(
        what="the dependence of the root mean square on the input is missing",
        source="ooples/AiDotNet, pull request 695 (the review)",
        spec=RMS,
        wrong=(rms, lambda g, x, w, eps: (g * w / (x.square().mean() + eps).sqrt(), *rms_backward(g, x, w, eps)[1:])),
        right=(rms, rms_backward),
        names=("Sum.* is missing", "is missing", "held constant"),
    ),
    "rms norm without its weight": Report(
        what="the weight is forgotten in the gradient of the input",
        source="karpathy/llm.c, pull request 763 (a comment)",
        spec=RMS,
        wrong=(
            rms,
            lambda g, x, w, eps: (rms_backward(g, x, 0 * w + 1, eps)[0], *rms_backward(g, x, w, eps)[1:]),
        ),
        right=(rms, rms_backward),
        names=("gamma is missing",),
    ),
    "a unit vector as if its length were constant": Report(
        what="the projection is missing in the gradient of x/|x|",
        source="HIPS/autograd, issue 73 (the layer that is asked about)",
        spec=UNIT,
        wrong=(unit, lambda g, x, eps: (g / (x.square().sum() + eps).sqrt(), unit_backward(g, x, eps)[1])),
        right=(unit, unit_backward),
        names=("is missing", "held constant"),
    ),
    "batch norm without the variance's gradient": Report(
        what="the second sum of batch norm's backward is left out",
        source="mlpack/mlpack, pull request 2474 (the review)",
        spec=BATCH_NORM,
        wrong=(batch_norm, lambda g, x, eps: batch_norm_backward(g, x, eps, second=0.0)),
        right=(batch_norm, batch_norm_backward),
        names=("Sum.* is missing", "v.* held constant"),
    ),
    "batch norm with statistics under no_grad": Report(
        what="mean and variance are computed where nothing is recorded",
        source="a forum's question on normalising by hand",
        spec=BATCH_NORM,
        wrong=(batch_norm_with_constants, None),
        right=(batch_norm, None),
        names=("held constant", "is 0 everywhere"),
    ),
    "batch norm with n - 1": Report(
        what="backward uses the unbiased variance where forward uses the biased one",
        source="pytorch/pytorch, issue 19902 (the two variances)",
        spec=BATCH_NORM,
        wrong=(batch_norm, lambda g, x, eps: batch_norm_backward(g, x, eps, n=max(len(x) - 1, 1))),
        right=(batch_norm, batch_norm_backward),
        names=("n_n - 1",),
    ),
    "an epsilon outside the root": Report(
        what="forward divides by sqrt(var) + eps",
        source="the usual two readings of the paper",
        spec=STANDARD,
        options={"domains": "var[i]>0; eps>0"},
        wrong=(lambda x, mean, var, eps: (x - mean) / (var.sqrt() + eps), standard_backward),
        right=(standard, standard_backward),
        names=("eps.* root", "eps.* outside", "sqrt\\(var\\[i\\]\\)"),
    ),
    "an epsilon that backward forgets": Report(
        what="backward divides by sqrt(var)",
        source="a course's assignment on batch norm",
        spec=STANDARD,
        options={"domains": "var[i]>0; eps>0"},
        wrong=(standard, lambda g, x, mean, var, eps: (g / var.sqrt(), *standard_backward(g, x, mean, var, eps)[1:])),
        right=(standard, standard_backward),
        names=("eps is missing", "eps.* 0"),
    ),
    "smoothing that backward forgets": Report(
        what="the gradient of the smoothed loss uses the target as it is",
        source="linkedin/Liger-Kernel, pull request 198 (while it was written)",
        spec=SMOOTHED,
        wrong=(smoothed, lambda g, v, y, a: (smoothed_backward(g, v, y, 0 * a)[0], *smoothed_backward(g, v, y, a)[1:])),
        right=(smoothed, smoothed_backward),
        names=("a is taken for 0", r"\ba(\[\])? (is missing|counts as|is 0)"),
    ),
    "class weights that backward forgets": Report(
        what="the weights of the classes are in the loss, not in its gradient",
        source="a forum's question on weighted cross-entropy",
        spec=WEIGHTED,
        wrong=(
            weighted,
            lambda g, v, y, w: (weighted_backward(g, v, y, 0 * w + 1)[0], *weighted_backward(g, v, y, w)[1:]),
        ),
        right=(weighted, weighted_backward),
        names=(r"\bw is (missing|taken for 1)",),
    ),
    "a target that is not one-hot": Report(
        what="the gradient is softmax minus target, right only where the target sums to 1",
        source="pytorch/pytorch, pull request 63122 (soft targets)",
        spec="L = -Sum((v[i] - log(Sum(exp(v[j]), j)))*y[i], i)",
        wrong=(
            lambda v, y: -(y * v.log_softmax(0)).sum(),
            lambda g, v, y: (g * (v.softmax(0) - y), -g * v.log_softmax(0)),
        ),
        right=(
            lambda v, y: -(y * v.log_softmax(0)).sum(),
            lambda g, v, y: (g * (v.softmax(0) * y.sum() - y), -g * v.log_softmax(0)),
        ),
        names=(r"Sum\(y.* is missing", "sums to 1"),
    ),
    "an ignored label has a gradient": Report(
        what="the loss of an ignored target is 0, its gradient is not",
        source="PaddlePaddle/Paddle, pull request 28622",
        spec=ignoring,
        example=LABELS,
        wrong=(ignoring, cross_entropy_backward),
        right=(ignoring, ignoring_backward),
        names=("where t = 1", "0 where", "should be 0", "right is 0"),
    ),
    "the right class is not subtracted": Report(
        what="the gradient of cross-entropy is the softmax alone",
        source="mantasu/cs231n, issue 10 (asked there)",
        spec=cross_entropy,
        example=LABELS,
        wrong=(cross_entropy, lambda g, v, t: (g[:, None] * v.softmax(-1), None)),
        right=(cross_entropy, cross_entropy_backward),
        names=("(column|axis|place|entry).* t\\b", r"at \[n, ?t\[n\]\]", "is the label", "at the index t"),
    ),
    "a divergence the other way": Report(
        what="the gradient is that of the divergence of the exchanged arguments",
        source="a forum's question on the order of kl_div's arguments",
        spec=KL,
        options={"domains": "p[i]>0; q[i]>0"},
        wrong=(kl, lambda g, p, q: kl_backward(g, q, p)[::-1]),
        right=(kl, kl_backward),
        names=("p and q (are )?exchanged",),
    ),
    "binary cross-entropy's logit gradient": Report(
        what="p - y, the gradient of the logit, stands where that of the probability belongs",
        source="a course's forum",
        spec=BCE,
        options={"domains": "p in (0,1)"},
        wrong=(bce, lambda g, y, p: (bce_backward(g, y, p)[0], g * (p - y))),
        right=(bce, bce_backward),
        names=(r"right x p \(1 - p\)", r"p\*?\(1 - p\)", r"p \(1 - p\)"),
    ),
    "a cosine without its projection": Report(
        what="the lengths are taken for constants",
        source="a forum's question on cosine similarity by hand",
        spec=COSINE,
        wrong=(cosine, lambda g, a, b: (g * b / (a.norm() * b.norm()), cosine_backward(g, a, b)[1])),
        right=(cosine, cosine_backward),
        names=("is missing", "held constant"),
    ),
}
