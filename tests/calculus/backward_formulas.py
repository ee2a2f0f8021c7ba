"""The published backward formulas of deep learning: normalisation, attention, convolution, recurrence, losses."""

# ruff: noqa: PLW0108  # a witness is called with its tensors' names, so it is a lambda with those names

from __future__ import annotations

from typing import Any

import torch
from torch.nn import functional

from tests.calculus.identity import D2L, row

__all__ = ["BACKWARD_FORMULAS"]

SCORES = "S[n,m] = Sum(Q[n,d]*K[m,d], d)/sqrt(n_d); "
SOFTMAX = "P[n,m] = exp(S[n,m])/Sum(exp(S[n,l]), l); "
KEYS = {"tensors": "K[M,n_d] V[M,n_e]", "ranges": {"l": "M"}}
DIFFERENCE = "P * (grad_P - rowsum(grad_P * P))"


def attention(q: Any, k: Any, v: Any, **more: Any) -> Any:
    """Torch's attention without heads."""
    return functional.scaled_dot_product_attention(q[None], k[None], v[None], **more)[0]


def heads(x: Any, A: Any, B: Any, C: Any, W: Any) -> Any:
    """Self-attention with several heads, each with its own projections."""
    q, k, v = (torch.einsum("ni,hid->hnd", x, projection) for projection in (A, B, C))
    return torch.einsum("hnd,hdi->ni", functional.scaled_dot_product_attention(q, k, v), W)


def lstm(x: Any, W: Any, U: Any, b: Any, h: Any, c: Any) -> Any:  # noqa: PLR0917  # as the definition's inputs
    """Torch's cell, whose gates are stacked as input, forget, cell, output."""
    out, cell = torch.lstm_cell(x[None], (h[None], c[None]), W.flatten(0, 1), U.flatten(0, 1), b.flatten(), None)
    return cell[0], out[0]


def gru(x: Any, A: Any, B: Any, C: Any, D: Any, E: Any, F: Any, h: Any) -> Any:  # noqa: PLR0917  # as the inputs
    """Torch's cell, whose gates are stacked as reset, update, new."""
    return torch.gru_cell(x[None], h[None], torch.cat([A, C, E]), torch.cat([B, D, F]))[0]


NORMALISATION = [
    row(
        "batch norm, its output named",
        "Ioffe, Szegedy, ICML 2015, sec. 3",
        "m[k] = Sum(x[n,k], n)/n_n; s[k] = Sum((x[n,k] - m[k])**2, n)/n_n;"
        "h[n,k] = (x[n,k] - m[k])/sqrt(s[k] + 0.00001); u[n,k] = g[k]*h[n,k] + b[k]",
        lambda x, g, b: functional.batch_norm(x, None, None, g, b, training=True, eps=1e-5),
        forms={"g": "colsum(grad_u * h)", "b": "colsum(grad_u)"},
        lines={"h": "g.T * grad_u", "m": "-colsum(grad_h) / sqrt(1/100000 + s)"},
    ),
    row(
        "batch norm of images",
        "Ioffe, Szegedy, ICML 2015, sec. 3.2",
        "m[c] = Sum(x[n,c,p], n, p)/(n_n*n_p); s[c] = Sum((x[n,c,p] - m[c])**2, n, p)/(n_n*n_p);"
        "u[n,c,p] = g[c]*(x[n,c,p] - m[c])/sqrt(s[c] + 0.00001) + b[c]",
        lambda x, g, b: functional.batch_norm(x, None, None, g, b, training=True, eps=1e-5),
    ),
    row(
        "layer norm, its scale named",
        "Ba et al., Layer Normalization (2016)",
        "m = Sum(x[k], k)/n_k; c[k] = x[k] - m; r = sqrt(Sum(c[k]**2, k)/n_k + 0.00001); h[k] = c[k]/r;"
        "u[k] = g[k]*h[k] + b[k]",
        lambda x, g, b: functional.layer_norm(x, x.shape, g, b, 1e-5),
        forms={"x": "(grad_u * g - (grad_u.T @ g) / n_k - (grad_u.T @ (g * h)) * h / n_k) / r"},
    ),
    row(
        "layer norm of rows",
        "Ba et al., Layer Normalization (2016)",
        "m[n] = Sum(x[n,k], k)/n_k; s[n] = Sum((x[n,k] - m[n])**2, k)/n_k;"
        "h[n,k] = (x[n,k] - m[n])/sqrt(s[n] + 0.00001); u[n,k] = g[k]*h[n,k] + b[k]",
        lambda x, g, b: functional.layer_norm(x, x.shape[1:], g, b, 1e-5),
        forms={"g": "colsum(grad_u * h)"},
    ),
    row(
        "group norm",
        "Wu, He, ECCV 2018",
        "m[n,g] = Sum(x[n,g,c], c)/n_c; s[n,g] = Sum((x[n,g,c] - m[n,g])**2, c)/n_c;"
        "u[n,g,c] = a[g,c]*(x[n,g,c] - m[n,g])/sqrt(s[n,g] + 0.00001) + b[g,c]",
        lambda x, a, b: functional.group_norm(x.flatten(1), x.shape[1], a.flatten(), b.flatten(), 1e-5).reshape(
            x.shape
        ),
    ),
    row(
        "normalised rows",
        "PyTorch, normalize",
        "r[n] = sqrt(Sum(x[n,k]**2, k)); y[n,k] = x[n,k]/r[n]",
        lambda x: functional.normalize(x, dim=1),
        forms={"x": "(grad_y - rowsum(grad_y * y) * y) / r"},
    ),
]

ATTENTION = [
    row(
        "attention, step by step",
        "Dao et al., FlashAttention (2022), app. B.2",
        SCORES + SOFTMAX + "O[n,e] = Sum(P[n,m]*V[m,e], m)",
        lambda Q, K, V: attention(Q, K, V),
        **KEYS,
        forms={
            "V": "P.T @ grad_O",
            "Q": "((P * (grad_O @ V.T - rowsum(P * (grad_O @ V.T)))) @ K) / (sqrt(n_d))",
        },
        lines={
            "P": "grad_O @ V.T",
            "S": DIFFERENCE,
            "Q": "(grad_S @ K) / (sqrt(n_d))",
            "K": "(grad_S.T @ Q) / (sqrt(n_d))",
        },
    ),
    row(
        "attention with a bias of positions",
        "Press et al., ALiBi, ICLR 2022",
        "S[n,m] = Sum(Q[n,d]*K[m,d], d)/sqrt(n_d) + B[n,m]; " + SOFTMAX + "O[n,e] = Sum(P[n,m]*V[m,e], m)",
        lambda Q, K, B, V: attention(Q, K, V, attn_mask=B[None]),
        **KEYS,
        lines={"B": "grad_S", "S": DIFFERENCE},
    ),
    row(
        "causal attention, step by step",
        "Dao et al., FlashAttention (2022), app. B.2",
        SCORES
        + "E[n,m] = where(m <= n, exp(S[n,m]), 0); P[n,m] = E[n,m]/Sum(E[n,l], l); O[n,e] = Sum(P[n,m]*V[m,e], m)",
        lambda Q, K, V: attention(Q, K, V, is_causal=True),
        tensors="Q[N,n_d] K[N,n_d] V[N,n_e]",
        ranges={"l": "N"},
        forms={"V": "P.T @ grad_O"},
    ),
    row(
        "attention over a batch",
        "Vaswani et al., NIPS 2017",
        "S[b,n,m] = Sum(Q[b,n,d]*K[b,m,d], d)/sqrt(n_d); P[b,n,m] = exp(S[b,n,m])/Sum(exp(S[b,n,l]), l);"
        "O[b,n,e] = Sum(P[b,n,m]*V[b,m,e], m)",
        lambda Q, K, V: functional.scaled_dot_product_attention(Q, K, V),
        tensors="K[n_b,M,n_d] V[n_b,M,n_e]",
        ranges={"l": "M"},
        forms={"V": "P.mT @ grad_O"},
        lines={"P": "grad_O @ V.mT", "Q": "(grad_S @ K) / (sqrt(n_d))", "K": "(grad_S.mT @ Q) / (sqrt(n_d))"},
    ),
    row(
        "attention with several heads",
        "Vaswani et al., NIPS 2017, sec. 3.2.2",
        "Q[h,n,d] = Sum(x[n,i]*A[h,i,d], i); K[h,n,d] = Sum(x[n,i]*B[h,i,d], i); V[h,n,d] = Sum(x[n,i]*C[h,i,d], i);"
        "S[h,n,m] = Sum(Q[h,n,d]*K[h,m,d], d)/sqrt(n_d); P[h,n,m] = exp(S[h,n,m])/Sum(exp(S[h,n,l]), l);"
        "O[h,n,d] = Sum(P[h,n,m]*V[h,m,d], m); u[n,i] = Sum(O[h,n,d]*W[h,d,i], h, d)",
        lambda x, A, B, C, W: heads(x, A, B, C, W),
        tensors="x[N,D]",
        ranges={"m": "N", "l": "N"},
        forms={"W": "O.mT @ grad_u"},
        lines={"A": "x.mT @ grad_Q", "x": "(grad_Q @ A.mT + grad_K @ B.mT + grad_V @ C.mT).sum(0)"},
    ),
    row(
        "linear attention",
        "Katharopoulos et al., ICML 2020",
        "k[d,e] = Sum(K[m,d]*V[m,e], m); O[n,e] = Sum(Q[n,d]*k[d,e], d)",
        lambda K, V, Q: Q @ (K.T @ V),
        forms={"Q": "grad_O @ k.T", "K": "V @ grad_O.T @ Q", "V": "K @ Q.T @ grad_O"},
    ),
    row(
        "rotary positions",
        "Su et al., RoFormer (2021)",
        "u[n,p,r] = where(r == 0, x[n,p,0]*c[n,p] - x[n,p,1]*s[n,p], x[n,p,0]*s[n,p] + x[n,p,1]*c[n,p])",
        lambda x, c, s: torch.stack([x[..., 0] * c - x[..., 1] * s, x[..., 0] * s + x[..., 1] * c], -1),
        tensors="x[n_n,n_p,2]",
        ranges={"r": 2},
    ),
    row(
        "graph attention",
        "Velickovic et al., ICLR 2018",
        "e[n,m] = Sum(a[j]*h[n,j], j) + Sum(b[j]*h[m,j], j); E[n,m] = exp(max(e[n,m], 0.2*e[n,m]));"
        "P[n,m] = E[n,m]/Sum(E[n,l], l); u[n,j] = Sum(P[n,m]*h[m,j], m)",
        lambda a, h, b: torch.softmax(functional.leaky_relu((h @ a)[:, None] + h @ b, 0.2), 1) @ h,
        tensors="h[N,D]",
        ranges={"m": "N", "l": "N"},
    ),
]

CONVOLUTIONS = [
    row(
        "convolution over a batch",
        D2L + "7.4",
        "u[n,o,i] = Sum(w[o,c,k]*x[n,c,i+k-1], c, k) + b[o]",
        lambda w, x, b: functional.conv1d(x, w, b, padding=1),
        sizes={"n_n": 2, "n_o": 3, "n_c": 4, "n_k": 3, "n_i": 6, "n_x_3": 6},
    ),
    row(
        "convolution, stride and dilation of one size",
        "Dumoulin, Visin, A Guide to Convolution Arithmetic (2016), sec. 5",
        "u[o,i] = Sum(w[o,c,k]*x[c,2*i+2*k-1], c, k) + b[o]",
        lambda w, x, b: functional.conv1d(x[None], w, b, stride=2, padding=1, dilation=2)[0],
        sizes={"n_o": 2, "n_c": 4, "n_k": 3, "n_i": 4, "n_x_2": 9},
        forms={"b": "rowsum(grad_u)"},
    ),
    row(
        "transposed convolution in two dimensions",
        "Dumoulin, Visin, A Guide to Convolution Arithmetic (2016), sec. 4",
        "u[o,p,q] = Sum(x[c,i,j]*w[c,o,p-2*i+1,q-2*j+1], c, i, j)",
        lambda x, w: functional.conv_transpose2d(x[None], w, stride=2, padding=1)[0],
        sizes={"n_o": 2, "n_c": 3, "n_p": 6, "n_q": 8, "n_i": 3, "n_j": 4, "n_w_3": 4, "n_w_4": 4},
    ),
    row(
        "depthwise convolution in two dimensions",
        "Howard et al., MobileNets (2017)",
        "u[c,p,q] = Sum(w[c,k,l]*x[c,p+k,q+l], k, l)",
        lambda w, x: functional.conv2d(x[None], w[:, None], groups=len(w))[0],
        sizes={"n_c": 4, "n_p": 3, "n_q": 2, "n_k": 3, "n_l": 2, "n_x_2": 5, "n_x_3": 3},
    ),
    row(
        "max pooling in two dimensions",
        D2L + "7.5",
        "u[c,p,q] = Max(x[c,2*p+r,2*q+s], r, s)",
        lambda x: functional.max_pool2d(x[None], 2)[0],
        ranges={"r": 2, "s": 2},
        sizes={"n_c": 3, "n_p": 3, "n_q": 2, "n_x_2": 6, "n_x_3": 4},
    ),
    row(
        "average pooling in two dimensions",
        D2L + "7.5",
        "u[c,p,q] = Sum(x[c,2*p+r,2*q+s], r, s)/4",
        lambda x: functional.avg_pool2d(x[None], 2)[0],
        ranges={"r": 2, "s": 2},
        sizes={"n_c": 3, "n_p": 3, "n_q": 2, "n_x_2": 6, "n_x_3": 4},
    ),
    row(
        "squeeze and excitation",
        "Hu et al., CVPR 2018",
        "z[c] = Sum(x[c,p], p)/n_p; h[r] = max(Sum(A[r,c]*z[c], c), 0); s[c] = sigmoid(Sum(B[c,r]*h[r], r));"
        "u[c,p] = s[c]*x[c,p]",
        lambda x, A, B: x * torch.sigmoid(B @ functional.relu(A @ x.mean(1)))[:, None],
        lines={"s": "rowsum(grad_u * x)"},
    ),
]

RECURRENCE = [
    row(
        "two recurrent steps",
        D2L + "9.7",
        "a[i] = tanh(Sum(W[i,j]*x[j], j) + Sum(U[i,k]*h[k], k));c[i] = tanh(Sum(W[i,j]*y[j], j) + Sum(U[i,k]*a[k], k))",
        lambda W, x, U, h, y: torch.tanh(W @ y + U @ torch.tanh(W @ x + U @ h)),
        tensors="U[H,H] h[H]",
        forms={"y": "W.T @ (grad_c * (1 - c**2))"},
        lines={"a": "U.T @ (grad_c * (1 - c**2))", "x": "W.T @ (grad_a * (1 - a**2))"},
    ),
    row(
        "long short-term memory",
        "Hochreiter, Schmidhuber (1997); Greff et al., LSTM: A Search Space Odyssey (2017), sec. II.B",
        "z[r,k] = Sum(W[r,k,j]*x[j], j) + Sum(U[r,k,l]*h[l], l) + b[r,k]; i[k] = sigmoid(z[0,k]);"
        "f[k] = sigmoid(z[1,k]); g[k] = tanh(z[2,k]); o[k] = sigmoid(z[3,k]); q[k] = f[k]*c[k] + i[k]*g[k];"
        "y[k] = o[k]*tanh(q[k])",
        lambda W, x, U, h, b, c: lstm(x, W, U, b, h, c),
        outputs="q y",
        tensors="z[4,M] W[4,M,n_j] U[4,M,M] b[4,M] h[M] c[M]",
        ranges={"k": "M", "l": "M"},
        lines={"q": "grad_y * o * (1 - tanh(q)**2) + grad_q", "c": "bar_q * f"},
    ),
    row(
        "gated recurrent unit",
        "Cho et al., EMNLP 2014",
        "r[k] = sigmoid(Sum(A[k,j]*x[j], j) + Sum(B[k,l]*h[l], l));"
        "z[k] = sigmoid(Sum(C[k,j]*x[j], j) + Sum(D[k,l]*h[l], l));"
        "g[k] = tanh(Sum(E[k,j]*x[j], j) + r[k]*Sum(F[k,l]*h[l], l)); y[k] = (1 - z[k])*g[k] + z[k]*h[k]",
        lambda A, x, B, h, C, D, E, F: gru(x, A, B, C, D, E, F, h),
        tensors="h[M] B[M,M] D[M,M] F[M,M]",
        ranges={"k": "M", "l": "M"},
        forms={"E": "(grad_y * (1 - g**2) * (1 - z)) @ x.T"},
        lines={"g": "grad_y * (1 - z)", "z": "grad_y * (h - g)", "F": "(grad_g * r * (1 - g**2)) @ h.T"},
    ),
    row(
        "gated linear unit by silu",
        "Shazeer, GLU Variants Improve Transformer (2020)",
        "a[i] = Sum(W[i,j]*x[j], j); c[i] = Sum(V[i,j]*x[j], j); u[k] = Sum(M[k,i]*a[i]*sigmoid(a[i])*c[i], i)",
        lambda W, x, V, M: M @ (functional.silu(W @ x) * (V @ x)),
        lines={"x": "W.T @ grad_a + V.T @ grad_c"},
    ),
    row(
        "mixture of experts",
        "Shazeer et al., ICLR 2017",
        "g[e] = exp(Sum(G[e,j]*x[j], j))/Sum(exp(Sum(G[f,j]*x[j], j)), f); u[i] = Sum(g[e]*W[e,i,j]*x[j], e, j)",
        lambda G, x, W: torch.einsum("e,eij,j->i", torch.softmax(G @ x, 0), W, x),
        tensors="G[E,n_j]",
        ranges={"f": "E"},
    ),
]

LOSSES = [
    row(
        "perceptron with cross-entropy",
        D2L + "5.3",
        "h[k] = tanh(Sum(W[k,j]*x[j], j) + b[k]); v[i] = Sum(V[i,k]*h[k], k) + c[i];"
        "o[i] = exp(v[i])/Sum(exp(v[l]), l); f = -Sum(y[i]*log(o[i]), i)",
        lambda W, x, b, V, c, y: functional.cross_entropy(V @ torch.tanh(W @ x + b) + c, y),
        ranges={"l": "n_i"},
        probability="y",
        forms={"c": "grad_f * (y.sum() * o - y)"},
        lines={"v": "o * (grad_o - grad_o.T @ o)", "h": "V.T @ grad_v", "W": "(grad_h * (1 - h**2)) @ x.T"},
    ),
    row(
        "mean cross-entropy of classes",
        "PyTorch, CrossEntropyLoss",
        "L = Sum(log(Sum(exp(v[n,k]), k)) - v[n,t[n]], n)/n_n",
        lambda v, t: functional.cross_entropy(v, t),
        classes={"t": "n_k"},
        forms={"v": "grad_L * (exp(v) / rowsum(exp(v)) - one_hot(t, n_k)) / n_n"},
    ),
    row(
        "focal loss of classes",
        "Lin et al., ICCV 2017, app. A",
        "p[n,k] = exp(v[n,k])/Sum(exp(v[n,l]), l); L = -Sum((1 - p[n,t[n]])**2*log(p[n,t[n]]), n)",
        lambda v, t: sum(-((1 - p[c]) ** 2) * p[c].log() for p, c in zip(torch.softmax(v, 1), t, strict=True)),
        classes={"t": "n_k"},
    ),
    row(
        "distillation",
        "Hinton et al. (2015)",
        "p[i] = exp(v[i]/T)/Sum(exp(v[k]/T), k); L = T**2*Sum(q[i]*log(q[i]/p[i]), i)",
        lambda v, T, q: T**2 * functional.kl_div(torch.log_softmax(v / T, 0), q, reduction="sum"),
        positive="T",
        probability="q",
        forms={"v": "grad_L * T * (q.sum() * p - q)"},
    ),
    row(
        "symmetric contrastive loss",
        "Radford et al., CLIP, ICML 2021",
        "s[n,m] = Sum(x[n,i]*y[m,i], i);"
        "L = (Sum(log(Sum(exp(s[n,m]), m)), n) + Sum(log(Sum(exp(s[n,m]), n)), m) - 2*Sum(s[n,n], n))/(2*N)",
        lambda x, y: sum(functional.cross_entropy(s, torch.arange(len(s))) for s in (x @ y.T, y @ x.T)) / 2,
        tensors="x[N,D] y[N,D]",
        lines={"x": "grad_s @ y", "y": "grad_s.T @ x"},
    ),
    row(
        "Bayesian personalized ranking",
        "Rendle et al., UAI 2009",
        "L = -Sum(log(sigmoid(Sum(u[n,i]*(p[n,i] - q[n,i]), i))), n)",
        lambda u, p, q: -functional.logsigmoid((u * (p - q)).sum(1)).sum(),
    ),
    row(
        "redundancy reduction",
        "Zbontar et al., Barlow Twins, ICML 2021",
        "C[i,j] = Sum(a[n,i]*b[n,j], n)/n_n; f = Sum((C[i,i] - 1)**2, i) + l*Sum(where(i == j, 0, 1)*C[i,j]**2, i, j)",
        lambda a, b, l: (  # noqa: E741  # the name in the definition
            ((C := a.T @ b / len(a)).diagonal() - 1).square().sum() + l * (C - torch.diag(C.diagonal())).square().sum()
        ),
        tensors="a[N,D] b[N,D]",
    ),
    row(
        "evidence lower bound",
        "Kingma, Welling, ICLR 2014, app. B",
        "z[i] = m[i] + exp(l[i]/2)*e[i]; r[j] = Sum(W[j,i]*z[i], i);"
        "L = Sum((x[j] - r[j])**2, j) - Sum(1 + l[i] - m[i]**2 - exp(l[i]), i)/2",
        lambda m, l, e, W, x: (  # noqa: E741  # the name in the definition
            ((x - W @ (m + (l / 2).exp() * e)) ** 2).sum() - (1 + l - m**2 - l.exp()).sum() / 2
        ),
        lines={"z": "W.T @ grad_r"},
    ),
    row(
        "mean discrepancy of kernels",
        "Gretton et al., JMLR 2012",
        "f = Sum(exp(-Sum((x[n,i] - y[m,i])**2, i)), n, m)/(n_n*n_m)",
        lambda x, y: torch.exp(-((x[:, None] - y) ** 2).sum(2)).mean(),
    ),
    row(
        "quantile loss",
        "Koenker, Bassett (1978)",
        "L = Sum(max(q*(y[i] - v[i]), (q - 1)*(y[i] - v[i])), i)",
        lambda q, y, v: torch.maximum(q * (y - v), (q - 1) * (y - v)).sum(),
    ),
]

BACKWARD_FORMULAS = [*NORMALISATION, *ATTENTION, *CONVOLUTIONS, *RECURRENCE, *LOSSES]
