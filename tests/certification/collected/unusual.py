"""Right gradients written as nobody expects: other association, loops, numpy, other subgradients, stable rewritings."""

import math

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
    hinge,
    huber,
    kl,
    layer_norm,
    leaky,
    linear,
    linear_backward,
    max_pool,
    mse_mean,
    mse_mean_backward,
    padded,
    prelu,
    relu,
    rnn,
    rnn_backward,
    sce,
    sce_backward,
    sigmoid,
    softmax,
    softmax_labels,
    softmax_labels_backward,
    squares,
    strided,
    strided_backward,
    swiglu,
)


def by_autograd(forward):
    """Let torch do it: the backward that a user of autograd has."""

    def backward(grad_out, *tensors):
        with torch.enable_grad():
            watched = [t.clone().requires_grad_(t.is_floating_point()) for t in tensors]
            outputs = forward(*watched)
        real = [t for t in watched if t.requires_grad]
        found = iter(torch.autograd.grad(outputs, real, grad_out, allow_unused=True))
        return tuple(
            None if not t.requires_grad else (torch.zeros_like(t) if (g := next(found)) is None else g) for t in watched
        )

    return backward


class Square(torch.autograd.Function):
    @staticmethod
    def forward(ctx, x):
        ctx.save_for_backward(x)
        return x * x

    @staticmethod
    def backward(ctx, g):
        (x,) = ctx.saved_tensors
        return g * (x + x)


def python_floats(g, u):
    """One Python number after another."""
    flat = [gi if ui > 0 else 0.0 for gi, ui in zip(g.flatten().tolist(), u.flatten().tolist(), strict=True)]
    return (torch.tensor(flat, dtype=u.dtype).reshape(u.shape),)


def in_double(backward):
    """Everything in float64, and the result in the dtype of the inputs."""

    def wide(g, *tensors):
        grads = tuple(t.double() for t in g) if isinstance(g, tuple) else g.double()
        found = backward(grads, *(t.double() if t.is_floating_point() else t for t in tensors))
        return tuple(None if f is None else f.to(t.dtype) for f, t in zip(found, tensors, strict=True))

    return wide


def outer_products(g, x, W, b):
    grad_W = torch.zeros_like(W)
    for gn, xn in zip(g.unbind(), x.unbind(), strict=True):
        grad_W.addr_(gn, xn)
    return (W.mT @ g.mT).mT, grad_W, torch.ones(1, len(g), dtype=g.dtype).mm(g)[0]


def augmented(g, x, W, b):
    """Weights and bias in one matrix, the input with a 1."""
    ones = torch.ones(len(x), 1, dtype=x.dtype)
    both = g.mT @ torch.cat([x, ones], 1)
    return g @ W, both[:, :-1].contiguous(), both[:, -1].clone()


def pairwise_sums(g, x, W, b):
    """The bias' gradient by halves."""

    def halves(rows):
        if len(rows) <= 1:
            return rows.sum(0)
        return halves(rows[: len(rows) // 2]) + halves(rows[len(rows) // 2 :])

    return g @ W, g.mT @ x, halves(g)


def numpy_softmax(g, v):
    a, u = v.numpy(), g.numpy()
    e = np.exp(a - a.max(axis=-1, keepdims=True))
    o = e / e.sum(axis=-1, keepdims=True)
    return torch.from_numpy(o * (u - np.sum(u * o, axis=-1, keepdims=True))).to(v.dtype)


def dense_jacobian(g, v):
    o = v.softmax(-1)
    return (torch.einsum("nij,nj->ni", torch.diag_embed(o) - o[:, :, None] * o[:, None, :], g),)


def two_pass_batch_norm(g, x, gamma, eps, beta):
    """As the paper writes it: through the variance, the mean, then x."""
    n = len(x)
    mean = x.mean(0)
    var = ((x - mean) ** 2).mean(0)
    x_hat = (x - mean) / torch.sqrt(var + eps)
    dx_hat = g * gamma
    dvar = (dx_hat * (x - mean) * -0.5 * (var + eps) ** -1.5).sum(0)
    dmean = (-dx_hat / torch.sqrt(var + eps)).sum(0) + dvar * (-2 * (x - mean)).mean(0)
    dx = dx_hat / torch.sqrt(var + eps) + dvar * 2 * (x - mean) / n + dmean / n
    return dx, (g * x_hat).sum(0), dvar.sum(), g.sum(0)


def layer_norm_backward_by_dots(g, x, gamma, beta, eps):
    n = x.shape[-1]
    c = x - x.mean(-1, keepdim=True)
    r = torch.rsqrt((c * c).sum(-1, keepdim=True) / n + eps)
    h = g * gamma
    grad_x = r * h - r * h.sum(-1, keepdim=True) / n - c * r**3 * (h * c).sum(-1, keepdim=True) / n
    return grad_x, torch.einsum("ni,ni->i", g, c * r), torch.einsum("ni->i", g), (-0.5 * h * c * r**3).sum()


def add_at(g, E, t):
    dE = np.zeros(E.shape, dtype=E.numpy().dtype)
    np.add.at(dE, t.numpy(), g.numpy())
    return torch.from_numpy(dE), None


def one_hot_product(g, E, t):
    return functional.one_hot(t, len(E)).to(g.dtype).mT @ g, None


def scattered(g, W, x):
    """Window by window."""
    dx, dW = torch.zeros_like(x), torch.zeros_like(W)
    for i in range(g.shape[-1]):
        window = x[:, :, i : i + W.shape[-1]]
        dW += torch.einsum("no,nck->ock", g[:, :, i], window)
        dx[:, :, i : i + W.shape[-1]] += torch.einsum("no,ock->nck", g[:, :, i], W)
    return dW, dx


def padded_by_matrix(g, w, x):
    """The convolution as a matrix."""
    n = len(x)
    P = functional.pad(x, (1, 1)).unfold(0, 3, 1)
    T = sum(w[k] * torch.diag(torch.ones(n - abs(k - 1), dtype=x.dtype), k - 1) for k in range(3))
    return P.mT @ g, T.mT @ g


def causal_free_attention(g, q, k, v):
    """Row by row, with each row's own jacobian."""
    scale = 1 / math.sqrt(q.shape[-1])
    dq, dk, dv = torch.zeros_like(q), torch.zeros_like(k), torch.zeros_like(v)
    for i in range(len(q)):
        a = (k @ q[i] * scale).softmax(0)
        dv += torch.outer(a, g[i])
        ds = (torch.diag(a) - torch.outer(a, a)) @ (v @ g[i]) * scale
        dq[i] = ds @ k
        dk += torch.outer(ds, q[i])
    return dq, dk, dv


def first_maximum(g, x):
    return (torch.zeros_like(x).scatter_(-1, x.argmax(-1, keepdim=True), g[..., None]),)


def last_maximum(g, x):
    last = x.shape[-1] - 1 - x.flip(-1).argmax(-1, keepdim=True)
    return (torch.zeros_like(x).scatter_(-1, last, g[..., None]),)


def shared_ties(g, x):
    ties = (x == x.amax(-1, keepdim=True)).to(x.dtype)
    return (g[..., None] * ties / ties.sum(-1, keepdim=True),)


def own_buffers(g, x, W, b):
    grad_x, grad_W, grad_b = torch.empty_like(x), torch.empty_like(W), torch.empty_like(b)
    torch.mm(g, W, out=grad_x)
    torch.mm(g.mT, x, out=grad_W)
    torch.sum(g, 0, out=grad_b)
    return grad_x, grad_W, grad_b


def saved_mask(u):
    mask = u > 0
    return u * mask, mask


UNUSUAL = {
    "linear: outer products added up": ("linear", linear, outer_products),
    "linear: weights and bias in one matrix": ("linear", linear, augmented),
    "linear: sums by halves": ("linear", linear, pairwise_sums),
    "linear: out= into own buffers": ("linear", linear, own_buffers),
    "linear: in float64 inside": ("linear", linear, in_double(linear_backward)),
    "linear: a contiguous transpose": (
        "linear",
        linear,
        lambda g, x, W, b: ((W.mT @ g.mT).mT.contiguous(), (x.mT @ g).mT.contiguous(), g.sum(0)),
    ),
    "linear: a transposed view": ("linear", linear, lambda g, x, W, b: ((W.mT @ g.mT).mT, (x.mT @ g).mT, g.sum(0))),
    "linear: addmm": ("linear", lambda x, W, b: torch.addmm(b, x, W.t()), linear_backward),
    "linear: tensordot": (
        "linear",
        lambda x, W, b: torch.tensordot(x, W, ([1], [1])) + b,
        lambda g, x, W, b: (torch.tensordot(g, W, 1), torch.tensordot(g, x, ([0], [0])), g.mT.sum(1)),
    ),
    "linear: bmm": (
        "linear",
        linear,
        lambda g, x, W, b: (g @ W, torch.bmm(g[:, :, None], x[:, None, :]).sum(0), torch.einsum("ni->i", g)),
    ),
    "linear: a list with an expanded zero added": (
        "linear",
        linear,
        lambda g, x, W, b: [g @ W + 0, g.mT @ x + torch.zeros(1, dtype=g.dtype).expand(W.shape), g.sum(0)],
    ),
    "linear: only two of three are differentiated": ("linear", linear, lambda g, x, W, b: (None, g.mT @ x, g.sum(0))),
    "relu: 1 at 0": ("relu", relu, lambda g, u: (g * (u >= 0),)),
    "relu: one half at 0": ("relu", relu, lambda g, u: (g * torch.heaviside(u, torch.tensor(0.5, dtype=u.dtype)),)),
    "relu: Python numbers": ("relu", relu, python_floats),
    "relu: threshold_backward": ("relu", relu, lambda g, u: torch.ops.aten.threshold_backward(g, u, 0)),
    "relu: where": ("relu", functional.relu, lambda g, u: torch.where(u > 0, g, torch.zeros_like(g))),
    "relu: masked_fill of a copy": ("relu", relu, lambda g, u: (g.masked_fill(u <= 0, 0),)),
    "relu: a clone is changed in place": ("relu", relu, lambda g, u: (g.clone().mul_(u > 0),)),
    "relu: the mask is saved": ("relu", saved_mask, lambda saved, g: (g * saved,)),
    "relu: (sign + 1)/2": ("relu", relu, lambda g, u: (g * (u.sign() + 1) / 2,)),
    "relu: by autograd": ("relu", relu, by_autograd(torch.relu)),
    "leaky relu: maximum": (
        "leaky_relu",
        lambda u, slope: u.clamp_min(0) + slope * u.clamp_max(0),
        lambda g, u, slope: (g * ((u > 0) + slope * (u <= 0)), (g * u)[u < 0].sum()),
    ),
    "leaky relu: 1 at 0": (
        "leaky_relu",
        leaky,
        lambda g, u, slope: (g * torch.where(u >= 0, 1.0, slope), (g * u.clamp_max(0)).sum()),
    ),
    "prelu: with a mask": (
        "prelu",
        prelu,
        lambda g, u, a: (torch.where(u > 0, g, a * g), torch.einsum("ni,ni->i", g, u * (u < 0))),
    ),
    "elu: from the output": (
        "elu",
        elu,
        lambda g, u, a: (g * torch.where(u > 0, 1.0, a * u.clamp_max(0).exp()), (g * u.clamp_max(0).expm1()).sum()),
    ),
    "gelu: erfc": (
        "gelu",
        gelu,
        lambda g, u: (
            g * (torch.special.erfc(-u / math.sqrt(2)) / 2 + u * torch.exp(-u * u / 2) / math.sqrt(2 * math.pi)),
        ),
    ),
    "sigmoid: from the smaller of h and 1 - h": (
        "sigmoid",
        sigmoid,
        lambda g, u: (g * (s := sigmoid(-u.abs())) * (1 - s),),
    ),
    "sigmoid: product of two": ("sigmoid", sigmoid, lambda g, u: (g * sigmoid(u) * sigmoid(-u),)),
    "sigmoid: through tanh": (
        "sigmoid",
        lambda u: (1 + (u / 2).tanh()) / 2,
        lambda g, u: (g / 4 / (u / 2).cosh() ** 2,),
    ),
    "tanh: two factors": ("tanh", torch.tanh, lambda g, u: (g * (1 - u.tanh()) * (1 + u.tanh()),)),
    "tanh: from the saved output": ("tanh", lambda u: ((h := u.tanh()), h), lambda saved, g: (g - g * saved * saved,)),
    "silu: from two sigmoids": (
        "silu",
        functional.silu,
        lambda g, u: (g * (sigmoid(u) + u * sigmoid(u) * sigmoid(-u)),),
    ),
    "softplus: 1 - sigmoid(-u)": (
        "softplus",
        lambda u: torch.logaddexp(u, torch.zeros_like(u)),
        lambda g, u: (g * sigmoid(u),),
    ),
    "softmax: rows that are stacked, which raises for none": (
        "softmax",
        lambda v: torch.stack([row.softmax(0) for row in v]),
        dense_jacobian,
    ),
    "softmax: dense jacobian": ("softmax", softmax, dense_jacobian),
    "softmax: numpy": ("softmax", softmax, numpy_softmax),
    "softmax: exp of log softmax": (
        "softmax",
        lambda v: v.log_softmax(-1).exp(),
        lambda g, v: (torch.ops.aten._softmax_backward_data(g, softmax(v), -1, v.dtype),),
    ),
    "log softmax: minus logsumexp": (
        "log_softmax",
        lambda v: v - v.logsumexp(-1, keepdim=True),
        lambda g, v: (g - softmax(v) * g.sum(-1, keepdim=True),),
    ),
    "logsumexp: one vector at a time": (
        "logsumexp",
        lambda v: torch.stack([row.logsumexp(0) for row in v]) if len(v) else v.sum(-1),
        lambda g, v: g[:, None] * softmax(v),
    ),
    "cross entropy: the target is not differentiated": (
        "softmax_cross_entropy",
        sce,
        lambda g, v, y: (sce_backward(g, v, y)[0], None),
    ),
    "cross entropy: in float64 inside": ("softmax_cross_entropy", sce, in_double(sce_backward)),
    "cross entropy: by autograd": ("softmax_cross_entropy", sce, by_autograd(sce)),
    "cross entropy of labels: minus one at the label": (
        SOFTMAX_LABELS,
        softmax_labels,
        lambda g, x, t: (
            x.softmax(-1).index_put_((torch.arange(len(t)), t), torch.tensor(-1, dtype=x.dtype), True) * (g / len(t)),
            None,
        ),
        LABELS_EXAMPLE,
    ),
    "cross entropy of labels: autograd": (
        SOFTMAX_LABELS,
        softmax_labels,
        by_autograd(softmax_labels),
        LABELS_EXAMPLE,
    ),
    "cross entropy of labels: plainly": (SOFTMAX_LABELS, softmax_labels, softmax_labels_backward, LABELS_EXAMPLE),
    "mse: one minus the other": (MSE_MEAN, mse_mean, lambda g, p, y: ((d := 2 * g * (p - y) / p.numel()), -d)),
    "mse: numpy": (
        MSE_MEAN,
        lambda p, y: np.mean((p - y) ** 2),
        lambda g, p, y: ((d := 2 * g * np.subtract(p, y) / p.size), -d),
    ),
    "mse: forward of torch, backward of numpy": (
        MSE_MEAN,
        functional.mse_loss,
        lambda g, p, y: ((d := 2 * g * np.subtract(p, y) / p.size), -d.copy()),
    ),
    "mse: plainly": (MSE_MEAN, mse_mean, mse_mean_backward),
    "squared norm: W twice": ("squared_norm", squares, lambda g, W, c: (g * (c * W + W * c), g * W.norm() ** 2)),
    "squared norm: trace": (
        "squared_norm",
        lambda W, c: c * torch.trace(W.mT @ W),
        lambda g, W, c: (W * (2 * g * c), g * torch.einsum("ij,ij->", W, W)),
    ),
    "l1: another subgradient at 0": (
        "l1_loss",
        lambda v, y: (v - y).abs().sum(-1),
        lambda g, v, y: (
            g[:, None] * torch.where(v >= y, 1.0, -1.0).to(v.dtype),
            -g[:, None] * torch.where(v >= y, 1.0, -1.0).to(v.dtype),
        ),
    ),
    "bce: weights for both classes": (
        "bce_with_logits",
        lambda v, y: -(y * functional.logsigmoid(v) + (1 - y) * functional.logsigmoid(-v)).sum(-1),
        lambda g, v, y: (g[:, None] * ((1 - y) * sigmoid(v) - y * sigmoid(-v)), -g[:, None] * v),
    ),
    "bce: plainly": ("bce_with_logits", bce, lambda g, v, y: (g[:, None] * (sigmoid(v) - y), -g[:, None] * v)),
    "hinge: at the margin as inside": (
        "hinge",
        hinge,
        lambda g, v, y: (-g[:, None] * y * (y * v <= 1), -g[:, None] * v * (y * v <= 1)),
    ),
    "huber: clamp": (
        "huber",
        huber,
        lambda g, v, y, d: ((e := g[:, None] * torch.minimum(torch.maximum(v - y, -d), d)), -e, None),
    ),
    "kl: plainly": (
        "kl_div",
        kl,
        lambda g, logs, p: (-g[:, None] * p * (p > 0), None),
    ),
    "cosine similarity: plainly": ("cosine_similarity", cosine, cosine_backward),
    "batch norm: as the paper writes it": (BATCH_NORM, batch_norm, two_pass_batch_norm, BATCH_NORM_EXAMPLE),
    "batch norm: by autograd": (BATCH_NORM, batch_norm, by_autograd(batch_norm), BATCH_NORM_EXAMPLE),
    "layer norm: by dot products": ("layer_norm", layer_norm, layer_norm_backward_by_dots),
    "dropout: the mask scaled first": (
        "dropout",
        lambda u, m, c: u * (m * c),
        lambda g, u, m, c: (g * (m * c), g * (u * c), torch.einsum("ni,ni->", g, m * u)),
    ),
    "embedding: numpy.add.at": (EMBED, embed, add_at, EMBED_EXAMPLE),
    "embedding: one-hot product": (EMBED, embed, one_hot_product, EMBED_EXAMPLE),
    "embedding room: index_put with accumulation": (
        "embedding",
        functional.embedding,
        lambda g, t, E: (None, torch.zeros_like(E).index_put((t,), g, accumulate=True)),
    ),
    "conv: window by window": (CONV1D, conv1d, scattered, CONV1D_EXAMPLE),
    "conv: einsum and transposed convolution": (CONV1D, conv1d, conv1d_backward, CONV1D_EXAMPLE),
    "conv: padding as a matrix": (PADDED, padded, padded_by_matrix, PADDED_EXAMPLE),
    "conv: stride by loops": (STRIDED, strided, strided_backward, STRIDED_EXAMPLE),
    "max pool: ties share": (MAX_POOL, max_pool, shared_ties),
    "max pool: the first of the ties": (MAX_POOL, max_pool, first_maximum),
    "max pool: the last of the ties": (MAX_POOL, max_pool, last_maximum),
    "rnn: plainly": ("rnn_cell", rnn, rnn_backward),
    "rnn: in float64 inside": ("rnn_cell", rnn, in_double(rnn_backward)),
    "gate: plainly": (GATE, gate, gate_backward),
    "attention: plainly": (ATTENTION, attention, attention_backward, ATTENTION_EXAMPLE),
    "attention: row by row": (ATTENTION, attention, causal_free_attention, ATTENTION_EXAMPLE),
    "attention: torch's own forward": (
        ATTENTION,
        lambda q, k, v: functional.scaled_dot_product_attention(q[None], k[None], v[None])[0],
        by_autograd(attention),
        ATTENTION_EXAMPLE,
    ),
    "swiglu: by autograd": ("swiglu", swiglu, by_autograd(swiglu)),
    "maximum: ties to the first": (
        "y[i] = max(a[i], b[i])",
        torch.maximum,
        lambda g, a, b: (g * (a >= b), g * (a < b)),
    ),
    "abs: +1 at 0": ("y[i] = abs(x[i])", torch.abs, lambda g, x: (torch.where(x >= 0, g, -g),)),
    "square: a user's autograd.Function": ("y[i] = x[i]**2", Square.apply, by_autograd(Square.apply)),
    "division: with a reciprocal": (
        "y[i] = a[i]/b[i]",
        lambda a, b: a / b,
        lambda g, a, b: ((r := g / b), -r * (a / b)),
    ),
    "matmul: einsum": (
        "C[i,k] = Sum(A[i,j]*B[j,k], j)",
        torch.matmul,
        lambda g, A, B: (torch.einsum("ik,jk->ij", g, B), torch.einsum("ij,ik->jk", A, g)),
    ),
}
