"""Right forwards and backwards, and specifications of layers that are no rooms: what the collections start from."""

import torch
from torch.nn import functional

sigmoid = torch.sigmoid


def normal(*shape):
    """normal(2, 3)(seed) is a tensor of this shape."""
    return lambda seed: torch.randn(*shape, generator=torch.Generator().manual_seed(seed)).double()


def examples(*makers):
    """A function seed -> tensors."""
    return lambda seed: tuple(make(seed + position) for position, make in enumerate(makers))


def linear(x, W, b):
    return x @ W.mT + b


def linear_backward(g, x, W, b):
    return g @ W, g.mT @ x, g.sum(0)


def relu(u):
    return u.clamp_min(0)


def leaky(u, slope):
    return torch.where(u > 0, u, slope * u)


prelu = leaky


def elu(u, alpha):
    return torch.where(u > 0, u, alpha * u.clamp_max(0).expm1())


def gelu(u):
    return functional.gelu(u)


def gelu_tanh(u):
    return functional.gelu(u, approximate="tanh")


def gelu_backward(g, u):
    return torch.ops.aten.gelu_backward(g, u)


def swiglu(x, W, V):
    return functional.silu(x @ W.mT) * (x @ V.mT)


def softmax(v):
    return v.softmax(-1)


def sce(v, y):
    return v.softmax(-1), -(y * v.log_softmax(-1)).sum(-1)


def sce_backward(grads, v, y):
    grad_o, grad_L = grads
    o = v.softmax(-1)
    through_o = o * (grad_o - (grad_o * o).sum(-1, keepdim=True))
    return grad_L[:, None] * (o * y.sum(-1, keepdim=True) - y) + through_o, -grad_L[:, None] * v.log_softmax(-1)


def smoothing(v, y, eps):
    return -(((1 - eps) * y + eps / v.shape[-1]) * v.log_softmax(-1)).sum(-1)


def squares(W, c):
    return c * (W * W).sum()


def norm2(x):
    return x.norm()


def bce(v, y):
    return (functional.softplus(v) - v * y).sum(-1)


def hinge(v, y):
    return (1 - y * v).clamp_min(0).sum(-1)


def huber(v, y, d):
    far = (v - y).abs()
    return torch.where(far < d, far**2 / 2, d * (far - d / 2)).sum(-1)


def kl(logs, p):
    return torch.where(p > 0, p * (p.clamp_min(1e-300).log() - logs), 0).sum(-1)


def cosine(a, b):
    return (a * b).sum(-1) / (a.norm(dim=-1) * b.norm(dim=-1))


def cosine_backward(g, a, b):
    p, q, c = a.norm(dim=-1), b.norm(dim=-1), cosine(a, b)

    def one(x, y, n):
        return g[:, None] * (y / (p * q)[:, None] - (c / n**2)[:, None] * x)

    return one(a, b, p), one(b, a, q)


def layer_norm(x, gamma, beta, eps):
    c = x - x.mean(-1, keepdim=True)
    return gamma * c / (c.square().mean(-1, keepdim=True) + eps).sqrt() + beta


def layer_norm_backward(g, x, gamma, beta, eps):
    c = x - x.mean(-1, keepdim=True)
    sigma = (c.square().mean(-1, keepdim=True) + eps).sqrt()
    x_hat, h = c / sigma, g * gamma
    grad_x = (h - h.mean(-1, keepdim=True) - x_hat * (h * x_hat).mean(-1, keepdim=True)) / sigma
    return grad_x, (g * x_hat).sum(0), g.sum(0), -(h * c).sum(-1).div(2 * sigma.squeeze(-1) ** 3).sum()


def rnn(x, s, W, U, b):
    return torch.tanh(x @ W.mT + s @ U.mT + b)


def rnn_backward(g, *tensors):
    x, s, W, U, _ = tensors
    du = g * (1 - rnn(*tensors) ** 2)
    return du @ W, du @ U, du.mT @ x, du.mT @ s, du.sum(0)


MSE_MEAN = "L = Sum((p[n,i] - y[n,i])**2, n, i)/(n_n*n_i)"


def mse_mean(p, y):
    return (p - y).square().mean()


def mse_mean_backward(g, p, y):
    return 2 * g * (p - y) / p.numel(), 2 * g * (y - p) / p.numel()


SOFTMAX_LABELS = "L = Sum(log(Sum(exp(x[n,k]), k)) - x[n,t[n]], n)/n_n"
LABELS_EXAMPLE = examples(normal(4, 3), lambda seed: torch.tensor([2, 0, 0, 1]))


def softmax_labels(x, t):
    return functional.cross_entropy(x, t)


def softmax_labels_backward(g, x, t):
    return g * (x.softmax(-1) - functional.one_hot(t, x.shape[1])) / len(x), None


BATCH_NORM = (
    "m[j] = Sum(x[n,j], n)/n_n; v[j] = Sum((x[n,j] - m[j])**2, n)/n_n; "
    "y[n,j] = gamma[j]*(x[n,j] - m[j])/sqrt(v[j] + eps) + beta[j]"
)
BATCH_NORM_EXAMPLE = examples(normal(4, 3), normal(3), lambda seed: torch.tensor(0.1).double(), normal(3))


def batch_norm(x, gamma, eps, beta):
    return gamma * (x - x.mean(0)) / (x.var(0, unbiased=False) + eps).sqrt() + beta


def batch_norm_backward(g, x, gamma, eps, beta):
    c = x - x.mean(0)
    sigma = (c.square().mean(0) + eps).sqrt()
    x_hat, h = c / sigma, g * gamma
    grad_x = (h - h.mean(0) - x_hat * (h * x_hat).mean(0)) / sigma
    return grad_x, (g * x_hat).sum(0), -(h * c).sum(0).div(2 * sigma**3).sum(), g.sum(0)


CONV1D = "y[n,o,i] = Sum(W[o,c,k]*x[n,c,i+k], c, k)"
CONV1D_EXAMPLE = examples(normal(2, 3, 2), normal(2, 3, 5))


def conv1d(W, x):
    return functional.conv1d(x, W)


def conv1d_backward(g, W, x):
    return (
        torch.einsum("noi,ncik->ock", g, x.unfold(-1, W.shape[-1], 1)),
        functional.conv_transpose1d(g, W),
    )


PADDED = "y[i] = Sum(w[k]*x[i+k-1], k)"
PADDED_EXAMPLE = examples(normal(3), normal(4))


def padded(w, x):
    return functional.conv1d(x[None, None], w[None, None], padding=1)[0, 0]


STRIDED = "y[i] = Sum(w[k]*x[2*i+k], k)"
STRIDED_EXAMPLE = examples(normal(3), normal(7))


def strided(w, x):
    return functional.conv1d(x[None, None], w[None, None], stride=2)[0, 0]


def strided_backward(g, w, x):
    windows = x.unfold(0, len(w), 2)
    grad_x = torch.zeros_like(x)
    for i in range(len(g)):
        grad_x[2 * i : 2 * i + len(w)] += g[i] * w
    return windows.mT @ g, grad_x


MAX_POOL = "y[i] = Max(x[i,k], k)"


def max_pool(x):
    return x.amax(-1)


EMBED = "y[n,k] = E[t[n],k]"
EMBED_EXAMPLE = examples(normal(4, 3), lambda seed: torch.tensor([1, 3, 1, 1, 0]))


def embed(E, t):
    return E[t]


GATE = "y[i] = sigmoid(f[i])*c[i] + sigmoid(j[i])*tanh(z[i])"


def gate(f, c, j, z):
    return f.sigmoid() * c + j.sigmoid() * z.tanh()


def gate_backward(g, f, c, j, z):
    a, b, t = f.sigmoid(), j.sigmoid(), z.tanh()
    return g * c * a * (1 - a), g * a, g * t * b * (1 - b), g * b * (1 - t * t)


ATTENTION = (
    "s[i,k] = Sum(q[i,d]*r[k,d], d)/sqrt(n_d); a[i,k] = exp(s[i,k])/Sum(exp(s[i,l]), l); y[i,e] = Sum(a[i,k]*v[k,e], k)"
)
ATTENTION_EXAMPLE = examples(normal(2, 3), normal(4, 3), normal(4, 2))


def attention(q, k, v):
    return (q @ k.mT / q.shape[-1] ** 0.5).softmax(-1) @ v


def attention_backward(g, q, k, v):
    a = (q @ k.mT / q.shape[-1] ** 0.5).softmax(-1)
    da = g @ v.mT
    ds = a * (da - (da * a).sum(-1, keepdim=True)) / q.shape[-1] ** 0.5
    return ds @ k, ds.mT @ q, a.mT @ g
