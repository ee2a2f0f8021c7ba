"""Derivatives from the literature: a definition as text, and torch's own function as the witness.

Each row says what is computed twice: `text` goes through the calculus, `witness` through torch and torch.autograd.  The
table holds no derivative: those of the literature and ours must both agree with the witness.  Sizes are pairwise
distinct unless the row fixes one.  `positive`, `probability`, `square` name tensors that need such values; `classes`
maps an integer-valued tensor to the size that its values stay below.
"""

# ruff: noqa: PLW0108  # a witness is called with its tensors' names, so it is a lambda with those names

from __future__ import annotations

import torch
from torch.nn import functional

from tests.calculus.backward_formulas import BACKWARD_FORMULAS
from tests.calculus.identity import BISHOP, COOKBOOK, D2L, Identity, row
from tests.calculus.matrix_identities import MATRIX_IDENTITIES

__all__ = ["IDENTITIES", "Identity"]

inv = torch.linalg.inv

LINEAR_ALGEBRA = [
    row("inner product", COOKBOOK + "2.4.1", "s = Sum(a[i]*x[i], i)", lambda a, x: a @ x),
    row("a' X b", COOKBOOK + "2.4.1", "s = Sum(a[i]*X[i,j]*b[j], i, j)", lambda a, X, b: a @ X @ b),
    row("a' X' b", COOKBOOK + "2.4.1", "s = Sum(a[i]*X[j,i]*b[j], i, j)", lambda a, X, b: a @ X.T @ b),
    row("a' X a", COOKBOOK + "2.4.1", "s = Sum(a[i]*X[i,j]*a[j], i, j)", lambda a, X: a @ X @ a),
    row("b' X' X c", COOKBOOK + "2.4.2", "s = Sum(b[i]*X[k,i]*X[k,j]*c[j], i, j, k)", lambda b, X, c: b @ X.T @ X @ c),
    row("x' B x", COOKBOOK + "2.4.2", "s = Sum(x[i]*B[i,j]*x[j], i, j)", lambda x, B: x @ B @ x),
    row(
        "(B x + b)' C (D x + d)",
        COOKBOOK + "2.4.2",
        "s = Sum((Sum(B[i,k]*x[k], k) + b[i])*C[i,j]*(Sum(D[j,k]*x[k], k) + d[j]), i, j)",
        lambda B, x, b, C, D, d: (B @ x + b) @ C @ (D @ x + d),
    ),
    row(
        "b' X' D X c",
        COOKBOOK + "2.4.2",
        "s = Sum(b[i]*X[k,i]*D[k,l]*X[l,j]*c[j], i, j, k, l)",
        lambda b, X, D, c: b @ X.T @ D @ X @ c,
    ),
    row(
        "(X b + c)' D (X b + c)",
        COOKBOOK + "2.4.2",
        "r[i] = Sum(X[i,j]*b[j], j) + c[i]; s = Sum(r[i]*D[i,k]*r[k], i, k)",
        lambda X, b, c, D: (X @ b + c) @ D @ (X @ b + c),
    ),
    row("trace", COOKBOOK + "2.5.1", "s = Sum(X[i,i], i)", lambda X: X.trace()),
    row("tr(X A)", COOKBOOK + "2.5.1", "s = Sum(X[i,j]*A[j,i], i, j)", lambda X, A: (X @ A).trace()),
    row("tr(A X B)", COOKBOOK + "2.5.1", "s = Sum(A[i,j]*X[j,k]*B[k,i], i, j, k)", lambda A, X, B: (A @ X @ B).trace()),
    row(
        "tr(A X' B)",
        COOKBOOK + "2.5.1",
        "s = Sum(A[i,j]*X[k,j]*B[k,i], i, j, k)",
        lambda A, X, B: (A @ X.T @ B).trace(),
    ),
    row("tr(X X)", COOKBOOK + "2.5.2", "s = Sum(X[i,j]*X[j,i], i, j)", lambda X: (X @ X).trace()),
    row("tr(X X B)", COOKBOOK + "2.5.2", "s = Sum(X[i,j]*X[j,k]*B[k,i], i, j, k)", lambda X, B: (X @ X @ B).trace()),
    row("tr(X' B X)", COOKBOOK + "2.5.2", "s = Sum(X[i,j]*B[i,k]*X[k,j], i, j, k)", lambda X, B: (X.T @ B @ X).trace()),
    row(
        "tr(A X B X' C)",
        COOKBOOK + "2.5.2",
        "s = Sum(A[i,j]*X[j,k]*B[k,l]*X[m,l]*C[m,i], i, j, k, l, m)",
        lambda A, X, B, C: (A @ X @ B @ X.T @ C).trace(),
    ),
    row("tr(X^3)", COOKBOOK + "2.5.3", "s = Sum(X[i,j]*X[j,k]*X[k,i], i, j, k)", lambda X: (X @ X @ X).trace()),
    row("det X", COOKBOOK + "2.1.2", "s = Det(X)", lambda X: torch.linalg.det(X), square="X"),
    row("log |det X|", COOKBOOK + "2.1.4", "s = LogDet(X)", lambda X: torch.linalg.slogdet(X)[1], square="X"),
    row("(det X)^3", COOKBOOK + "2.1.4", "s = Det(X)**3", lambda X: torch.linalg.det(X) ** 3, square="X"),
    row("inverse", COOKBOOK + "2.2", "Y[i,j] = Inv(X)[i,j]", lambda X: inv(X), square="X"),
    row(
        "a' inv(X) b",
        COOKBOOK + "2.2",
        "s = Sum(a[i]*Inv(X)[i,j]*b[j], i, j)",
        lambda a, X, b: a @ inv(X) @ b,
        square="X",
    ),
    row(
        "tr(A inv(X) B)",
        COOKBOOK + "2.5",
        "s = Sum(A[i,j]*Inv(X)[j,k]*B[k,i], i, j, k)",
        lambda A, X, B: (A @ inv(X) @ B).trace(),
        square="X",
    ),
    row("||x - a||", COOKBOOK + "2.6.1", "s = sqrt(Sum((x[i] - a[i])**2, i))", lambda x, a: (x - a).norm()),
    row(
        "(x - a) / ||x - a||",
        COOKBOOK + "2.6.1",
        "u[i] = (x[i] - a[i])/sqrt(Sum((x[k] - a[k])**2, k))",
        lambda x, a: functional.normalize(x - a, dim=0),
    ),
    row("||x||^2", COOKBOOK + "2.6.1", "s = Sum(x[i]**2, i)", lambda x: x.norm() ** 2),
    row("||X||_F^2", COOKBOOK + "2.7", "s = Sum(X[i,j]**2, i, j)", lambda X: torch.linalg.matrix_norm(X) ** 2),
    row("||X||_F", COOKBOOK + "2.7", "s = sqrt(Sum(X[i,j]**2, i, j))", lambda X: torch.linalg.matrix_norm(X)),
    row(
        "Rayleigh quotient",
        "Horn, Johnson, Matrix Analysis, sec. 4.2",
        "s = Sum(x[i]*A[i,j]*x[j], i, j)/Sum(x[k]**2, k)",
        lambda x, A: (x @ A @ x) / (x @ x),
    ),
    row(
        "product of three matrices",
        D2L + "2.3",
        "Y[i,l] = Sum(A[i,j]*X[j,k]*B[k,l], j, k)",
        lambda A, X, B: torch.linalg.multi_dot([A, X, B]),
    ),
    row("outer product", D2L + "2.3", "U[i,j] = x[i]*y[j]", lambda x, y: torch.outer(x, y)),
    row("diagonal", D2L + "2.3", "u[i] = X[i,i]*x[i]", lambda X, x: X.diagonal() * x),
    row(
        "diag(x) X diag(y)", D2L + "2.3", "U[i,j] = x[i]*X[i,j]*y[j]", lambda x, X, y: torch.diag(x) @ X @ torch.diag(y)
    ),
    row(
        "Gram matrix",
        "Gatys et al., Image Style Transfer, CVPR 2016",
        "G[i,j] = Sum(X[i,k]*X[j,k], k)",
        lambda X: X @ X.T,
    ),
    row(
        "style loss",
        "Gatys et al., Image Style Transfer, CVPR 2016",
        "G[i,j] = Sum(X[i,k]*X[j,k], k); s = Sum((G[i,j] - A[i,j])**2, i, j)",
        lambda X, A: ((X @ X.T - A) ** 2).sum(),
    ),
    row(
        "CP decomposition",
        "Kolda, Bader, Tensor Decompositions and Applications, sec. 3",
        "s = Sum((T[i,j,k] - Sum(A[i,r]*B[j,r]*C[k,r], r))**2, i, j, k)",
        lambda T, A, B, C: ((T - torch.einsum("ir,jr,kr->ijk", A, B, C)) ** 2).sum(),
    ),
]

ACTIVATIONS = [
    row("relu", D2L + "5.1.2", "h[i] = max(u[i], 0)", lambda u: functional.relu(u)),
    row("leaky relu", D2L + "5.1.2", "h[i] = where(u[i] > 0, u[i], 0.01*u[i])", lambda u: functional.leaky_relu(u)),
    row(
        "prelu",
        "He et al., Delving Deep into Rectifiers, ICCV 2015",
        "h[i] = max(u[i], 0) + alpha*min(u[i], 0)",
        lambda u, alpha: torch.where(u > 0, u, alpha * u),
    ),
    row(
        "elu",
        "Clevert et al., ELU, ICLR 2016",
        "h[i] = where(u[i] > 0, u[i], exp(u[i]) - 1)",
        lambda u: functional.elu(u),
    ),
    row("sigmoid", D2L + "5.1.2", "h[i] = 1/(1 + exp(-u[i]))", lambda u: torch.sigmoid(u)),
    row("tanh", D2L + "5.1.2", "h[i] = (1 - exp(-2*u[i]))/(1 + exp(-2*u[i]))", lambda u: torch.tanh(u)),
    row(
        "silu",
        "Ramachandran et al., Searching for Activation Functions (2017)",
        "h[i] = u[i]*sigmoid(u[i])",
        lambda u: functional.silu(u),
    ),
    row(
        "swish with slope",
        "Ramachandran et al., Searching for Activation Functions (2017)",
        "h[i] = u[i]*sigmoid(beta*u[i])",
        lambda u, beta: u * torch.sigmoid(beta * u),
    ),
    row("softplus", "Dugas et al., NIPS 2000", "h[i] = log(1 + exp(u[i]))", lambda u: functional.softplus(u)),
    row(
        "gelu", "Hendrycks, Gimpel, GELUs (2016)", "h[i] = u[i]*(1 + erf(u[i]/sqrt(2)))/2", lambda u: functional.gelu(u)
    ),
    row(
        "gelu by tanh",
        "Hendrycks, Gimpel, GELUs (2016)",
        "h[i] = u[i]*(1 + tanh(sqrt(2/pi)*(u[i] + 0.044715*u[i]**3)))/2",
        lambda u: functional.gelu(u, approximate="tanh"),
    ),
    row("mish", "Misra, Mish, BMVC 2020", "h[i] = u[i]*tanh(log(1 + exp(u[i])))", lambda u: functional.mish(u)),
    row("hard tanh", "Collobert (2004)", "h[i] = max(min(u[i], 1), -1)", lambda u: functional.hardtanh(u)),
    row("softsign", "Turian et al. (2009)", "h[i] = u[i]/(1 + abs(u[i]))", lambda u: functional.softsign(u)),
    row(
        "siren",
        "Sitzmann et al., NeurIPS 2020",
        "h[i] = sin(c*Sum(W[i,j]*x[j], j))",
        lambda c, W, x: torch.sin(c * (W @ x)),
    ),
    row(
        "glu",
        "Dauphin et al., Language Modeling with Gated CNNs, ICML 2017",
        "h[i] = Sum(W[i,j]*x[j], j)*sigmoid(Sum(V[i,j]*x[j], j))",
        lambda W, x, V: functional.glu(torch.cat([W @ x, V @ x]), dim=0),
    ),
    row(
        "maxout",
        "Goodfellow et al., Maxout Networks, ICML 2013",
        "h[i] = Max(Sum(W[i,k,j]*x[j], j), k)",
        lambda W, x: (W @ x).amax(1),
    ),
]

SOFTMAX = "o[i] = exp(v[i])/Sum(exp(v[k]), k)"
LOSSES = [
    row("softmax", D2L + "4.1", SOFTMAX, lambda v: torch.softmax(v, 0)),
    row(
        "softmax at a temperature",
        "Hinton et al. (2015)",
        "o[i] = exp(v[i]/T)/Sum(exp(v[k]/T), k)",
        lambda v, T: torch.softmax(v / T, 0),
        positive="T",
    ),
    row(
        "softmax, shifted",
        D2L + "4.5",
        "m = Max(v[i], i); o[i] = exp(v[i] - m)/Sum(exp(v[k] - m), k)",
        lambda v: torch.softmax(v, 0),
    ),
    row("log-softmax", D2L + "4.5", "o[i] = v[i] - log(Sum(exp(v[k]), k))", lambda v: torch.log_softmax(v, 0)),
    row("logsumexp", D2L + "4.5", "s = log(Sum(exp(v[k]), k))", lambda v: torch.logsumexp(v, 0)),
    row(
        "logsumexp, shifted",
        D2L + "4.5",
        "m = Max(v[i], i); s = m + log(Sum(exp(v[k] - m), k))",
        lambda v: torch.logsumexp(v, 0),
    ),
    row(
        "cross-entropy of probabilities",
        D2L + "4.1",
        f"{SOFTMAX}; L = -Sum(y[i]*log(o[i]), i)",
        lambda v, y: (torch.softmax(v, 0), functional.cross_entropy(v, y)),
        outputs="o L",
        probability="y",
    ),
    row(
        "cross-entropy of a class",
        D2L + "4.1",
        "L[n] = log(Sum(exp(v[n,k]), k)) - v[n,t[n]]",
        lambda v, t: functional.cross_entropy(v, t, reduction="none"),
        classes={"t": "n_k"},
    ),
    row(
        "cross-entropy with smoothed labels",
        "Szegedy et al., CVPR 2016",
        "L[n] = -Sum((0.9*delta(i,t[n]) + 0.1/n_i)*(v[n,i] - log(Sum(exp(v[n,k]), k))), i)",
        lambda v, t: functional.cross_entropy(v, t, reduction="none", label_smoothing=0.1),
        classes={"t": "n_i"},
        tensors="v[n_n,n_i]",
        ranges={"k": "n_i"},
    ),
    row(
        "focal loss",
        "Lin et al., ICCV 2017",
        "L = -Sum(y[i]*(1 - p[i])**2*log(p[i]), i)",
        lambda y, p: -(y * (1 - p) ** 2 * p.log()).sum(),
        probability="y p",
    ),
    row(
        "binary cross-entropy",
        D2L + "3.1",
        "L = -Sum(y[i]*log(p[i]) + (1 - y[i])*log(1 - p[i]), i)",
        lambda y, p: functional.binary_cross_entropy(p, y, reduction="sum"),
        probability="y p",
    ),
    row(
        "binary cross-entropy with logits",
        "PyTorch, BCEWithLogitsLoss",
        "L = Sum(max(v[i], 0) - v[i]*y[i] + log(1 + exp(-abs(v[i]))), i)",
        lambda v, y: functional.binary_cross_entropy_with_logits(v, y, reduction="sum"),
        probability="y",
    ),
    row(
        "squared error",
        BISHOP + "1.1",
        "L = Sum((v[i] - y[i])**2, i)",
        lambda v, y: functional.mse_loss(v, y, reduction="sum"),
    ),
    row("mean squared error", D2L + "3.1", "L = Sum((v[i] - y[i])**2, i)/n_i", lambda v, y: functional.mse_loss(v, y)),
    row(
        "absolute error",
        D2L + "3.1",
        "L = Sum(abs(v[i] - y[i]), i)",
        lambda v, y: functional.l1_loss(v, y, reduction="sum"),
    ),
    row(
        "huber",
        "Huber, Robust Estimation of a Location Parameter (1964)",
        "r[i] = abs(v[i] - y[i]); L = Sum(where(r[i] <= 1, r[i]**2/2, r[i] - 1/2), i)",
        lambda v, y: functional.huber_loss(v, y, reduction="sum"),
    ),
    row(
        "hinge",
        "Cortes, Vapnik (1995)",
        "L = Sum(max(0, 1 - y[i]*v[i]), i)",
        lambda y, v: functional.relu(1 - y * v).sum(),
    ),
    row(
        "soft margin",
        "PyTorch, SoftMarginLoss",
        "L = Sum(log(1 + exp(-y[i]*v[i])), i)",
        lambda v, y: functional.softplus(-y * v).sum(),
    ),
    row(
        "multi-class hinge",
        "Crammer, Singer, JMLR 2001",
        "L[n] = Sum(max(0, 1 - v[n,t[n]] + v[n,i])*where(i == t[n], 0, 1), i)/n_i",
        lambda v, t: functional.multi_margin_loss(v, t, reduction="none"),
        classes={"t": "n_i"},
        tensors="v[n_n,n_i]",
    ),
    row(
        "Kullback-Leibler divergence",
        BISHOP + "1.6.1",
        "L = Sum(p[i]*(log(p[i]) - log(q[i])), i)",
        lambda p, q: functional.kl_div(q.log(), p, reduction="sum"),
        probability="p q",
    ),
    row(
        "entropy", BISHOP + "1.6", "H = -Sum(p[i]*log(p[i]), i)", lambda p: torch.special.entr(p).sum(), probability="p"
    ),
    row(
        "Poisson loss",
        BISHOP + "2",
        "L = Sum(exp(v[i]) - y[i]*v[i], i)",
        lambda v, y: functional.poisson_nll_loss(v, y, reduction="sum"),
    ),
    row(
        "Gaussian loss",
        BISHOP + "1.2.4",
        "L = Sum(log(s[i]) + (v[i] - y[i])**2/s[i], i)/2",
        lambda s, v, y: functional.gaussian_nll_loss(v, y, s, reduction="sum"),
        positive="s",
    ),
    row(
        "Gaussian log-likelihood",
        BISHOP + "2.3.4",
        "L = LogDet(S)/2 + Sum((x[i] - m[i])*Inv(S)[i,j]*(x[j] - m[j]), i, j)/2",
        lambda S, x, m: torch.linalg.slogdet(S)[1] / 2 + (x - m) @ inv(S) @ (x - m) / 2,
        square="S",
    ),
    row(
        "cosine similarity",
        "PyTorch, CosineSimilarity",
        "s = Sum(x[i]*y[i], i)/(sqrt(Sum(x[k]**2, k))*sqrt(Sum(y[k]**2, k)))",
        lambda x, y: functional.cosine_similarity(x, y, dim=0),
    ),
    row(
        "contrastive loss (InfoNCE)",
        "van den Oord et al., CPC (2018)",
        "s[n,m] = Sum(x[n,i]*y[m,i], i); L[n] = log(Sum(exp(s[n,m]), m)) - s[n,n]",
        lambda x, y: functional.cross_entropy(x @ y.T, torch.arange(len(x)), reduction="none"),
        tensors="x[N,D] y[N,D]",
    ),
    row(
        "triplet loss",
        "Schroff et al., FaceNet, CVPR 2015",
        "L = max(Sum((a[i] - p[i])**2, i) - Sum((a[i] - q[i])**2, i) + 9, 0)",
        lambda a, p, q: functional.relu((a - p).square().sum() - (a - q).square().sum() + 9),
    ),
    row(
        "dice loss",
        "Milletari et al., V-Net (2016)",
        "L = 1 - 2*Sum(p[i]*y[i], i)/(Sum(p[i]**2, i) + Sum(y[i]**2, i))",
        lambda p, y: 1 - 2 * (p @ y) / (p @ p + y @ y),
    ),
    row(
        "ridge regression",
        BISHOP + "3.1.4",
        "s = Sum((Sum(X[n,j]*w[j], j) - y[n])**2, n) + lambda*Sum(w[j]**2, j)",
        lambda X, w, y, **rest: ((X @ w - y) ** 2).sum() + rest["lambda"] * (w @ w),
    ),
    row(
        "elastic net",
        "Zou, Hastie (2005)",
        "s = a*Sum(abs(w[j]), j) + b*Sum(w[j]**2, j)",
        lambda a, w, b: a * w.abs().sum() + b * (w @ w),
    ),
    row(
        "logistic regression",
        BISHOP + "4.3.2",
        "s = Sum(log(1 + exp(-y[n]*Sum(X[n,j]*w[j], j))), n)",
        lambda y, X, w: functional.softplus(-y * (X @ w)).sum(),
    ),
    row(
        "total variation",
        "Rudin et al. (1992)",
        "s = Sum(where(i > 0, abs(x[i] - x[i-1]), 0), i)",
        lambda x: x.diff().abs().sum(),
    ),
]

EPSILON = 1e-5
LAYER_NORM = (
    "m = Sum(x[k], k)/n_k; s = Sum((x[k] - m)**2, k)/n_k; h[k] = (x[k] - m)/sqrt(s + 0.00001); u[k] = g[k]*h[k] + b[k]"
)
LAYERS = [
    row("linear", D2L + "3.1", "u[i] = Sum(W[i,j]*x[j], j) + b[i]", lambda W, x, b: functional.linear(x, W, b)),
    row(
        "linear over a batch",
        D2L + "3.1",
        "u[n,i] = Sum(W[i,j]*x[n,j], j) + b[i]",
        lambda W, x, b: functional.linear(x, W, b),
    ),
    row(
        "bilinear",
        "PyTorch, Bilinear",
        "u[i] = Sum(x[j]*W[i,j,k]*y[k], j, k) + b[i]",
        lambda x, W, y, b: functional.bilinear(x, y, W, b),
    ),
    row(
        "two layers",
        D2L + "5.3",
        "u[i] = Sum(W[i,j]*x[j], j) + b[i]; h[i] = max(u[i], 0); v[k] = Sum(M[k,i]*h[i], i) + c[k]",
        lambda W, x, b, M, c: functional.linear(functional.relu(functional.linear(x, W, b)), M, c),
    ),
    row(
        "residual block",
        "He et al., CVPR 2016",
        "u[i] = Sum(W[i,j]*x[j], j); h[i] = x[i] + max(u[i], 0)",
        lambda W, x: x + functional.relu(W @ x),
    ),
    row(
        "embedding",
        "PyTorch, Embedding",
        "u[n,k] = E[t[n],k]",
        lambda E, t: functional.embedding(t, E),
        classes={"t": "n_E_1"},
    ),
    row(
        "layer norm",
        "Ba et al., Layer Normalization (2016)",
        LAYER_NORM,
        lambda x, g, b: functional.layer_norm(x, x.shape, g, b, EPSILON),
    ),
    row(
        "rms norm",
        "Zhang, Sennrich, NeurIPS 2019",
        "u[k] = g[k]*x[k]/sqrt(Sum(x[i]**2, i)/n_i + 0.00001)",
        lambda g, x: functional.rms_norm(x, x.shape, g, EPSILON),
    ),
    row(
        "batch norm, with its statistics",
        "Ioffe, Szegedy, ICML 2015",
        "m[k] = Sum(x[n,k], n)/n_n; s[k] = Sum((x[n,k] - m[k])**2, n)/n_n;"
        "u[n,k] = g[k]*(x[n,k] - m[k])/sqrt(s[k] + 0.00001) + b[k]",
        lambda x, g, b: functional.batch_norm(x, None, None, g, b, training=True, eps=EPSILON),
    ),
    row(
        "instance norm",
        "Ulyanov et al. (2016)",
        "m[c] = Sum(x[c,k], k)/n_k; s[c] = Sum((x[c,k] - m[c])**2, k)/n_k;"
        "u[c,k] = (x[c,k] - m[c])/sqrt(s[c] + 0.00001)",
        lambda x: functional.instance_norm(x[None], eps=EPSILON)[0],
    ),
    row(
        "weight norm",
        "Salimans, Kingma, NIPS 2016",
        "u[i] = Sum(g[i]*V[i,j]/sqrt(Sum(V[i,k]**2, k))*x[j], j)",
        lambda g, V, x: (g[:, None] * functional.normalize(V, dim=1)) @ x,
    ),
    row("variance", "Welford (1962)", "s = Sum((x[i] - Sum(x[k], k)/n_k)**2, i)/n_i", lambda x: x.var(correction=0)),
    row(
        "attention scores",
        "Vaswani et al., NIPS 2017",
        "s[n,m] = Sum(Q[n,d]*K[m,d], d)/sqrt(n_d); A[n,m] = exp(s[n,m])/Sum(exp(s[n,l]), l)",
        lambda Q, K: torch.softmax(Q @ K.T / Q.shape[1] ** 0.5, 1),
        tensors="K[M,n_d]",
        ranges={"l": "M"},
    ),
    row(
        "attention",
        "Vaswani et al., NIPS 2017",
        "s[n,m] = Sum(Q[n,d]*K[m,d], d)/sqrt(n_d); A[n,m] = exp(s[n,m])/Sum(exp(s[n,l]), l);"
        "u[n,e] = Sum(A[n,m]*V[m,e], m)",
        lambda Q, K, V: functional.scaled_dot_product_attention(Q[None], K[None], V[None])[0],
        tensors="K[M,n_d]",
        ranges={"l": "M"},
    ),
    row(
        "causal attention",
        "Vaswani et al., NIPS 2017",
        "s[n,m] = Sum(Q[n,d]*K[m,d], d)/sqrt(n_d);"
        "e[n,m] = where(m <= n, exp(s[n,m]), 0); u[n,f] = Sum(e[n,m]*V[m,f], m)/Sum(e[n,m], m)",
        lambda Q, K, V: functional.scaled_dot_product_attention(Q[None], K[None], V[None], is_causal=True)[0],
        tensors="Q[N,D] K[N,D]",
    ),
    row(
        "additive attention",
        "Bahdanau et al., ICLR 2015",
        "s[n] = Sum(v[i]*tanh(q[i] + K[n,i]), i)",
        lambda v, q, K: torch.tanh(q + K) @ v,
    ),
    row(
        "cumulative sum",
        "PyTorch, cumsum",
        "u[i] = Sum(where(j <= i, x[j], 0), j)",
        lambda x: x.cumsum(0),
        ranges={"i": "N"},
        tensors="x[N]",
    ),
    row(
        "recurrent step",
        D2L + "9.4",
        "h[i] = tanh(Sum(W[i,j]*x[j], j) + Sum(U[i,k]*g[k], k) + b[i])",
        lambda W, x, U, g, b: torch.tanh(W @ x + U @ g + b),
    ),
    row(
        "gated step",
        "Cho et al. (2014)",
        "z[i] = sigmoid(Sum(A[i,j]*x[j], j) + Sum(B[i,k]*g[k], k)); r[i] = tanh(Sum(C[i,j]*x[j], j));"
        "h[i] = (1 - z[i])*r[i] + z[i]*g[i]",
        lambda A, x, B, g, C: (1 - torch.sigmoid(A @ x + B @ g)) * torch.tanh(C @ x) + torch.sigmoid(A @ x + B @ g) * g,
    ),
    row(
        "squared distances",
        "Aggarwal, Neural Networks and Deep Learning, ch. 5",
        "D[n,m] = Sum((x[n,i] - y[m,i])**2, i)",
        lambda x, y: torch.cdist(x, y, compute_mode="donot_use_mm_for_euclid_dist") ** 2,
    ),
    row(
        "Gaussian kernel",
        BISHOP + "6.2",
        "K[n,m] = exp(-c*Sum((x[n,i] - y[m,i])**2, i))",
        lambda c, x, y: torch.exp(-c * (x[:, None] - y[None]).square().sum(2)),
    ),
    row(
        "factorization machine",
        "Rendle, ICDM 2010",
        "s = (Sum(Sum(V[i,f]*x[i], i)**2, f) - Sum(V[i,f]**2*x[i]**2, i, f))/2",
        lambda V, x: ((V.T @ x).square().sum() - (V.square().T @ x.square()).sum()) / 2,
    ),
    row(
        "capsule squash",
        "Sabour et al., NIPS 2017",
        "q = Sum(s[i]**2, i); v[i] = q/(1 + q)*s[i]/sqrt(q)",
        lambda s: (s @ s) / (1 + s @ s) * functional.normalize(s, dim=0),
    ),
]

CONVOLUTIONS = [
    row(
        "convolution",
        D2L + "7.2",
        "u[i] = Sum(w[k]*x[i+k], k)",
        lambda w, x: functional.conv1d(x[None, None], w[None, None])[0, 0],
        sizes={"n_i": 5, "n_k": 3, "n_x_1": 7},
    ),
    row(
        "convolution with stride and padding",
        D2L + "7.3",
        "u[i] = Sum(w[k]*x[2*i+k-1], k)",
        lambda w, x: functional.conv1d(x[None, None], w[None, None], stride=2, padding=1)[0, 0],
        sizes={"n_i": 4, "n_k": 3, "n_x_1": 7},
    ),
    row(
        "convolution with dilation",
        "Yu, Koltun, ICLR 2016",
        "u[i] = Sum(w[k]*x[3*i+2*k-2], k)",
        lambda w, x: functional.conv1d(x[None, None], w[None, None], stride=3, padding=2, dilation=2)[0, 0],
        sizes={"n_i": 3, "n_k": 3, "n_x_1": 8},
    ),
    row(
        "convolution with channels",
        D2L + "7.4",
        "u[o,i] = Sum(w[o,c,k]*x[c,i+k-1], c, k) + b[o]",
        lambda w, x, b: functional.conv1d(x[None], w, b, padding=1)[0],
        sizes={"n_o": 2, "n_c": 4, "n_k": 3, "n_i": 5, "n_x_2": 5},
    ),
    row(
        "convolution in two dimensions",
        D2L + "7.4",
        "u[o,p,q] = Sum(w[o,c,k,l]*x[c,2*p+k-1,2*q+l-1], c, k, l) + b[o]",
        lambda w, x, b: functional.conv2d(x[None], w, b, stride=2, padding=1)[0],
        sizes={"n_o": 2, "n_c": 3, "n_k": 3, "n_l": 4, "n_p": 3, "n_q": 3, "n_x_2": 6, "n_x_3": 7},
    ),
    row(
        "depthwise convolution",
        "Howard et al., MobileNets (2017)",
        "u[c,i] = Sum(w[c,k]*x[c,i+k-1], k)",
        lambda w, x: functional.conv1d(x[None], w[:, None], padding=1, groups=len(w))[0],
        sizes={"n_c": 2, "n_k": 3, "n_i": 5, "n_x_2": 5},
    ),
    row(
        "transposed convolution",
        D2L + "14.10",
        "u[p] = Sum(x[i]*w[p-2*i], i)",
        lambda x, w: functional.conv_transpose1d(x[None, None], w[None, None], stride=2)[0, 0],
        sizes={"n_p": 9, "n_i": 4, "n_w_1": 3},
    ),
    row(
        "average pooling",
        D2L + "7.5",
        "u[i] = Sum(x[2*i+r], r)/2",
        lambda x: functional.avg_pool1d(x[None], 2)[0],
        ranges={"r": 2},
        sizes={"n_i": 4, "n_x_1": 8},
    ),
    row(
        "max pooling",
        D2L + "7.5",
        "u[i] = Max(x[2*i+r], r)",
        lambda x: functional.max_pool1d(x[None], 3, 2)[0],
        ranges={"r": 3},
        sizes={"n_i": 4, "n_x_1": 9},
    ),
    row("max over time", "Kim, EMNLP 2014", "u[c] = Max(x[c,i], i)", lambda x: x.amax(1)),
    row(
        "global average pooling",
        "Lin et al., Network in Network (2014)",
        "u[c] = Sum(x[c,i], i)/n_i",
        lambda x: x.mean(1),
    ),
    row(
        "nearest upsampling",
        "PyTorch, Upsample",
        "u[i,r] = x[i]",
        lambda x: functional.interpolate(x[None, None], scale_factor=2)[0, 0].reshape(-1, 2),
        ranges={"r": 2},
    ),
    row("flip", "PyTorch, flip", "u[i] = x[n_i - 1 - i]", lambda x: x.flip(0), tensors="x[n_i]", ranges={"i": "n_i"}),
    row(
        "autocorrelation",
        "Oppenheim, Schafer, sec. 2.9",
        "r[k] = Sum(x[i]*x[i+k], i)",
        lambda x: torch.stack([x[k:] @ x[: len(x) - k] for k in range(3)]),
        sizes={"n_k": 3},
    ),
]

IDENTITIES = [
    *LINEAR_ALGEBRA,
    *ACTIVATIONS,
    *LOSSES,
    *LAYERS,
    *CONVOLUTIONS,
    *MATRIX_IDENTITIES,
    *BACKWARD_FORMULAS,
]
