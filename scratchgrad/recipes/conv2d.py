"""Convolution for a program: one product of matrices, on windows that are copied together, the samples side by side.

    X[(c,k,m), (p,q,n)] = x_n[c, stride p + dilation k - padding, stride q + dilation m - padding]
    U = W X + b,    grad_W = grad_U X^T,    grad_b = grad_U 1,    grad_X = W^T grad_U,    grad_x: X's entries, added up

torch's convolution costs some 50 us a call however small the image is, and allocates; here all calls write into memory
that is there, X is made once for both sweeps, and with the samples innermost every copy runs along memory.  Where X has
more than 2^20 entries, torch's own, which never makes X, is faster (measured with 3 x 3 filters from 1 to 64 channels);
in a compiled program, whose convolution unfolds a few samples at a time, that one is from 2^16 entries on.

Source  Chellapilla, Puri and Simard, High Performance Convolutional Neural Networks for Document Processing, 2006 (X)
"""

from __future__ import annotations

from collections.abc import Sequence

from torch import Tensor

__all__ = ["Windows", "fits", "kernel"]

MOST_ENTRIES, MOST_COMPILED = 1 << 20, 1 << 16

Pair = tuple[int, int]
Saved = tuple[Tensor, Tensor, tuple[int, ...]]


class Windows:
    """The filter times every window, plus b.  x: [n, c, h, w], W: [o, c, k, m], b: [o], u: [n, o, p, q]."""

    def __init__(self, stride: Pair, padding: Pair, dilation: Pair) -> None:
        """Each for rows and for columns."""
        self.stride, self.padding, self.dilation = stride, padding, dilation

    def sizes(self, x: Tensor, W: Tensor) -> tuple[int, int]:
        """The rows p and columns q of u."""
        p, q = (
            (n + 2 * beside - apart * (k - 1) - 1) // step + 1
            for n, k, step, beside, apart in zip(
                x.shape[2:], W.shape[2:], self.stride, self.padding, self.dilation, strict=True
            )
        )
        return p, q

    def forward(self, x: Tensor, W: Tensor, b: Tensor) -> tuple[Tensor, Saved]:
        """The product W X + b."""
        o, p, q, n = len(W), *self.sizes(x, W), len(x)
        X = self._gathered(x, W).contiguous().view(W[0].numel(), p * q * n)
        u = b.unsqueeze(1).addmm(W.reshape(o, -1), X)
        return u.view(o, p, q, n).permute(3, 0, 1, 2), (X, W, tuple(x.shape))

    def backward(self, saved: Saved, grad_u: Tensor) -> tuple[Tensor, Tensor, Tensor]:
        """Three products, and the windows of grad_X added up where they overlap."""
        X, W, shape = saved
        o = len(W)
        n, _, p, q = grad_u.shape
        grad = grad_u.permute(1, 2, 3, 0).contiguous().view(o, p * q * n)
        grad_W = grad.mm(X.t()).view(W.shape)
        grad_X = W.reshape(o, -1).t().mm(grad).view(*W.shape[1:], p, q, n)
        return self._scattered(grad_X, shape), grad_W, grad.t().sum(0)

    def _gathered(self, x: Tensor, W: Tensor) -> Tensor:
        """X [c, k, m, p, q, n]; a view of x where filters of one entry lie side by side."""
        n, c, h, w = x.shape
        (k, m), (p, q), (above, left) = W.shape[2:], self.sizes(x, W), self.padding
        framed = x.permute(1, 2, 3, 0)
        if above or left:
            inner = framed
            framed = x.new_zeros(c, h + 2 * above, w + 2 * left, n)
            framed[:, above : above + h, left : left + w].copy_(inner)
        C, H, Q, N = framed.stride()
        (down, right), (lower, further) = self.stride, self.dilation
        strides = (C, lower * H, further * Q, down * H, right * Q, N)
        return framed.as_strided((c, k, m, p, q, n), strides, framed.storage_offset())

    def _scattered(self, grad_X: Tensor, shape: tuple[int, ...]) -> Tensor:
        n, c, h, w = shape
        _, k, m, p, q, _ = grad_X.shape
        (above, left), (down, right) = self.padding, self.stride
        framed = grad_X.new_zeros(c, h + 2 * above, w + 2 * left, n)
        for r in range(k):
            for t in range(m):
                top, first = self.dilation[0] * r, self.dilation[1] * t
                rows, columns = (
                    slice(top, top + down * (p - 1) + 1, down),
                    slice(first, first + right * (q - 1) + 1, right),
                )
                framed[:, rows, columns].add_(grad_X[:, r, t])
        return framed[:, above : above + h, left : left + w].permute(3, 0, 1, 2)

    def few(self, x: Tensor, W: Tensor, *, compiled: bool) -> bool:
        """Whether X has few entries."""
        p, q = self.sizes(x, W)
        return W[0].numel() * p * q * len(x) <= (MOST_COMPILED if compiled else MOST_ENTRIES)


def fits(inputs: Sequence[Tensor], *, compiled: bool, stride: int, padding: int, dilation: int, groups: int) -> bool:
    """Whether X is small."""
    x, W, _ = inputs
    made = kernel(frozenset(), stride=stride, padding=padding, dilation=dilation, groups=groups)
    return made is not None and made.few(x, W, compiled=compiled)


def kernel(unit: frozenset[int], *, stride: int, padding: int, dilation: int, groups: int) -> Windows | None:
    """The kernel at these options, whatever the rows sum to; None where there are several groups."""
    return Windows((stride, stride), (padding, padding), (dilation, dilation)) if groups == 1 else None
