"""Convolution of sequences for a program: that of images of one row."""

from __future__ import annotations

from collections.abc import Sequence

from torch import Tensor

from scratchgrad.recipes.conv2d import Saved, Windows

__all__ = ["Row", "fits", "kernel"]


class Row:
    """The filter times every window, plus b.  x: [n, c, i], W: [o, c, k], b: [o], u: [n, o, p]."""

    def __init__(self, windows: Windows) -> None:
        """The windows of an image of one row."""
        self.windows = windows

    def forward(self, x: Tensor, W: Tensor, b: Tensor) -> tuple[Tensor, Saved]:
        """The product W X + b."""
        u, saved = self.windows.forward(x.unsqueeze(2), W.unsqueeze(2), b)
        return u.squeeze(2), saved

    def backward(self, saved: Saved, grad_u: Tensor) -> tuple[Tensor, Tensor, Tensor]:
        """Three products, as for images."""
        grad_x, grad_W, grad_b = self.windows.backward(saved, grad_u.unsqueeze(2))
        return grad_x.squeeze(2), grad_W.squeeze(2), grad_b


def fits(inputs: Sequence[Tensor], *, compiled: bool, stride: int, padding: int, dilation: int) -> bool:
    """Whether X is small."""
    x, W, _ = inputs
    return kernel(frozenset(), stride=stride, padding=padding, dilation=dilation).windows.few(
        x.unsqueeze(2), W.unsqueeze(2), compiled=compiled
    )


def kernel(unit: frozenset[int], *, stride: int, padding: int, dilation: int) -> Row:
    """The kernel at these options, whatever the rows sum to."""
    return Row(Windows((1, stride), (0, padding), (1, dilation)))
