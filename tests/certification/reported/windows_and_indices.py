"""Windows, positions, attention: flipped, shifted, overwritten, repeated, masked."""

import math

import torch
from torch.nn import functional

from tests.certification.reported.report import Report

D = torch.float64
POOL = "m = Max(x[i], i)"
WINDOWS = "y[p] = Max(x[2*p+k], k)"


def draw(*shape):
    return torch.randn(*shape, dtype=D, generator=torch.Generator().manual_seed(len(shape)))


def conv(x, W):
    return functional.conv1d(x, W)


def conv_backward(g, x, W):
    return functional.conv_transpose1d(g, W), torch.einsum("nop,nipk->oik", g, x.unfold(2, W.shape[2], 1))


def biased(x, W, b):
    return functional.conv1d(x, W, b)


def strided(x, W):
    return functional.conv1d(x, W, stride=2)


def strided_backward(g, x, W):
    spread = torch.zeros(*g.shape[:2], 2 * g.shape[2] - 1, dtype=g.dtype)
    spread[..., ::2] = g
    grad_x = torch.zeros_like(x)
    full = functional.conv_transpose1d(spread, W)
    grad_x[..., : full.shape[2]] = full
    return grad_x, torch.einsum("nop,nipk->oik", g, x.unfold(2, W.shape[2], 2))


def largest_backward(g, x):
    tied = (x == x.amax()).to(x.dtype)
    return g * tied / tied.sum()


def overlapping(x):
    return functional.max_pool1d(x[None], 2, 1)[0]


def overlapping_backward(g, x, add=True):
    at = x.unfold(1, 2, 1).argmax(-1) + torch.arange(g.shape[1])
    found = torch.zeros_like(x)
    return found.scatter_add(1, at, g) if add else found.scatter(1, at, g)


def pooled(x):
    return functional.max_pool1d(x[None], 2, 2)[0]


def pooled_backward(g, x, windows=None):
    at = x.unfold(1, 2, 2).argmax(-1) + 2 * torch.arange(g.shape[1])
    g = g if windows is None else torch.cat([g[:, :windows], 0 * g[:, windows:]], 1)
    return torch.zeros_like(x).scatter_add(1, at, g)


def gather(x, t):
    return x[t]


def gather_backward(g, x, t):
    return torch.zeros_like(x).index_add(0, t, g), None


def gather_overwriting(g, x, t):
    found = torch.zeros_like(x)
    for row, place in zip(g, t.tolist(), strict=True):
        found[place] = row
    return found, None


def padded(E, t):
    return torch.where((t == 0)[:, None], E[t].detach(), E[t])


def padded_backward(g, E, t):
    return torch.zeros_like(E).index_add(0, t, torch.where((t == 0)[:, None], 0 * g, g)), None


def rolled(x):
    return torch.roll(x, 1, 0)


def repeated(x):
    return x.repeat(3)


def interleaved(x):
    return x.repeat_interleave(3)


def joined(a, b):
    return torch.cat([a, b])


def halves(a, b):
    return torch.cat([a, b], -1)


def permuted(x):
    return x.permute(1, 2, 0)


def taken(x, p):
    return x[p]


def attention(q, k, v):
    return (q @ k.mT / math.sqrt(q.shape[-1])).softmax(-1) @ v


def attention_backward(g, q, k, v, scale=None):
    c = 1 / math.sqrt(q.shape[-1])
    p = (q @ k.mT * c).softmax(-1)
    dp = g @ v.mT
    ds = p * (dp - (dp * p).sum(-1, keepdim=True))
    return ds @ k * (c if scale is None else scale), ds.mT @ q * c, p.mT @ g


def masked(s):
    return s.masked_fill(torch.ones_like(s).triu(1).bool(), -math.inf).softmax(-1)


def masked_backward(g, s):
    p = masked(s)
    return p * (g - (g * p).sum(-1, keepdim=True))


def plain_backward(g, s):
    p = s.softmax(-1)
    return p * (g - (g * p).sum(-1, keepdim=True))


def rotated(x, c, s):
    a, b = x.chunk(2, -1)
    return torch.cat([a * c - b * s, b * c + a * s], -1)


def rotated_backward(g, x, c, s):
    (a, b), (d, e) = x.chunk(2, -1), g.chunk(2, -1)
    return torch.cat([d * c + e * s, e * c - d * s], -1), d * a + e * b, e * a - d * b


def rotated_forwards(g, x, c, s):
    """The rotation itself, not its transpose."""
    return rotated(g, c, s), *rotated_backward(g, x, c, s)[1:]


IMAGES = (draw(2, 3, 7), draw(4, 3, 3))
ROWS = (draw(4, 3), torch.tensor([2, 0, 2, 1, 2]))
QKV = (draw(4, 3), draw(5, 3), draw(5, 2))

WINDOWS_AND_INDICES = {
    "a kernel that is not flipped": Report(
        what="the gradient of the input is a convolution with the kernel as it is",
        source="ddbourgin/numpy-ml, issue 27 (asked there)",
        spec=conv,
        example=IMAGES,
        wrong=(conv, lambda g, x, W: (functional.conv_transpose1d(g, W.flip(2)), conv_backward(g, x, W)[1])),
        right=(conv, conv_backward),
        names=("W .*(flipped|reversed)",),
    ),
    "a bias of one position": Report(
        what="the gradient of the bias sums over samples, not over positions",
        source="intel/ipex-llm, pull request 94 (of the kind)",
        spec=biased,
        example=(*IMAGES, draw(4)),
        wrong=(biased, lambda g, x, W, b: (*conv_backward(g, x, W), g[..., 0].sum(0))),
        right=(biased, lambda g, x, W, b: (*conv_backward(g, x, W), g.sum((0, 2)))),
        names=("only the first", "not summed"),
    ),
    "a stride that backward forgets": Report(
        what="the gradient of the input is that of stride 1",
        source="pytorch/pytorch, issue 63314",
        spec=strided,
        example=IMAGES,
        wrong=(
            strided,
            lambda g, x, W: (
                functional.pad(functional.conv_transpose1d(g, W), (0, 2)),
                strided_backward(g, x, W)[1],
            ),
        ),
        right=(strided, strided_backward),
        names=("stride", "axis 2", r"right at \[.*\]", "shift"),
    ),
    "every maximum of a tie": Report(
        what="all entries that equal the maximum get the whole gradient",
        source="Theano/Theano, issue 5248",
        spec=POOL,
        wrong=(lambda x: x.amax(), lambda g, x: g * (x == x.amax())),
        right=(lambda x: x.amax(), largest_backward),
        names=(r"\bties?\b",),
    ),
    "nearly a maximum": Report(
        what="entries within a hundredth of the maximum get a gradient",
        source="mni-ml/framework, pull request 22 (the review)",
        spec=POOL,
        wrong=(
            lambda x: x.amax(),
            lambda g, x: g * ((x - x.amax()).abs() < 1e-2) / ((x - x.amax()).abs() < 1e-2).sum(),
        ),
        right=(lambda x: x.amax(), largest_backward),
        names=(r"second largest of its row of x\) <=",),
    ),
    "overlapping windows overwrite": Report(
        what="an entry that is the maximum of two windows gets one gradient",
        source="devitocodes/joey, pull request 5",
        spec=overlapping,
        example=(draw(2, 5),),
        wrong=(overlapping, lambda g, x: overlapping_backward(g, x, add=False)),
        right=(overlapping, overlapping_backward),
        names=("overwrit", "more than once", "not summed", "only one of"),
    ),
    "the loop returns after the first window": Report(
        what="the return stands inside the loop over the windows",
        source="riccardoandreoni0/CNN-from-scratch, issue 1",
        spec=pooled,
        example=(draw(2, 6),),
        wrong=(pooled, lambda g, x: pooled_backward(g, x, 1)),
        right=(pooled, pooled_backward),
        names=("only the first part of grad_y along axis 1",),
    ),
    "an index that repeats": Report(
        what="the gradient is written to the place, not added",
        source="pytorch/pytorch, issue 1631",
        spec=gather,
        example=ROWS,
        wrong=(gather, gather_overwriting),
        right=(gather, gather_backward),
        names=("only the last counts: it is overwritten",),
    ),
    "a row that must not learn": Report(
        what="the row of the padding gets a gradient",
        source="pytorch/pytorch, issue 26302",
        spec=padded,
        example=(draw(4, 3), torch.tensor([2, 0, 2, 1, 0])),
        wrong=(padded, gather_backward),
        right=(padded, padded_backward),
        names=("the same without detach", "row 0"),
    ),
    "a shift in the same direction": Report(
        what="the gradient of a shift is shifted the same way",
        source="a forum's question on torch.roll",
        spec=rolled,
        example=(draw(5, 2),),
        wrong=(rolled, lambda g, x: torch.roll(g, 1, 0)),
        right=(rolled, lambda g, x: torch.roll(g, -1, 0)),
        names=("shifted", "runs backwards"),
    ),
    "repeat is not interleaved": Report(
        what="the gradient of repeat is summed as that of repeat_interleave",
        source="a forum's question on repeat",
        spec=repeated,
        example=(draw(4),),
        wrong=(repeated, lambda g, x: g.reshape(-1, 3).sum(1)),
        right=(repeated, lambda g, x: g.reshape(3, -1).sum(0)),
        names=(r"grad_x\[0\] takes grad_y\[0\], grad_y\[1\], grad_y\[2\]",),
    ),
    "two halves exchanged": Report(
        what="the gradients of a concatenation come out in the wrong order",
        source="a course's forum",
        spec=joined,
        example=(draw(3, 2), draw(3, 2) + 1),
        wrong=(joined, lambda g, a, b: tuple(p.clone() for p in g.chunk(2)[::-1])),
        right=(joined, lambda g, a, b: tuple(p.clone() for p in g.chunk(2))),
        names=("the order is wrong",),
    ),
    "a permutation instead of its inverse": Report(
        what="backward of an indexing by a permutation indexes by it again",
        source="a forum's question on argsort",
        spec=taken,
        example=(draw(4, 2), torch.tensor([1, 2, 3, 0])),
        wrong=(taken, lambda g, x, p: (g[p], None)),
        right=(taken, lambda g, x, p: (torch.zeros_like(x).index_copy(0, p, g), None)),
        names=("the Jacobian stands where its transpose belongs", "another order"),
    ),
    "axes permuted the same way": Report(
        what="the gradient of permute(1, 2, 0) is permuted by (1, 2, 0) again",
        source="a forum's question on permute",
        spec=permuted,
        example=(draw(3, 3, 3),),
        wrong=(permuted, lambda g, x: g.permute(1, 2, 0).clone()),
        right=(permuted, lambda g, x: g.permute(2, 0, 1).clone()),
        names=("permuted", "axes"),
    ),
    "attention without its scale": Report(
        what="the gradient of the queries is not divided by sqrt(d)",
        source="a review of an attention kernel",
        spec=attention,
        example=QKV,
        wrong=(attention, lambda g, q, k, v: attention_backward(g, q, k, v, scale=1.0)),
        right=(attention, attention_backward),
        names=(r"1\.732|sqrt\(3\)",),
    ),
    "a causal mask that backward forgets": Report(
        what="backward takes the softmax over all keys",
        source="triton-lang/triton, issue 4541 (the other way round)",
        spec=masked,
        example=(draw(4, 4),),
        wrong=(masked, plain_backward),
        right=(masked, masked_backward),
        names=("without masked_fill",),
    ),
    "a rotation the same way": Report(
        what="the gradient of a rotary embedding is rotated forwards",
        source="huggingface/candle, pull request 3612 (what it says of the sign)",
        spec=rotated,
        example=(draw(3, 4), draw(3, 2), draw(3, 2) + 1),
        wrong=(rotated, rotated_forwards),
        right=(rotated, rotated_backward),
        names=("-s in the place of s", "sign of s", "s .*sign"),
    ),
}
