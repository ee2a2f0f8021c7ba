"""Convolutions of one or two axes, with stride, padding, dilation and groups; their gradients; the transposed ones.

In   a call
Out  a constant that describes it, and a call of convolve, convolve_filter or convolve_image (convolution.h)

A transposed convolution is the image's gradient of a convolution, and the other way about; so its own gradients are a
convolution of the gradient, and the filters' gradient with image and result exchanged.
"""

from __future__ import annotations

from typing import Any

import torch

from scratchgrad.program.native.emit.writer import Form, Unsupported, Writer
from scratchgrad.program.op import Op, View

__all__ = ["FORMS"]

_aten = torch.ops.aten
_COLUMNS = 1 << 15
"""How many numbers the columns of a tile may be, unless a line has more."""


def _convolution(writer: Writer, op: Op) -> None:
    x, filters, bias, stride, padding, dilation, transposed, _, groups = op.args
    out = op.outs[0]
    if bias is not None and bias.strides != (1,) and bias.numel != 1:
        raise Unsupported(f"a bias with gaps ({op.why})")
    b = "0" if bias is None else writer.at(bias)
    image, result = (out, x) if transposed else (x, out)
    described = (stride, padding, dilation, groups)
    _conv(writer, op, image, result, filters=filters, described=described)
    call, first, second = ("convolve_image", image, result) if transposed else ("convolve", result, image)
    writer.write(f"{call}(v, {writer.at(first)}, {writer.at(second)}, {writer.at(filters)}, {b}, scratch); }}")


def _backward(writer: Writer, op: Op) -> None:
    grad, x, filters, _, stride, padding, dilation, transposed, _, groups, wanted = op.args
    image, result = (grad, x) if transposed else (x, grad)
    described = (stride, padding, dilation, groups)
    outs = iter(op.outs)
    if wanted[0]:
        out = next(outs)
        if transposed:
            _conv(writer, op, image, out, filters=filters, described=described)
            call, source = "convolve", image
        else:
            _conv(writer, op, out, result, filters=filters, described=described)
            call, source = "convolve_image", result
        writer.write(f"{call}(v, {writer.at(out)}, {writer.at(source)}, {writer.at(filters)}, 0, scratch); }}")
    if wanted[1]:
        out = next(outs)
        _conv(writer, op, image, result, filters=out, described=described)
        writer.write(f"convolve_filter(v, {writer.at(out)}, {writer.at(image)}, {writer.at(result)}, scratch); }}")
    if wanted[2]:
        raise Unsupported(f"a bias' gradient within convolution_backward ({op.why})")


def _conv(writer: Writer, op: Op, image: View, result: View, *, filters: View, described: tuple[Any, ...]) -> None:
    """The constant v, in a block that is open."""
    stride, padding, dilation, groups = described
    if len(image.shape) not in (3, 4):
        raise Unsupported(f"a convolution over {len(image.shape) - 2} axes ({op.why})")
    if filters.strides != filters.usual:
        raise Unsupported(f"filters with gaps ({op.why})")
    (n, channels, *_), (h, w), (xh, xw) = image.shape, _two(image.shape[2:], 1), _two(image.strides[2:], 0)
    (k, m), (p, q), (uh, uw) = _two(filters.shape[2:], 1), _two(result.shape[2:], 1), _two(result.strides[2:], 0)
    (sh, sw), (ph, pw), (dh, dw) = _two(stride, 1), _two(padding, 0), _two(dilation, 1)
    c, o = channels // groups, result.shape[1] // groups
    rows = c * k * m
    samples = max(1, min(n, _COLUMNS // max(1, rows * p * q)))
    lines = p if samples > 1 else max(1, min(p, _COLUMNS // max(1, rows * q)))
    frame, width = c * (h + 2 * ph) * (w + 2 * pw), samples * lines * q
    begins, end = [], 0
    for size in (frame, rows * width, o * width):
        begins.append(-(-end // 16) * 16)
        end = begins[-1] + size
    writer.scratch(end)
    writer.need("convolution.h")
    fields = (
        *(n, groups, c, o, h, w, k, m, p, q, sh, sw, ph, pw, dh, dw, samples, lines),
        *(image.strides[0], image.strides[1], xh, xw, result.strides[0], result.strides[1], uh, uw, *begins),
    )
    writer.write(f"{{ const struct conv v = {{{', '.join(map(str, fields))}}};")


def _two(values: Any, missing: int) -> tuple[int, int]:
    """The numbers of two axes; of one, it lies along the second."""
    one, other = (missing, *values) if len(values) == 1 else values
    return one, other


FORMS: dict[object, Form] = {_aten.convolution.default: _convolution, _aten.convolution_backward.default: _backward}
