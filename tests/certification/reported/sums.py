"""Sums, means and products: what is summed, over which axis, divided by what, and which way round."""

import torch

from tests.certification.reported.report import Report

SOFTMAX = "softmax"
LOGSUMEXP = "s = log(Sum(exp(x[i]), i))"
VARIANCE = "v = Sum((x[i] - Sum(x[j], j)/n_i)**2, i)/n_i"
CUMSUM = "y[i] = Sum(where(j <= i, x[j], 0), j)"
PRODUCT = "C[i,k] = Sum(A[i,j]*B[j,k], j)"
BATCHED = "C[b,i,k] = Sum(A[i,j]*B[b,j,k], j)"
BROADCAST = "y[n,i] = x[n,i] + b[i]"
SCALED = "y[n,i] = x[n,i]*a"
MEAN = "m[j] = Sum(t[i,j], i)/n_i"
SQUARES = "L = Sum((p[i] - y[i])**2, i)"
MEAN_SQUARES = "L = Sum((p[n,i] - y[n,i])**2, n, i)/n_n"
DISTANCE = "d[i,j] = Sum((x[i,k] - y[j,k])**2, k)"
LOG_SOFTMAX = "o[i] = x[i] - log(Sum(exp(x[j]), j))"


def linear(x, W, b):
    return x @ W.mT + b


def linear_backward(g, x, W, b):
    return g @ W, g.mT @ x, g.sum(0)


def softmax_backward(g, v):
    o = v.softmax(-1)
    return o * (g - (g * o).sum(-1, keepdim=True))


def variance(x):
    return ((x - x.mean()) ** 2).mean()


def product(A, B):
    return A @ B


def batched(A, B):
    return A @ B


def batched_backward(g, A, B):
    return (g @ B.mT).sum(0), A.mT @ g


def distance(x, y):
    return ((x[:, None] - y) ** 2).sum(-1)


def distance_backward(g, x, y):
    d = 2 * g[..., None] * (x[:, None] - y)
    return d.sum(1), -d.sum(0)


def log_softmax_backward(g, x):
    return g - x.softmax(-1) * g.sum(-1, keepdim=True)


def cumprod_backward(g, x):
    """One product for every pair, so that a 0 divides nothing."""
    n = len(x)
    found = torch.zeros_like(x)
    for i in range(n):
        others = x.clone()
        others[i] = 1
        found[i] = (g * others.cumprod(0))[i:].sum()
    return found


def scaled_backward(g, x, a):
    return g * a, (g * x).sum()


def mean_squares(p, y):
    return ((p - y) ** 2).sum() / len(p)


def mean_squares_backward(g, p, y):
    d = 2 * g * (p - y) / len(p)
    return d, -d


SUMS = {
    "a bias that is not summed": Report(
        what="the gradient of what was broadcast keeps the axis of the batch",
        source="deeplearning4j/nd4j, issue 2424",
        spec="linear",
        wrong=(linear, lambda g, x, W, b: (g @ W, g.mT @ x, g.clone())),
        right=(linear, linear_backward),
        names=("not summed over the batch",),
    ),
    "a bias that is not summed, as text": Report(
        what="the gradient of a broadcast addend keeps the axis",
        source="tracel-ai/burn, issue 181",
        spec=BROADCAST,
        wrong=(lambda x, b: x + b, lambda g, x, b: (g.clone(), g.clone())),
        right=(lambda x, b: x + b, lambda g, x, b: (g.clone(), g.sum(0))),
        names=("not summed over",),
    ),
    "a scalar's gradient is not summed": Report(
        what="a factor that was broadcast gets a tensor",
        source="tenstorrent/tt-metal, issue 40008",
        spec=SCALED,
        wrong=(lambda x, a: x * a, lambda g, x, a: (g * a, g * x)),
        right=(lambda x, a: x * a, scaled_backward),
        names=("not summed over",),
    ),
    "parameters divided by the batch": Report(
        what="the gradients of the parameters are averaged over the batch",
        source="cthorey/CS231, issue 9 (proposed there)",
        spec="linear",
        wrong=(linear, lambda g, x, W, b: (g @ W, g.mT @ x / len(x), g.sum(0))),
        right=(linear, linear_backward),
        names=("right / batch",),
    ),
    "a weight that is transposed": Report(
        what="the gradient of the weight is x^T g where the weight is [out, in]",
        source="a course's forum, many times",
        spec="linear",
        wrong=(linear, lambda g, x, W, b: (g @ W, x.mT @ g, g.sum(0))),
        right=(linear, linear_backward),
        names=("transposed",),
    ),
    "only the last sample": Report(
        what="the gradient of the weight is assigned in the loop over the samples, not added",
        source="the first lecture of micrograd (= where += belongs)",
        spec="linear",
        wrong=(linear, lambda g, x, W, b: (g @ W, torch.outer(g[-1], x[-1]) if len(x) else 0 * W, g.sum(0))),
        right=(linear, linear_backward),
        names=("only the last sample",),
    ),
    "a product without transposes": Report(
        what="both gradients of a matrix product are formed without a transpose",
        source="tile-ai/TileOPs, pull request 54 (the review)",
        spec=lambda A, B: A @ B,
        example=(torch.randn(3, 3, dtype=torch.float64), torch.randn(3, 3, dtype=torch.float64)),
        wrong=(product, lambda g, A, B: (g @ B, A @ g)),
        right=(product, lambda g, A, B: (g @ B.mT, A.mT @ g)),
        names=("transposed",),
    ),
    "a matrix that all batches share": Report(
        what="the gradient of the matrix that was broadcast keeps the batch",
        source="flashlight/flashlight, pull request 760",
        spec=BATCHED,
        wrong=(batched, lambda g, A, B: (g @ B.mT, A.mT @ g)),
        right=(batched, batched_backward),
        names=("not summed over",),
    ),
    "a mean's gradient is not divided": Report(
        what="the gradient of a mean over one axis is spread without 1/n",
        source="facebookresearch/shumai, issue 74",
        spec=MEAN,
        wrong=(lambda t: t.mean(0), lambda g, t: g.expand_as(t).clone()),
        right=(lambda t: t.mean(0), lambda g, t: (g / len(t)).expand_as(t).clone()),
        names=("right x n_i",),
    ),
    "an upstream gradient that is ignored": Report(
        what="backward of a total score returns the posteriors, whatever comes from above",
        source="k2-fsa/k2, issue 341",
        spec=LOGSUMEXP,
        wrong=(lambda x: x.logsumexp(0), lambda g, x: x.softmax(0)),
        right=(lambda x: x.logsumexp(0), lambda g, x: g * x.softmax(0)),
        names=("the upstream gradient is ignored", "right only where the upstream gradient is 1"),
    ),
    "a square without its 2": Report(
        what="the derivative of the squared error lacks the factor 2",
        source="SethHWeidman/DLFS_code, issue 9",
        spec=SQUARES,
        wrong=(lambda p, y: ((p - y) ** 2).sum(), lambda g, p, y: (g * (p - y), 2 * g * (y - p))),
        right=(lambda p, y: ((p - y) ** 2).sum(), lambda g, p, y: (2 * g * (p - y), 2 * g * (y - p))),
        names=("1/2 x right",),
    ),
    "divided by the batch twice": Report(
        what="the mean over the batch is taken in the loss and in its gradient again",
        source="tech-srl/code2seq, pull request 9",
        spec=MEAN_SQUARES,
        wrong=(mean_squares, lambda g, p, y: tuple(d / len(p) for d in mean_squares_backward(g, p, y))),
        right=(mean_squares, mean_squares_backward),
        names=("right / n_n",),
    ),
    "a variance with Bessel's correction": Report(
        what="forward divides by n, backward by n - 1",
        source="pytorch/pytorch, issue 3122 (the two variances)",
        spec=VARIANCE,
        wrong=(variance, lambda g, x: 2 * g * (x - x.mean()) / max(len(x) - 1, 1)),
        right=(variance, lambda g, x: 2 * g * (x - x.mean()) / len(x)),
        names=(r"n_i/\(n_i - 1\)", "n_i - 1"),
    ),
    "a cumulative sum runs the wrong way": Report(
        what="the gradient is accumulated from the front and not from the end",
        source="pytorch/pytorch, pull request 1122 (the review)",
        spec=CUMSUM,
        wrong=(lambda x: x.cumsum(0), lambda g, x: g.cumsum(0)),
        right=(lambda x: x.cumsum(0), lambda g, x: g.flip(0).cumsum(0).flip(0)),
        names=("reversed", "backwards", "condition"),
    ),
    "a cumulative product divides by its input": Report(
        what="the gradient is divided by x, which may be 0",
        source="Theano/Theano, pull request 5317",
        spec=lambda x: torch.cumprod(x, 0),
        example=(torch.randn(4, dtype=torch.float64),),
        wrong=(lambda x: x.cumprod(0), lambda g, x: (g * x.cumprod(0)).flip(0).cumsum(0).flip(0) / x),
        right=(lambda x: x.cumprod(0), cumprod_backward),
        names=("x = 0", "exactly 0"),
    ),
    "a softmax by its diagonal": Report(
        what="only o(1 - o) of the Jacobian is used",
        source="deeplearning4j/libnd4j, issue 440",
        spec=SOFTMAX,
        wrong=(lambda v: v.softmax(-1), lambda g, v: g * v.softmax(-1) * (1 - v.softmax(-1))),
        right=(lambda v: v.softmax(-1), softmax_backward),
        names=("diagonal",),
    ),
    "a softmax without its sum": Report(
        what="the inner product of gradient and output is not subtracted",
        source="HomericIntelligence/Odyssey, issue 2134",
        spec=SOFTMAX,
        wrong=(lambda v: v.softmax(-1), lambda g, v: g * v.softmax(-1)),
        right=(lambda v: v.softmax(-1), softmax_backward),
        names=("Sum.* is missing",),
    ),
    "a logarithm of softmax for upstream ones": Report(
        what="the softmax is subtracted as if the upstream gradient summed to 1",
        source="mlpack/mlpack, issue 2360",
        spec=LOG_SOFTMAX,
        wrong=(lambda x: x.log_softmax(0), lambda g, x: g - x.softmax(0)),
        right=(lambda x: x.log_softmax(0), log_softmax_backward),
        names=(r"Sum\(grad_o.*is missing", "grad_o.* missing"),
    ),
    "a sum of exponentials without its maximum": Report(
        what="log(sum(exp(x))) overflows",
        source="uTensor/uTensor, issue 175",
        spec=LOGSUMEXP,
        wrong=(lambda x: x.exp().sum().log(), lambda g, x: g * x.softmax(0)),
        right=(lambda x: x.logsumexp(0), lambda g, x: g * x.softmax(0)),
        names=(r"the largest number of x\|? >= .*not finite",),
    ),
    "a distance's second gradient": Report(
        what="the gradient of the second argument repeats the sign of the first",
        source="a forum's question about pairwise distances",
        spec=DISTANCE,
        wrong=(distance, lambda g, x, y: (distance_backward(g, x, y)[0], -distance_backward(g, x, y)[1])),
        right=(distance, distance_backward),
        names=("the sign is wrong",),
    ),
    "a norm of zero": Report(
        what="x/|x| is nan where all entries are 0",
        source="pytorch/pytorch, issue 2421",
        spec=torch.linalg.vector_norm,
        example=(torch.randn(3, dtype=torch.float64),),
        wrong=(torch.linalg.vector_norm, lambda g, x: g * x / torch.linalg.vector_norm(x)),
        right=(
            torch.linalg.vector_norm,
            lambda g, x: g * x / torch.linalg.vector_norm(x) if bool(x.any()) else 0 * x,
        ),
        names=("all (of x )?(is|are) 0", "x is 0 everywhere", "exactly 0", "x = 0"),
    ),
}
