"""Wrong gradients as they stand in course labs, textbooks' exercises and frameworks' trackers, one entry for each.

Every entry is (specification, forward, backward) or (specification, forward, backward, example).  Forward is right
unless the name says otherwise.  The code is written for this collection, in the manner of those who made the mistake.
"""

import numpy as np
import torch
from torch.nn import functional

from tests.certification.collected.right_pairs import (
    ATTENTION,
    ATTENTION_EXAMPLE,
    BATCH_NORM,
    BATCH_NORM_EXAMPLE,
    CONV1D,
    CONV1D_EXAMPLE,
    EMBED,
    EMBED_EXAMPLE,
    GATE,
    LABELS_EXAMPLE,
    MAX_POOL,
    MSE_MEAN,
    PADDED,
    PADDED_EXAMPLE,
    SOFTMAX_LABELS,
    STRIDED,
    STRIDED_EXAMPLE,
    attention,
    attention_backward,
    batch_norm,
    batch_norm_backward,
    bce,
    conv1d,
    conv1d_backward,
    cosine,
    cosine_backward,
    elu,
    embed,
    gate,
    gate_backward,
    gelu,
    gelu_tanh,
    hinge,
    huber,
    kl,
    layer_norm,
    layer_norm_backward,
    leaky,
    linear,
    max_pool,
    mse_mean,
    norm2,
    padded,
    prelu,
    relu,
    rnn,
    rnn_backward,
    sce,
    sce_backward,
    sigmoid,
    smoothing,
    softmax,
    softmax_labels,
    squares,
    strided,
    swiglu,
)


def into(x, mask_of, g):
    """The upstream gradient itself is overwritten where the mask is off, as `dout[x <= 0] = 0` does."""
    g[mask_of(x)] = 0
    return (g,)


class Remembers:
    """State that the first call leaves behind for all later ones of its shape."""

    def __init__(self):
        self.kept = {}

    def first(self, key, value):
        return self.kept.setdefault(key, value)


def remembering_mask():
    memory = Remembers()
    return lambda g, u: (g * memory.first((tuple(u.shape), u.dtype), (u > 0).clone()),)


def counting_dropout():
    memory = Remembers()
    return lambda g, u, m, c: (
        g * memory.first((tuple(m.shape), m.dtype), m.clone()) * c,
        g * c * u,
        (g * m * u).sum(),
    )


def running_grad_W():
    total = {}

    def backward(g, x, W, b):
        key = (tuple(W.shape), W.dtype)
        total[key] = total.get(key, 0) + g.mT @ x
        return g @ W, total[key], g.sum(0)

    return backward


def saved_by_reference():
    kept = {}

    def forward(u):
        kept["u"] = u
        return u.clamp_min(0)

    return forward, lambda g, u: (g * (kept["u"] > 0),)


def saved_output_changed():
    def forward(u):
        h = torch.sigmoid(u)
        return h, h

    def backward(saved, g):
        return saved.mul_(1 - saved).mul_(g)

    return forward, backward


def fancy_embedding(g, E, t):
    dE = torch.zeros_like(E)
    dE[t] += g  # repeated indices: the last one wins
    return dE, None


def numpy_embedding(g, E, t):
    dE = np.zeros(E.shape, dtype=E.numpy().dtype)
    dE[t.numpy()] += g.numpy()
    return torch.from_numpy(dE), None


def naive_softmax(v):
    e = v.exp()
    return e / e.sum(-1, keepdim=True)


def row_softmax_jacobian(g, o):
    return o * (g - (g * o).sum(-1, keepdim=True))


def of_logits(g, v, y, through):
    """grad_v with the part through the loss given, and a right grad_y."""
    grad_o, grad_L = g
    o = v.softmax(-1)
    return through + row_softmax_jacobian(grad_o, o), -grad_L[:, None] * v.log_softmax(-1)


def by_loss(change):
    """A mistake in the part of softmax_cross_entropy through L: change(grad_L as a column, v, o, y)."""
    return lambda g, v, y: of_logits(g, v, y, change(g[1][:, None], v, v.softmax(-1), y))


def batch_norm_parts(x, gamma, eps):
    mean, var = x.mean(0), x.var(0, unbiased=False)
    sigma = (var + eps).sqrt()
    return (x - mean) / sigma, sigma


def bn(change):
    """A mistake in batch norm's grad_x: change(grad_y * gamma, x_hat, sigma, number of samples)."""

    def backward(g, x, gamma, eps, beta):
        x_hat, sigma = batch_norm_parts(x, gamma, eps)
        right = batch_norm_backward(g, x, gamma, eps, beta)
        return (change(g * gamma, x_hat, sigma, len(x)), *right[1:])

    return backward


def ln(change):
    def backward(g, x, gamma, beta, eps):
        c = x - x.mean(-1, keepdim=True)
        sigma = (c.square().mean(-1, keepdim=True) + eps).sqrt()
        right = layer_norm_backward(g, x, gamma, beta, eps)
        return (change(g * gamma, c / sigma, sigma), *right[1:])

    return backward


def replaced(right, position, change):
    """The right backward with one of its gradients changed: change(gradient, g, *tensors)."""

    def backward(g, *tensors):
        found = list(right(g, *tensors))
        found[position] = change(found[position], g, *tensors)
        return tuple(found)

    return backward


def relu_backward(g, u):
    return (g * (u > 0),)


def stretched(g, x, W, b):
    """A transposed product read with strides that only a contiguous W has."""
    return (
        g @ W.as_strided((W.shape[0], W.shape[1]), (W.shape[1], 1), W.storage_offset()),
        g.mT @ x,
        g.sum(0),
    )


def from_pointer(g, u):
    """The input is read as one block of memory, whatever its strides are."""
    flat = torch.as_strided(u, (u.numel(),), (1,), u.storage_offset())
    return ((g.reshape(-1) * (flat > 0)).reshape(u.shape),)


def conv1d_loops(g, W, x, *, flip=False, crop=0):
    """grad_x by loops over the kernel's places."""
    dx = torch.zeros_like(x)
    places = g.shape[-1]
    for k in range(W.shape[-1]):
        kernel = W[:, :, W.shape[-1] - 1 - k] if flip else W[:, :, k]
        dx[:, :, k : k + places] += torch.einsum("noi,oc->nci", g, kernel)
    return dx


def attention_parts(q, k, v):
    return (q @ k.mT / q.shape[-1] ** 0.5).softmax(-1)


def att(*, scaled=True, axis=-1, jacobian=True):
    def backward(g, q, k, v):
        a = attention_parts(q, k, v)
        da = g @ v.mT
        ds = a * (da - (da * a).sum(axis, keepdim=True)) if jacobian else a * da
        ds = ds / q.shape[-1] ** 0.5 if scaled else ds
        return ds @ k, ds.mT @ q, a.mT @ g

    return backward


CAUSAL = (
    "s[i,k] = where(k <= i, Sum(q[i,d]*r[k,d], d), -30); a[i,k] = exp(s[i,k])/Sum(exp(s[i,l]), l); "
    "y[i,d] = Sum(a[i,k]*v[k,d], k)"
)


def causal(q, r, v):
    keep = torch.ones(len(q), len(r)).tril().bool()
    return torch.where(keep, q @ r.mT, torch.tensor(-30, dtype=q.dtype)).softmax(-1) @ v


def leaking(g, q, r, v):
    keep = torch.ones(len(q), len(r)).tril().bool()
    a = torch.where(keep, q @ r.mT, torch.tensor(-30, dtype=q.dtype)).softmax(-1)
    da = g @ v.mT
    ds = a * (da - (da * a).sum(-1, keepdim=True)) + ~keep * da * 1e-3  # masked places get a share
    return ds @ r, ds.mT @ q, a.mT @ g


def pooled(pick):
    def backward(g, x):
        return (pick(g, x),)

    return backward


def all_ties(g, x):
    return g.unsqueeze(-1) * (x == x.amax(-1, keepdim=True))


LINEAR = {
    "linear: bias gradient not summed": lambda g, x, W, b: (g @ W, g.mT @ x, g),
    "linear: bias gradient summed over the features": lambda g, x, W, b: (g @ W, g.mT @ x, g.sum(1)),
    "linear: bias gradient summed over everything": lambda g, x, W, b: (g @ W, g.mT @ x, g.sum().expand(len(b))),
    "linear: bias gradient averaged (1/m as in logistic regression)": lambda g, x, W, b: (
        g @ W,
        g.mT @ x,
        g.sum(0) / max(len(g), 1),
    ),
    "linear: weight gradient averaged over the batch": lambda g, x, W, b: (
        g @ W,
        g.mT @ x / max(len(g), 1),
        g.sum(0),
    ),
    "linear: weight gradient transposed": lambda g, x, W, b: (g @ W, x.mT @ g, g.sum(0)),
    "linear: W in place of its transpose, works for square W": lambda g, x, W, b: (
        g @ W.mT if W.shape[0] == W.shape[1] else g @ W,
        g.mT @ x,
        g.sum(0),
    ),
    "linear: only the first sample": lambda g, x, W, b: (g @ W, g[:1].mT @ x[:1], g.sum(0)),
    "linear: outer product of means": lambda g, x, W, b: (
        g @ W,
        torch.outer(g.sum(0), x.sum(0)) / max(len(x), 1),
        g.sum(0),
    ),
    "linear: upstream taken as ones": lambda g, x, W, b: (
        torch.ones_like(g) @ W,
        torch.ones_like(g).mT @ x,
        torch.ones_like(g).sum(0),
    ),
    "linear: upstream applied twice to x": lambda g, x, W, b: (g * g @ W, g.mT @ x, g.sum(0)),
    "linear: the bias is added again": lambda g, x, W, b: (g @ W + b.sum() * 0.01, g.mT @ x, g.sum(0)),
    "linear: the gradient of the bias keeps a dimension": lambda g, x, W, b: (g @ W, g.mT @ x, g.sum(0, keepdim=True)),
    "linear: gradients add up from call to call": running_grad_W(),
    "linear: strides of W assumed": stretched,
    "linear: a batch above 4 is cut": lambda g, x, W, b: (g @ W, g[:4].mT @ x[:4], g.sum(0)),
    "linear: weight gradient in float16": lambda g, x, W, b: (g @ W, (g.half().mT @ x.half()).to(g.dtype), g.sum(0)),
    "linear: x changed in place": lambda g, x, W, b: (g @ W, g.mT @ x, x.mul_(0).sum() + g.sum(0)),
}

ACTIVATIONS = {
    "relu: mask of the gradient": ("relu", relu, lambda g, u: (g * (g > 0),)),
    "relu: mask of both": ("relu", relu, lambda g, u: (g.clamp_min(0) * (u > 0),)),
    "relu: mask forgotten": ("relu", relu, lambda g, u: (g,)),
    "relu: mask in place of the product": ("relu", relu, lambda g, u: ((u > 0).to(g.dtype),)),
    "relu: output in place of the mask": ("relu", relu, lambda g, u: (g * relu(u),)),
    "relu: mask turned round": ("relu", relu, lambda g, u: (g * (u <= 0),)),
    "relu: dout[x <= 0] = 0 changes the upstream gradient": ("relu", relu, lambda g, u: into(u, lambda x: x <= 0, g)),
    "relu: at 0 twice the gradient": ("relu", relu, lambda g, u: (g * ((u > 0).to(g.dtype) + 2 * (u == 0)),)),
    "relu: at 0 minus the gradient": ("relu", relu, lambda g, u: (g * torch.where(u == 0, -1.0, (u > 0).to(g.dtype)),)),
    "relu: nan at 0, u / |u|": ("relu", relu, lambda g, u: (g * (1 + u / u.abs()) / 2,)),
    "relu: threshold of 1e-3": ("relu", relu, lambda g, u: (g * (u > 1e-3),)),
    "relu: the mask of the first call": ("relu", relu, remembering_mask()),
    "relu: the input kept by reference in a global": ("relu", *saved_by_reference()),
    "relu: memory read behind the strides": ("relu", relu, from_pointer),
    "relu: view of a strided gradient": ("relu", relu, lambda g, u: (g.view(-1).mul(u.reshape(-1) > 0).view(u.shape),)),
    "relu: forward in place": ("relu", lambda u: u.clamp_(min=0), relu_backward),
    "relu: the sign instead of the step": ("relu", relu, lambda g, u: (g * u.sign(),)),
    "leaky relu: slope on the wrong side": (
        "leaky_relu",
        leaky,
        lambda g, u, slope: (g * torch.where(u > 0, slope, 1.0), (g * u.clamp_max(0)).sum()),
    ),
    "leaky relu: slope of the gradient's sign": (
        "leaky_relu",
        leaky,
        lambda g, u, slope: (torch.where(g > 0, g, slope * g), (g * u.clamp_max(0)).sum()),
    ),
    "leaky relu: the slope is 0.01 whatever was given": (
        "leaky_relu",
        leaky,
        lambda g, u, slope: (g * torch.where(u > 0, 1.0, 0.01), (g * u.clamp_max(0)).sum()),
    ),
    "leaky relu: slope times the input": (
        "leaky_relu",
        leaky,
        lambda g, u, slope: (g * torch.where(u > 0, 1.0, slope * u), (g * u.clamp_max(0)).sum()),
    ),
    "prelu: gradient of the slope not summed over the batch": (
        "prelu",
        prelu,
        lambda g, u, a: (g * torch.where(u > 0, 1.0, a), g * u.clamp_max(0)),
    ),
    "prelu: gradient of the slope over all channels": (
        "prelu",
        prelu,
        lambda g, u, a: (g * torch.where(u > 0, 1.0, a), (g * u.clamp_max(0)).sum().expand(len(a))),
    ),
    "prelu: gradient of the slope without the mask": (
        "prelu",
        prelu,
        lambda g, u, a: (g * torch.where(u > 0, 1.0, a), (g * u).sum(0)),
    ),
    "sigmoid: derivative of the input as if it were the output": ("sigmoid", sigmoid, lambda g, u: (g * u * (1 - u),)),
    "sigmoid: 1 - h, which has no digit left for large u": (
        "sigmoid",
        sigmoid,
        lambda g, u: (g * (s := sigmoid(u)) * (1 - s),),
    ),
    "sigmoid: sigmoid applied twice": (
        "sigmoid",
        sigmoid,
        lambda g, u: (g * sigmoid(sigmoid(u)) * (1 - sigmoid(sigmoid(u))),),
    ),
    "sigmoid: upstream forgotten": ("sigmoid", sigmoid, lambda g, u: (sigmoid(u) * (1 - sigmoid(u)),)),
    "sigmoid: 1 - s without s": ("sigmoid", sigmoid, lambda g, u: (g * (1 - sigmoid(u)),)),
    "sigmoid: plus in place of minus": ("sigmoid", sigmoid, lambda g, u: (g * sigmoid(u) * (1 + sigmoid(u)),)),
    "sigmoid: overflow for large negative inputs": (
        "sigmoid",
        sigmoid,
        lambda g, u: (g * u.neg().exp() / (1 + u.neg().exp()) ** 2,),
    ),
    "sigmoid: what was saved is changed": ("sigmoid", *saved_output_changed()),
    "sigmoid: clipped to 1e-4": (
        "sigmoid",
        sigmoid,
        lambda g, u: (g * (sigmoid(u) * (1 - sigmoid(u))).clamp_min(1e-4),),
    ),
    "tanh: 1 - x² of the input": ("tanh", torch.tanh, lambda g, u: (g * (1 - u**2),)),
    "tanh: 1 - tanh without the square": ("tanh", torch.tanh, lambda g, u: (g * (1 - u.tanh()),)),
    "tanh: sech in place of sech²": ("tanh", torch.tanh, lambda g, u: (g / u.cosh(),)),
    "tanh: square of the difference": ("tanh", torch.tanh, lambda g, u: (g * (1 - u.tanh()) ** 2,)),
    "tanh: through exponentials, overflows": (
        "tanh",
        torch.tanh,
        lambda g, u: (g * (1 - ((u.exp() - (-u).exp()) / (u.exp() + (-u).exp())) ** 2),),
    ),
    "elu: alpha forgotten": (
        "elu",
        elu,
        lambda g, u, a: (g * torch.where(u > 0, 1.0, u.exp()), (g * u.clamp_max(0).expm1()).sum()),
    ),
    "elu: output without + alpha": (
        "elu",
        elu,
        lambda g, u, a: (
            g * torch.where(u > 0, 1.0, a * u.clamp_max(0).expm1()),
            (g * u.clamp_max(0).expm1()).sum(),
        ),
    ),
    "elu: nan where exp overflows on the side that is not taken": (
        "elu",
        elu,
        lambda g, u, a: (g * ((u > 0) + (u <= 0) * a * u.exp()), (g * u.clamp_max(0).expm1()).sum()),
    ),
    "gelu: gradient of the tanh approximation": (
        "gelu",
        gelu,
        lambda g, u: torch.ops.aten.gelu_backward(g, u, approximate="tanh"),
    ),
    "gelu tanh: gradient of the exact one": (
        "gelu_tanh",
        gelu_tanh,
        lambda g, u: torch.ops.aten.gelu_backward(g, u, approximate="none"),
    ),
    "gelu: only the first term of the product rule": (
        "gelu",
        gelu,
        lambda g, u: (g * (1 + torch.erf(u / 2**0.5)) / 2,),
    ),
    "gelu: density without the 1/sqrt(2 pi)": (
        "gelu",
        gelu,
        lambda g, u: (g * ((1 + torch.erf(u / 2**0.5)) / 2 + u * (-(u**2) / 2).exp()),),
    ),
    "silu: only sigmoid": ("silu", functional.silu, lambda g, u: (g * sigmoid(u),)),
    "silu: the product rule's u is missing": (
        "silu",
        functional.silu,
        lambda g, u: (g * (sigmoid(u) + sigmoid(u) * (1 - sigmoid(u))),),
    ),
    "softplus: derivative of the output": (
        "softplus",
        functional.softplus,
        lambda g, u: (g * sigmoid(functional.softplus(u)),),
    ),
    "hardswish: linear part of width 3 not closed": (
        "hardswish",
        functional.hardswish,
        lambda g, u: (g * torch.where(u > 0, 1.0, torch.where(u <= -3, 0.0, (2 * u + 3) / 6)),),
    ),
    "swiglu: gate and value exchanged": (
        "swiglu",
        swiglu,
        lambda g, x, W, V: (
            (g * functional.silu(x @ W.mT)) @ V + (g * (x @ V.mT) * sigmoid(x @ W.mT)) @ W,
            (g * (x @ V.mT) * sigmoid(x @ W.mT)).mT @ x,
            (g * functional.silu(x @ W.mT)).mT @ x,
        ),
    ),
}

SOFTMAX = {
    "softmax: jacobian dropped": ("softmax", softmax, lambda g, v: (g * softmax(v) * (1 - softmax(v)),)),
    "softmax: gradient passed through": ("softmax", softmax, lambda g, v: (g,)),
    "softmax: times o only": ("softmax", softmax, lambda g, v: (g * softmax(v),)),
    "softmax: sum over the batch": (
        "softmax",
        softmax,
        lambda g, v: (softmax(v) * (g - (g * softmax(v)).sum(0, keepdim=True)),),
    ),
    "softmax: mean in place of the sum": (
        "softmax",
        softmax,
        lambda g, v: (softmax(v) * (g - (g * softmax(v)).mean(-1, keepdim=True)),),
    ),
    "softmax: sum of the gradient without o": (
        "softmax",
        softmax,
        lambda g, v: (softmax(v) * (g - g.sum(-1, keepdim=True)),),
    ),
    "softmax: forward over the wrong axis": (
        "softmax",
        lambda v: v.softmax(0),
        lambda g, v: (row_softmax_jacobian(g, softmax(v)),),
    ),
    "softmax: forward overflows": ("softmax", naive_softmax, lambda g, v: (row_softmax_jacobian(g, softmax(v)),)),
    "softmax: backward overflows": ("softmax", softmax, lambda g, v: (row_softmax_jacobian(g, naive_softmax(v)),)),
    "softmax: the maximum of the whole batch is subtracted": (
        "softmax",
        lambda v: (e := (v - (v.max() if v.numel() else 0)).exp()) / e.sum(-1, keepdim=True),
        lambda g, v: (row_softmax_jacobian(g, softmax(v)),),
    ),
    "log softmax: gradient times o missing": (
        "log_softmax",
        lambda v: v.log_softmax(-1),
        lambda g, v: (g - g.sum(-1, keepdim=True),),
    ),
    "log softmax: upstream sum missing": ("log_softmax", lambda v: v.log_softmax(-1), lambda g, v: (g - softmax(v),)),
    "log softmax: forward as log of softmax": (
        "log_softmax",
        lambda v: softmax(v).log(),
        lambda g, v: (g - softmax(v) * g.sum(-1, keepdim=True),),
    ),
    "logsumexp: gradient of one": (
        "logsumexp",
        lambda v: v.logsumexp(-1),
        lambda g, v: (g[:, None].expand(v.shape).clone(),),
    ),
    "cross entropy: logits for probabilities": (
        "softmax_cross_entropy",
        sce,
        by_loss(lambda g, v, o, y: g * (v * y.sum(-1, keepdim=True) - y)),
    ),
    "cross entropy: sign": (
        "softmax_cross_entropy",
        sce,
        by_loss(lambda g, v, o, y: g * (y - o * y.sum(-1, keepdim=True))),
    ),
    "cross entropy: divided by the batch, too": (
        "softmax_cross_entropy",
        sce,
        by_loss(lambda g, v, o, y: g * (o * y.sum(-1, keepdim=True) - y) / max(len(v), 1)),
    ),
    "cross entropy: divided by the classes": (
        "softmax_cross_entropy",
        sce,
        by_loss(lambda g, v, o, y: g * (o * y.sum(-1, keepdim=True) - y) / v.shape[-1]),
    ),
    "cross entropy: -y/o without softmax's jacobian": (
        "softmax_cross_entropy",
        sce,
        by_loss(lambda g, v, o, y: -g * y / o),
    ),
    "cross entropy: upstream of the loss ignored": (
        "softmax_cross_entropy",
        sce,
        by_loss(lambda g, v, o, y: o * y.sum(-1, keepdim=True) - y),
    ),
    "cross entropy: o minus y although y does not sum to 1": (
        "softmax_cross_entropy",
        sce,
        by_loss(lambda g, v, o, y: g * (o - y)),
    ),
    "cross entropy: only where y is positive": (
        "softmax_cross_entropy",
        sce,
        by_loss(lambda g, v, o, y: g * (o * y.sum(-1, keepdim=True) - y) * (y > 0)),
    ),
    "cross entropy: the gradient of o ignored": (
        "softmax_cross_entropy",
        sce,
        lambda g, v, y: sce_backward((torch.zeros_like(g[0]), g[1]), v, y),
    ),
    "cross entropy: grad of y with the wrong sign": (
        "softmax_cross_entropy",
        sce,
        replaced(sce_backward, 1, lambda found, g, v, y: -found),
    ),
    "cross entropy: loss of log2": (
        "softmax_cross_entropy",
        lambda v, y: (v.softmax(-1), -(y * v.log_softmax(-1)).sum(-1) / 0.6931471805599453),
        sce_backward,
    ),
    "cross entropy: epsilon in the logarithm": (
        "softmax_cross_entropy",
        lambda v, y: (v.softmax(-1), -(y * (v.softmax(-1) + 1e-8).log()).sum(-1)),
        sce_backward,
    ),
    "cross entropy of labels: the mean is missing": (
        SOFTMAX_LABELS,
        softmax_labels,
        lambda g, x, t: (g * (softmax(x) - functional.one_hot(t, x.shape[1])), None),
        LABELS_EXAMPLE,
    ),
    "cross entropy of labels: the mean twice": (
        SOFTMAX_LABELS,
        softmax_labels,
        lambda g, x, t: (g * (softmax(x) - functional.one_hot(t, x.shape[1])) / len(x) ** 2, None),
        LABELS_EXAMPLE,
    ),
    "cross entropy of labels: one is taken off every class": (
        SOFTMAX_LABELS,
        softmax_labels,
        lambda g, x, t: (g * (softmax(x) - 1) / len(x), None),
        LABELS_EXAMPLE,
    ),
    "label smoothing: eps over the other classes": (
        "label_smoothing_cross_entropy",
        smoothing,
        lambda g, v, y, eps: (
            g[:, None]
            * (softmax(v) * ((1 - eps) * y.sum(-1, keepdim=True) + eps) - (1 - eps) * y - eps / (v.shape[-1] + 1)),
            None,
            None,
        ),
    ),
    "label smoothing: smoothing forgotten": (
        "label_smoothing_cross_entropy",
        smoothing,
        lambda g, v, y, eps: (g[:, None] * (softmax(v) * y.sum(-1, keepdim=True) - y), None, None),
    ),
}

LOSSES = {
    "mse: numpy, divided by the rows alone": (
        MSE_MEAN,
        lambda p, y: np.mean((p - y) ** 2),
        lambda g, p, y: ((d := 2 * g * np.subtract(p, y) / len(p)), -d),
    ),
    "mse: factor 2 missing": (MSE_MEAN, mse_mean, lambda g, p, y: (g * (p - y) / p.numel(), g * (y - p) / p.numel())),
    "mse: mean missing": (MSE_MEAN, mse_mean, lambda g, p, y: (2 * g * (p - y), 2 * g * (y - p))),
    "mse: mean over the batch only": (
        MSE_MEAN,
        mse_mean,
        lambda g, p, y: (2 * g * (p - y) / len(p), 2 * g * (y - p) / len(p)),
    ),
    "mse: same sign for both": (
        MSE_MEAN,
        mse_mean,
        lambda g, p, y: (2 * g * (p - y) / p.numel(), 2 * g * (p - y) / p.numel()),
    ),
    "mse: target minus prediction": (
        MSE_MEAN,
        mse_mean,
        lambda g, p, y: (2 * g * (y - p) / p.numel(), 2 * g * (p - y) / p.numel()),
    ),
    "mse: upstream ignored": (
        MSE_MEAN,
        mse_mean,
        lambda g, p, y: (2 * (p - y) / p.numel(), 2 * (y - p) / p.numel()),
    ),
    "mse: absolute value": (
        MSE_MEAN,
        mse_mean,
        lambda g, p, y: (2 * g * (p - y).abs() / p.numel(), -2 * g * (p - y).abs() / p.numel()),
    ),
    "squared norm: factor 2 missing": ("squared_norm", squares, lambda g, W, c: (g * c * W, g * (W * W).sum())),
    "squared norm: lambda missing": ("squared_norm", squares, lambda g, W, c: (2 * g * W, g * (W * W).sum())),
    "squared norm: as if there were a root": (
        "squared_norm",
        squares,
        lambda g, W, c: (g * c * W / W.norm(), g * (W * W).sum()),
    ),
    "squared norm: lambda squared": ("squared_norm", squares, lambda g, W, c: (2 * g * c * c * W, g * (W * W).sum())),
    "squared norm: absolute values": (
        "squared_norm",
        squares,
        lambda g, W, c: (2 * g * c * W.abs(), g * (W * W).sum()),
    ),
    "norm: derivative of its square": (
        "s = sqrt(Sum(x[i]**2, i))",
        norm2,
        lambda g, x: (2 * g * x,),
        lambda seed: (torch.randn(4, generator=torch.Generator().manual_seed(seed)).double(),),
    ),
    "l1: the difference in place of its sign": (
        "l1_loss",
        lambda v, y: (v - y).abs().sum(-1),
        lambda g, v, y: (g[:, None] * (v - y), g[:, None] * (y - v)),
    ),
    "l1: at 0 the sign is 2": (
        "l1_loss",
        lambda v, y: (v - y).abs().sum(-1),
        lambda g, v, y: (
            g[:, None] * torch.where(v == y, 2.0, (v - y).sign()),
            -g[:, None] * torch.where(v == y, 2.0, (v - y).sign()),
        ),
    ),
    "bce: target on the wrong side": (
        "bce_with_logits",
        bce,
        lambda g, v, y: (g[:, None] * (y - sigmoid(v)), -g[:, None] * v),
    ),
    "bce: sigmoid' multiplied once more": (
        "bce_with_logits",
        bce,
        lambda g, v, y: (g[:, None] * (sigmoid(v) - y) * sigmoid(v) * (1 - sigmoid(v)), -g[:, None] * v),
    ),
    "bce: forward overflows": (
        "bce_with_logits",
        lambda v, y: (torch.log(1 + v.exp()) - v * y).sum(-1),
        lambda g, v, y: (g[:, None] * (sigmoid(v) - y), -g[:, None] * v),
    ),
    "bce: the logits in place of the sigmoid": (
        "bce_with_logits",
        bce,
        lambda g, v, y: (g[:, None] * (v - y), -g[:, None] * v),
    ),
    "hinge: the margin's mask is that of the score": (
        "hinge",
        hinge,
        lambda g, v, y: (-g[:, None] * y * (v < 1), -g[:, None] * v * (v < 1)),
    ),
    "hinge: y missing": (
        "hinge",
        hinge,
        lambda g, v, y: (-g[:, None] * (y * v < 1), -g[:, None] * v * (y * v < 1)),
    ),
    "hinge: margin of 0": (
        "hinge",
        hinge,
        lambda g, v, y: (-g[:, None] * y * (y * v < 0), -g[:, None] * v * (y * v < 1)),
    ),
    "huber: linear part times the difference": (
        "huber",
        huber,
        lambda g, v, y, d: (
            g[:, None] * torch.where((v - y).abs() < d, v - y, d * (v - y)),
            None,
            None,
        ),
    ),
    "huber: linear part without d": (
        "huber",
        huber,
        lambda g, v, y, d: (g[:, None] * torch.where((v - y).abs() < d, v - y, (v - y).sign()), None, None),
    ),
    "huber: never clipped": ("huber", huber, lambda g, v, y, d: (g[:, None] * (v - y), None, None)),
    "kl: directions exchanged": (
        "kl_div",
        kl,
        lambda g, logs, p: (g[:, None] * (logs.exp() - p), None),
    ),
    "kl: the log of the target without + 1": (
        "kl_div",
        kl,
        lambda g, logs, p: (
            -g[:, None] * torch.where(p > 0, p, 0),
            g[:, None] * torch.where(p > 0, p.clamp_min(1e-300).log() - logs, 0),
        ),
    ),
    "nll: sign": (
        "nll",
        lambda logs, t: -logs.gather(-1, t[:, None])[:, 0],
        lambda g, logs, t: (functional.one_hot(t, logs.shape[-1]) * g[:, None], None),
    ),
    "nll: the gradient in the wrong class": (
        "nll",
        lambda logs, t: -logs.gather(-1, t[:, None])[:, 0],
        lambda g, logs, t: (-functional.one_hot(t.clamp(max=0), logs.shape[-1]) * g[:, None], None),
    ),
    "log: epsilon only in backward": (
        "L = Sum(log(x[i]), i)",
        lambda x: x.log().sum(),
        lambda g, x: (g / (x + 1e-6),),
    ),
    "cosine similarity: the term of the norm is missing": (
        "cosine_similarity",
        cosine,
        replaced(
            cosine_backward,
            0,
            lambda found, g, a, b: g[:, None] * b / (a.norm(dim=-1) * b.norm(dim=-1))[:, None],
        ),
    ),
    "cosine similarity: a and b exchanged": (
        "cosine_similarity",
        cosine,
        lambda g, a, b: cosine_backward(g, a, b)[::-1],
    ),
    "cosine similarity: one power of the norm missing": (
        "cosine_similarity",
        cosine,
        replaced(
            cosine_backward,
            0,
            lambda found, g, a, b: (
                g[:, None]
                * (b / (a.norm(dim=-1) * b.norm(dim=-1))[:, None] - (cosine(a, b) / a.norm(dim=-1))[:, None] * a)
            ),
        ),
    ),
}

NORMS = {
    "batch norm: mean and variance taken as constants": bn(lambda g, x_hat, sigma, n: g / sigma),
    "batch norm: the variance taken as a constant": bn(lambda g, x_hat, sigma, n: (g - g.mean(0)) / sigma),
    "batch norm: the mean taken as a constant": bn(
        lambda g, x_hat, sigma, n: (g - x_hat * (g * x_hat).mean(0)) / sigma
    ),
    "batch norm: sums in place of means": bn(
        lambda g, x_hat, sigma, n: (g - g.sum(0) - x_hat * (g * x_hat).sum(0)) / sigma
    ),
    "batch norm: unbiased variance": bn(
        lambda g, x_hat, sigma, n: (g - g.mean(0) - x_hat * (g * x_hat).sum(0) / max(n - 1, 1)) / sigma
    ),
    "batch norm: variance in place of its root": bn(
        lambda g, x_hat, sigma, n: (g - g.mean(0) - x_hat * (g * x_hat).mean(0)) / sigma**2
    ),
    "batch norm: over the features": bn(
        lambda g, x_hat, sigma, n: (g - g.mean(1, keepdim=True) - x_hat * (g * x_hat).mean(1, keepdim=True)) / sigma
    ),
}

NORMS = {name: (BATCH_NORM, batch_norm, backward, BATCH_NORM_EXAMPLE) for name, backward in NORMS.items()} | {
    "batch norm: gamma missing": (
        BATCH_NORM,
        batch_norm,
        replaced(
            batch_norm_backward,
            0,
            lambda found, g, x, gamma, eps, beta: batch_norm_backward(g, x, torch.ones_like(gamma), eps, beta)[0],
        ),
        BATCH_NORM_EXAMPLE,
    ),
    "batch norm: gradient of gamma without the normalisation": (
        BATCH_NORM,
        batch_norm,
        replaced(batch_norm_backward, 1, lambda found, g, x, gamma, eps, beta: (g * x).sum(0)),
        BATCH_NORM_EXAMPLE,
    ),
    "batch norm: forward with the unbiased variance": (
        BATCH_NORM,
        lambda x, gamma, eps, beta: gamma * (x - x.mean(0)) / (x.var(0) + eps).sqrt() + beta,
        batch_norm_backward,
        BATCH_NORM_EXAMPLE,
    ),
    "layer norm: over the batch": (
        "layer_norm",
        layer_norm,
        ln(lambda g, x_hat, sigma: (g - g.mean(0) - x_hat * (g * x_hat).mean(0)) / sigma),
    ),
    "layer norm: statistics as constants": ("layer_norm", layer_norm, ln(lambda g, x_hat, sigma: g / sigma)),
    "layer norm: the mean of the products is missing": (
        "layer_norm",
        layer_norm,
        ln(lambda g, x_hat, sigma: (g - g.mean(-1, keepdim=True)) / sigma),
    ),
    "layer norm: gamma's gradient not summed over the batch": (
        "layer_norm",
        layer_norm,
        replaced(
            layer_norm_backward,
            1,
            lambda found, g, x, gamma, beta, eps: g * (x - x.mean(-1, keepdim=True)),
        ),
    ),
    "layer norm: beta's gradient is a mean": (
        "layer_norm",
        layer_norm,
        replaced(layer_norm_backward, 2, lambda found, g, *_: found / max(len(g), 1)),
    ),
    "layer norm: eps outside of the root": (
        "layer_norm",
        lambda x, gamma, beta, eps: (
            gamma * (x - x.mean(-1, keepdim=True)) / (x.var(-1, unbiased=False, keepdim=True).sqrt() + eps) + beta
        ),
        layer_norm_backward,
    ),
    "dropout: not rescaled": (
        "dropout",
        lambda u, m, c: c * m * u,
        lambda g, u, m, c: (g * m, g * c * u, (g * m * u).sum()),
    ),
    "dropout: no mask": (
        "dropout",
        lambda u, m, c: c * m * u,
        lambda g, u, m, c: (g * c, g * c * u, (g * m * u).sum()),
    ),
    "dropout: rescaled twice": (
        "dropout",
        lambda u, m, c: c * m * u,
        lambda g, u, m, c: (g * m * c * c, g * c * u, (g * m * u).sum()),
    ),
    "dropout: the mask of the first call": ("dropout", lambda u, m, c: c * m * u, counting_dropout()),
}

WINDOWS = {
    "conv: kernel flipped in backward": (
        CONV1D,
        conv1d,
        replaced(conv1d_backward, 1, lambda found, g, W, x: conv1d_loops(g, W, x, flip=True)),
        CONV1D_EXAMPLE,
    ),
    "conv: forward is a true convolution": (
        CONV1D,
        lambda W, x: conv1d(W.flip(-1), x),
        conv1d_backward,
        CONV1D_EXAMPLE,
    ),
    "conv: weight gradient of the first sample": (
        CONV1D,
        conv1d,
        replaced(conv1d_backward, 0, lambda found, g, W, x: conv1d_backward(g[:1], W, x[:1])[0]),
        CONV1D_EXAMPLE,
    ),
    "conv: weight gradient averaged over the places": (
        CONV1D,
        conv1d,
        replaced(conv1d_backward, 0, lambda found, g, W, x: found / g.shape[-1]),
        CONV1D_EXAMPLE,
    ),
    "conv: overlapping windows overwrite one another": (
        CONV1D,
        conv1d,
        replaced(conv1d_backward, 1, lambda found, g, W, x: overwritten(g, W, x)),
        CONV1D_EXAMPLE,
    ),
    "conv: padding not cropped from the gradient": (
        PADDED,
        padded,
        lambda g, w, x: (
            torch.stack([(g * functional.pad(x, (1, 1))[k : k + len(g)]).sum() for k in range(3)]),
            sum(functional.pad(w[k] * g, (k, 2 - k)) for k in range(3))[: len(x)],
        ),
        PADDED_EXAMPLE,
    ),
    "conv: the weights' gradient sees no padding": (
        PADDED,
        padded,
        lambda g, w, x: (
            torch.stack([(g[: len(x) - k] * x[k:]).sum() for k in range(3)]),
            sum(functional.pad(w[k] * g, (k, 2 - k)) for k in range(3))[1 : len(x) + 1],
        ),
        PADDED_EXAMPLE,
    ),
    "conv: stride ignored in backward": (
        STRIDED,
        strided,
        lambda g, w, x: (
            torch.stack([(g * x[k : k + len(g)]).sum() for k in range(len(w))]),
            sum(functional.pad(w[k] * g, (k, len(x) - len(g) - k)) for k in range(len(w))),
        ),
        STRIDED_EXAMPLE,
    ),
    "max pool: every tie gets the whole gradient": (MAX_POOL, max_pool, pooled(all_ties)),
    "max pool: the gradient of the mean": (
        MAX_POOL,
        max_pool,
        pooled(lambda g, x: g[:, None].expand(x.shape) / x.shape[-1]),
    ),
    "max pool: the maximum's value in place of the gradient": (
        MAX_POOL,
        max_pool,
        pooled(lambda g, x: functional.one_hot(x.argmax(-1), x.shape[-1]) * x.amax(-1, keepdim=True)),
    ),
    "max pool: the argument of the minimum": (
        MAX_POOL,
        max_pool,
        pooled(lambda g, x: functional.one_hot(x.argmin(-1), x.shape[-1]) * g[:, None]),
    ),
    "max pool: mask of the whole batch's maximum": (
        MAX_POOL,
        max_pool,
        pooled(lambda g, x: g[:, None] * (x == x.max())),
    ),
    "embedding: += on repeated indices": (EMBED, embed, fancy_embedding, EMBED_EXAMPLE),
    "embedding: += on repeated indices in numpy": (EMBED, embed, numpy_embedding, EMBED_EXAMPLE),
    "embedding: repeated indices averaged": (
        EMBED,
        embed,
        lambda g, E, t: (
            torch.zeros_like(E).index_add_(0, t, g) / torch.bincount(t, minlength=len(E)).clamp_min(1)[:, None],
            None,
        ),
        EMBED_EXAMPLE,
    ),
    "embedding room: += on repeated indices": (
        "embedding",
        lambda t, E: E[t],
        lambda g, t, E: (None, fancy_embedding(g, E, t)[0]),
    ),
    "embedding room: row 0 is padding and gets nothing": (
        "embedding",
        lambda t, E: E[t],
        lambda g, t, E: (None, torch.zeros_like(E).index_add_(0, t, g * (t != 0)[:, None])),
    ),
}


def overwritten(g, W, x):
    """Each window writes its own gradient; what an earlier one wrote is lost."""
    dx = torch.zeros_like(x)
    for i in range(g.shape[-1]):
        dx[:, :, i : i + W.shape[-1]] = torch.einsum("no,ock->nck", g[:, :, i], W)
    return dx


SEQUENCES = {
    "rnn: tanh' of the pre-activation": (
        "rnn_cell",
        rnn,
        lambda g, x, s, W, U, b: rnn_by(g * (1 - (x @ W.mT + s @ U.mT + b) ** 2), x, s, W, U),
    ),
    "rnn: tanh' forgotten": ("rnn_cell", rnn, lambda g, x, s, W, U, b: rnn_by(g, x, s, W, U)),
    "rnn: U transposed": (
        "rnn_cell",
        rnn,
        replaced(rnn_backward, 1, lambda found, g, x, s, W, U, b: (g * (1 - rnn(x, s, W, U, b) ** 2)) @ U.mT),
    ),
    "rnn: recurrent weights get the new state": (
        "rnn_cell",
        rnn,
        replaced(
            rnn_backward,
            3,
            lambda found, g, x, s, W, U, b: (g * (1 - rnn(x, s, W, U, b) ** 2)).mT @ rnn(x, s, W, U, b),
        ),
    ),
    "gate: tanh' in place of sigmoid'": (
        GATE,
        gate,
        replaced(gate_backward, 0, lambda found, g, f, c, i, z: g * c * (1 - sigmoid(f) ** 2)),
    ),
    "gate: forget and input gate exchanged": (
        GATE,
        gate,
        lambda g, f, c, i, z: tuple(gate_backward(g, f, c, i, z)[k] for k in (2, 1, 0, 3)),
    ),
    "gate: the cell's gradient without the forget gate": (
        GATE,
        gate,
        replaced(gate_backward, 1, lambda found, g, f, c, i, z: g.clone()),
    ),
    "gate: candidate without tanh'": (
        GATE,
        gate,
        replaced(gate_backward, 3, lambda found, g, f, c, i, z: g * sigmoid(i)),
    ),
    "attention: 1/sqrt(d) missing in backward": (ATTENTION, attention, att(scaled=False), ATTENTION_EXAMPLE),
    "attention: 1/sqrt(d) missing in forward": (
        ATTENTION,
        lambda q, k, v: (q @ k.mT).softmax(-1) @ v,
        attention_backward,
        ATTENTION_EXAMPLE,
    ),
    "attention: softmax's jacobian over the wrong axis": (ATTENTION, attention, att(axis=0), ATTENTION_EXAMPLE),
    "attention: softmax's jacobian dropped": (ATTENTION, attention, att(jacobian=False), ATTENTION_EXAMPLE),
    "attention: keys and queries exchanged": (
        ATTENTION,
        attention,
        replaced(
            attention_backward,
            1,
            lambda found, g, q, k, v: attention_backward(g, q, k, v)[0] if q.shape == k.shape else found * 0,
        ),
        ATTENTION_EXAMPLE,
    ),
    "attention: gradient leaks through the mask": (
        CAUSAL,
        causal,
        leaking,
        lambda seed: tuple(
            torch.randn(3, 3, generator=torch.Generator().manual_seed(seed + k)).double() for k in range(3)
        ),
    ),
}


def rnn_by(du, x, s, W, U):
    return du @ W, du @ U, du.mT @ x, du.mT @ s, du.sum(0)


OPERATIONS = {
    "add: the second gets nothing": ("add", lambda a, b: a + b, lambda g, a, b: (g, torch.zeros_like(b))),
    "sub: sign of the second": ("y[i] = a[i] - b[i]", lambda a, b: a - b, lambda g, a, b: (g, g)),
    "mul: own value in place of the other's": ("hadamard", lambda a, b: a * b, lambda g, a, b: (g * a, g * b)),
    "div: denominator not squared": (
        "y[i] = a[i]/b[i]",
        lambda a, b: a / b,
        lambda g, a, b: (g / b, -g * a / b),
    ),
    "div: sign of the denominator's": (
        "y[i] = a[i]/b[i]",
        lambda a, b: a / b,
        lambda g, a, b: (g / b, g * a / b**2),
    ),
    "pow: exponent not lowered": ("y[i] = x[i]**3", lambda x: x**3, lambda g, x: (3 * g * x**3,)),
    "pow: exponent not multiplied": ("y[i] = x[i]**3", lambda x: x**3, lambda g, x: (g * x**2,)),
    "exp: input in place of output": ("y[i] = exp(x[i])", torch.exp, lambda g, x: (g * x,)),
    "scale: gradient of the constant is not summed": (
        "y[i] = c*x[i]",
        lambda c, x: c * x,
        lambda g, c, x: (g * x, g * c),
    ),
    "broadcast: bias of a row not summed": (
        "y[n,i] = x[n,i] + b[i]",
        lambda x, b: x + b,
        lambda g, x, b: (g, g.mean(0)),
    ),
    "mean: not divided": (
        "m = Sum(x[i], i)/n_i",
        lambda x: x.mean(),
        lambda g, x: (g * torch.ones_like(x),),
    ),
    "mean: divided by the wrong axis": (
        "m[i] = Sum(x[i,j], j)/n_j",
        lambda x: x.mean(1),
        lambda g, x: (g[:, None].expand(x.shape) / x.shape[0],),
    ),
    "variance: the mean's part doubled": (
        "m = Sum(x[i], i)/n_i; v = Sum((x[i] - m)**2, i)/n_i",
        lambda x: x.var(unbiased=False),
        lambda g, x: (2 * g * x / len(x),),
    ),
    "matmul: transposes exchanged, right for symmetric": (
        "C[i,k] = Sum(A[i,j]*B[j,k], j)",
        lambda A, B: A @ B,
        lambda g, A, B: (g @ B if B.shape[0] == B.shape[1] else g @ B.mT, A.mT @ g),
    ),
    "quadratic form: A counted once": (
        "s = Sum(x[i]*A[i,j]*x[j], i, j)",
        lambda x, A: x @ A @ x,
        lambda g, x, A: (2 * g * A @ x, g * torch.outer(x, x)),
    ),
    "abs: derivative 1 everywhere": ("y[i] = abs(x[i])", torch.abs, lambda g, x: (g,)),
    "maximum: both get the gradient at a tie": (
        "y[i] = max(a[i], b[i])",
        torch.maximum,
        lambda g, a, b: (g * (a >= b), g * (b >= a)),
    ),
    "maximum: nobody gets the gradient at a tie": (
        "y[i] = max(a[i], b[i])",
        torch.maximum,
        lambda g, a, b: (g * (a > b), g * (b > a)),
    ),
    "clip: gradient passes outside": (
        "y[i] = min(max(x[i], -1), 1)",
        lambda x: x.clamp(-1, 1),
        lambda g, x: (g,),
    ),
    "sqrt: factor one half missing": (
        "y[i] = sqrt(x[i])",
        torch.sqrt,
        lambda g, x: (g / x.sqrt(),),
        lambda seed: (torch.rand(4, generator=torch.Generator().manual_seed(seed)).double() + 0.1,),
    ),
    "sin: sign of the cosine": ("y[i] = sin(x[i])", torch.sin, lambda g, x: (-g * x.cos(),)),
    "result of the wrong dtype": (
        "y[i] = sin(x[i])",
        torch.sin,
        lambda g, x: ((g * x.cos()).float(),),
    ),
    "a complex step that is too large": (
        "y[i] = sin(x[i])",
        torch.sin,
        lambda g, x: (g * (torch.sin(x + 1e-4) - torch.sin(x - 1e-4)) / 2e-4,),
    ),
    "differences in place of a derivative": (
        "y[i] = x[i]**3",
        lambda x: x**3,
        lambda g, x: (g * ((x + 1e-5) ** 3 - (x - 1e-5) ** 3) / 2e-5,),
    ),
}

WRONG = (
    {name: ("linear", linear, backward) for name, backward in LINEAR.items()}
    | ACTIVATIONS
    | SOFTMAX
    | LOSSES
    | NORMS
    | WINDOWS
    | SEQUENCES
    | OPERATIONS
)
