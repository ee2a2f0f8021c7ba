"""Functions of one entry: a factor, a sign, a branch, an overflow."""

import math

import torch

from tests.certification.reported.report import Report

SIGMOID = "h[i] = sigmoid(u[i])"
SWISH = "h[i] = u[i]*sigmoid(u[i])"
GATED = "h[i] = u[i]*sigmoid(u[i])*v[i]"
SOFTPLUS = "h[i] = log(1 + exp(u[i]))"
HUBER = "L = Sum(where(abs(x[i]) <= 1, x[i]**2/2, abs(x[i]) - 1/2), i)"
GELU = "h[i] = u[i]/2*(1 + erf(u[i]/sqrt(2)))"
DROPOUT = "y[i] = x[i]*m[i]/keep"
BRANCHES = "y[i] = where(a[i] <= 0, exp(a[i]), 1 + a[i])"
ROOTS = "y[i] = where(x[i] > 0, sqrt(x[i]), x[i])"


def sigmoid(u):
    return u.sigmoid()


def sigmoid_backward(g, u):
    h = u.sigmoid()
    return g * h * u.neg().sigmoid()


def swish(u):
    return u * u.sigmoid()


def swish_backward(g, u):
    s = u.sigmoid()
    return g * (s + u * s * u.neg().sigmoid())


def swish_backward_by_quotients(g, u):
    e = torch.exp(-u)
    return g * (1 / (1 + e) + u * e / (1 + e) ** 2)


def gated(u, v):
    return u * u.sigmoid() * v


def gated_backward(g, u, v):
    return swish_backward(g * v, u), g * u * u.sigmoid()


def softplus(u):
    return torch.logaddexp(u, torch.zeros_like(u))


def softplus_backward_by_reciprocal(g, u):
    """Where exp overflows, inf times 0 is taken for 0."""
    e = u.exp()
    return (g * e * (1 + e).reciprocal()).nan_to_num(0.0)


def huber(x):
    return torch.where(x.abs() <= 1, x * x / 2, x.abs() - 0.5).sum(-1)


def gelu(u):
    return torch.nn.functional.gelu(u)


def gelu_backward(g, u):
    """The density, and the distribution function by erfc, which keeps its digits in the left tail."""
    return g * (torch.special.erfc(-u / math.sqrt(2)) / 2 + u * torch.exp(-u * u / 2) / math.sqrt(2 * math.pi))


def gelu_backward_of_the_approximation(g, u):
    c = math.sqrt(2 / math.pi)
    t = torch.tanh(c * (u + 0.044715 * u**3))
    return g * (0.5 * (1 + t) + 0.5 * u * (1 - t * t) * c * (1 + 3 * 0.044715 * u * u))


def dropout(x, m, keep):
    return x * m / keep


def dropout_backward(g, x, m, keep):
    return g * m / keep, g * x / keep, -(g * x * m / keep**2).sum()


def clamp_backward_above(g, u):
    return torch.where(u < 1, g, 0 * g)


def branches_by_where(a):
    return torch.where(a <= 0, a.exp(), 1 + a)


def branches_kept_apart(a):
    return torch.where(a <= 0, a.clamp(max=0).exp(), 1 + a)


def roots_by_where(x):
    return torch.where(x > 0, x.sqrt(), x)


def roots_kept_apart(x):
    return torch.where(x > 0, torch.where(x > 0, x, 1).sqrt(), x)


def swish_with_a_constant_gate(u):
    return u * u.sigmoid().detach()


POINTWISE = {
    "a gate's derivative is the gate": Report(
        what="backward of the forget gate multiplies by sigmoid itself and not by its derivative",
        source="CaptainE/RNN-LSTM-in-numpy, issue 1",
        spec=SIGMOID,
        wrong=(sigmoid, lambda g, u: g * u.sigmoid()),
        right=(sigmoid, sigmoid_backward),
        names=(r"\(?1 - h\[i\]\)? is missing", "factor .*1 - h.*missing", "yours = right / \\(1 - h\\)"),
    ),
    "a sigmoid of the output": Report(
        what="sigmoid is applied to the output once more before h(1 - h) is formed",
        source="llSourcell/recurrent_neural_net_demo, issue 2",
        spec=SIGMOID,
        wrong=(sigmoid, lambda g, u: sigmoid_backward(g, u.sigmoid())),
        right=(sigmoid, sigmoid_backward),
        names=("the output h in the place of u", "h stands where u belongs"),
    ),
    "a third of a cube": Report(
        what="the gradient of x*x*x follows one of the three factors only",
        source="SciSharp/TensorFlow.NET, issue 303",
        spec="y[i] = x[i]**3/10",
        wrong=(lambda x: x**3 / 10, lambda g, x: g * x * x / 10),
        right=(lambda x: x**3 / 10, lambda g, x: 3 * g * x * x / 10),
        names=("1/3 x right",),
    ),
    "inputs in the place of gradients": Report(
        what="the gradient of a squared difference returns the two inputs",
        source="SciSharp/TensorFlow.NET, issue 787",
        spec="d[i] = (x[i] - y[i])**2",
        wrong=(lambda x, y: (x - y) ** 2, lambda g, x, y: (x.clone(), y.clone())),
        right=(lambda x, y: (x - y) ** 2, lambda g, x, y: (2 * g * (x - y), 2 * g * (y - x))),
        names=("yours is x itself"),
    ),
    "a difference without its minus": Report(
        what="the subtrahend gets the gradient of a sum",
        source="KhawajaAbaid/micrograd_c, issue 1",
        spec="d[i] = x[i] - y[i]",
        wrong=(lambda x, y: x - y, lambda g, x, y: (g.clone(), g.clone())),
        right=(lambda x, y: x - y, lambda g, x, y: (g.clone(), -g)),
        names=("the sign is wrong",),
    ),
    "the gradients of a gate exchanged": Report(
        what="the kernel stores the gradient of the gate where that of the value belongs",
        source="unslothai/unsloth, issue 3314",
        spec=GATED,
        wrong=(gated, lambda g, u, v: gated_backward(g, u, v)[::-1]),
        right=(gated, gated_backward),
        names=("the order is wrong",),
    ),
    "a power without its exponent": Report(
        what="the factor n of n x^(n-1) is forgotten",
        source="a first course's forum, many times",
        spec="y[i] = x[i]**4",
        wrong=(lambda x: x**4, lambda g, x: g * x**3),
        right=(lambda x: x**4, lambda g, x: 4 * g * x**3),
        names=("1/4 x right",),
    ),
    "exponential of the logarithm's argument": Report(
        what="the derivative of exp is taken to be its argument",
        source="karpathy/nn-zero-to-hero, issue 52 (proposed there)",
        spec="y[i] = exp(x[i])",
        wrong=(torch.exp, lambda g, x: g * x),
        right=(torch.exp, lambda g, x: g * x.exp()),
        names=("x stands where y belongs", "x in the place of"),
    ),
    "expm1's derivative from its value": Report(
        what="the derivative is computed as y + 1, which is 0 from -40 on",
        source="jax-ml/jax, issue 39794",
        spec="y[i] = expm1(x[i])",
        wrong=(torch.expm1, lambda g, x: g * (torch.expm1(x) + 1)),
        right=(torch.expm1, lambda g, x: g * x.exp()),
        names=(r"where x < -?[\d.]+", r"wrong .*x <", "digits"),
    ),
    "a sigmoid's slope by quotients": Report(
        what="exp(-x)/(1 + exp(-x))^2 is inf/inf for negative inputs",
        source="jeshraghian/snntorch, issue 427",
        spec=SIGMOID,
        wrong=(sigmoid, lambda g, u: g * torch.exp(-u) / (1 + torch.exp(-u)) ** 2),
        right=(sigmoid, sigmoid_backward),
        names=(r"where u < -[\d.]+.*not finite",),
    ),
    "silu by its decomposition": Report(
        what="backward of the decomposed quotient gives nan for large negative inputs",
        source="Lightning-AI/lightning-thunder, pull request 2624",
        spec=SWISH,
        wrong=(swish, swish_backward_by_quotients),
        right=(swish, swish_backward),
        names=(r"where u < -[\d.]+.*not finite",),
    ),
    "softplus overflows": Report(
        what="log(1 + exp(x)) is inf for large x",
        source="tracel-ai/burn, issue 5373",
        spec=SOFTPLUS,
        wrong=(lambda u: (1 + u.exp()).log(), lambda g, u: g * u.sigmoid()),
        right=(softplus, lambda g, u: g * u.sigmoid()),
        names=(r"where u > [\d.]+.*not finite",),
    ),
    "softplus has no slope in the tail": Report(
        what="the gradient is 0 where exp overflows",
        source="tenstorrent/tt-metal, pull request 56397",
        spec=SOFTPLUS,
        wrong=(softplus, softplus_backward_by_reciprocal),
        right=(softplus, lambda g, u: g * u.sigmoid()),
        names=(r"where u > [\d.]+",),
    ),
    "huber compares the signed difference": Report(
        what="the quadratic branch is taken for every difference below -1",
        source="BobMcDear/attorch, issue 13",
        spec=HUBER,
        wrong=(huber, lambda g, x: g[..., None] * torch.where(x <= 1, x, x.sign())),
        right=(huber, lambda g, x: g[..., None] * x.clamp(-1, 1)),
        names=(r"where x < -1\b",),
    ),
    "huber's upstream gradient is ignored": Report(
        what="backward is right only where what comes from above is 1",
        source="chainer/chainer, issue 1175",
        spec=HUBER,
        wrong=(huber, lambda g, x: x.clamp(-1, 1)),
        right=(huber, lambda g, x: g[..., None] * x.clamp(-1, 1)),
        names=("the upstream gradient is ignored", "right only where the upstream gradient is 1"),
    ),
    "gelu's backward is that of its approximation": Report(
        what="forward uses erf, backward the derivative of the formula with tanh",
        source="tenstorrent/tt-metal, issue 35971 (wrong in the tails)",
        spec=GELU,
        wrong=(gelu, gelu_backward_of_the_approximation),
        right=(gelu, gelu_backward),
        names=("digits", "an approximation"),
    ),
    "dropout's backward without its mask": Report(
        what="the upstream gradient is divided by the share that is kept, but not masked",
        source="ddbourgin/numpy-ml, issue 94",
        spec=DROPOUT,
        wrong=(dropout, lambda g, x, m, keep: (g / keep, *dropout_backward(g, x, m, keep)[1:])),
        right=(dropout, dropout_backward),
        names=("m(\\[i\\])? is missing",),
    ),
    "dropout's backward without its scale": Report(
        what="what is kept is not scaled in backward",
        source="rohitg00/ai-engineering-from-scratch, pull request 17",
        spec=DROPOUT,
        wrong=(dropout, lambda g, x, m, keep: (g * m, *dropout_backward(g, x, m, keep)[1:])),
        right=(dropout, dropout_backward),
        names=("keep is missing", "factor .*keep.* missing", "yours = right x keep"),
    ),
    "dropout's mask is found by division": Report(
        what="where the input is 0 the whole gradient passes, dropped or not",
        source="kaldi-asr/kaldi, issue 3890",
        spec="y[i] = x[i]*m[i]",
        wrong=(
            lambda x, m: x * m,
            lambda g, x, m: (torch.where(x == 0, g, x * m / torch.where(x == 0, 1, x) * g), g * x),
        ),
        right=(lambda x, m: x * m, lambda g, x, m: (g * m, g * x)),
        names=("where x = 0",),
    ),
    "clamp looks at one end only": Report(
        what="the mask of a clamp forgets the lower bound",
        source="facebookresearch/shumai, pull request 102 (the review)",
        spec="y[i] = max(-1, min(1, u[i]))",
        wrong=(lambda u: u.clamp(-1, 1), clamp_backward_above),
        right=(lambda u: u.clamp(-1, 1), lambda g, u: torch.where(u.abs() < 1, g, 0 * g)),
        names=(r"where u < -1\b",),
    ),
    "nan from the branch not taken": Report(
        what="where(a <= 0, exp(a), 1 + a) has no gradient where exp overflows",
        source="pytorch/pytorch, issue 68425",
        spec=BRANCHES,
        wrong=(branches_by_where, None),
        right=(branches_kept_apart, None),
        names=(r"where a > [\d.]+.*not finite",),
    ),
    "a root of negative numbers": Report(
        what="the square root that is not selected makes the gradient nan",
        source="pytorch/pytorch, issue 187297; tinygrad/tinygrad, issue 12409",
        spec=ROOTS,
        wrong=(roots_by_where, None),
        right=(roots_kept_apart, None),
        names=(r"where x <=? 0.*not finite",),
    ),
    "the absolute value by division": Report(
        what="x/|x| is nan at 0",
        source="HIPS/autograd, issue 268 (in one dimension)",
        spec="y[i] = abs(x[i])",
        wrong=(torch.abs, lambda g, x: g * x / x.abs()),
        right=(torch.abs, lambda g, x: g * x.sign()),
        names=("where x = 0.*not finite",),
    ),
    "a detached gate": Report(
        what="the gate of a swish is detached, so its slope is missing",
        source="a frequent slip with detach, as in pytorch's forum",
        spec=SWISH,
        wrong=(swish_with_a_constant_gate, None),
        right=(swish, None),
        names=("is missing", "held constant"),
    ),
    "the slope of an even function at 0": Report(
        what="the gradient at 0 is 1, as for the absolute value",
        source="jax-ml/jax, issue 11479",
        spec="y[i] = x[i]*tanh(x[i])",
        wrong=(
            lambda x: x * x.tanh(),
            lambda g, x: torch.where(x == 0, g, g * (x.tanh() + x / x.cosh() ** 2)),
        ),
        right=(lambda x: x * x.tanh(), lambda g, x: g * (x.tanh() + x * (1 - x.tanh() ** 2))),
        names=("where x = 0",),
    ),
    "a slope from the wrong side": Report(
        what="the leak's slope stands on the positive side",
        source="a course's forum",
        spec="h[i] = where(u[i] > 0, u[i], u[i]/100)",
        wrong=(lambda u: torch.where(u > 0, u, u / 100), lambda g, u: torch.where(u > 0, g / 100, g)),
        right=(lambda u: torch.where(u > 0, u, u / 100), lambda g, u: torch.where(u > 0, g, g / 100)),
        names=("where u < 0.*100 x right", "condition", "exchanged", "1/100 x right where u > 0"),
    ),
}
