"""Convolutions of one or two axes, with stride, padding, dilation and groups; their gradients; the transposed ones.

In   a call
Out  a constant that describes it, and a call of convolve, convolve_filter or convolve_image (convolution.h)

A transposed convolution is the image's gradient of a convolution, and the other way about; so its own gradients are a
convolution of the gradient, and the filters' gradient with image and result exchanged.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any, Literal

import torch

from scratchgrad.program.native.emit.products import by_loops
from scratchgrad.program.native.emit.writer import Form, Unsupported, Writer
from scratchgrad.program.op import Op, View

__all__ = ["FORMS"]

_aten = torch.ops.aten
_COLUMNS = 1 << 15
"""How many numbers the columns of a tile may be: they stay in the second cache."""
_WIDTHS = 128, 256
"""So many columns it has anyway, rather the second where they are not more than _MOST numbers: with fewer, the filters
are read more often than multiplied by."""
_MOST = 1 << 17
_FILTERS = 1 << 14
"""How many numbers filters may be that are read again for every sample."""


@dataclass(frozen=True)
class _Convolution:
    """What the image, the filters and the result of a convolution have in common; a 0 stands for no bias."""

    image: View
    filters: View
    result: View
    stride: Any
    padding: Any
    dilation: Any
    groups: int


def _forward(writer: Writer, op: Op) -> None:
    x, filters, bias, stride, padding, dilation, transposed, _, groups = op.args
    out = op.outs[0]
    if bias is not None and bias.strides != (1,) and bias.numel != 1:
        raise Unsupported(f"a bias with gaps ({op.why})")
    b = "0" if bias is None else writer.at(bias)
    image, result = (out, x) if transposed else (x, out)
    convolution = _Convolution(image, filters, result, stride, padding, dilation, groups)
    _written(writer, op, convolution, "convolve_image" if transposed else "convolve", b)


def _backward(writer: Writer, op: Op) -> None:
    grad, x, filters, _, stride, padding, dilation, transposed, _, groups, wanted = op.args
    image, result = (grad, x) if transposed else (x, grad)
    common = (stride, padding, dilation, groups)
    outs = iter(op.outs)
    if wanted[0]:
        out = next(outs)
        if transposed:
            _written(writer, op, _Convolution(image, filters, out, *common), "convolve", "0")
        else:
            _written(writer, op, _Convolution(out, filters, result, *common), "convolve_image", "0")
    if wanted[1]:
        _written(writer, op, _Convolution(image, next(outs), result, *common), "convolve_filter")
    if wanted[2]:
        raise Unsupported(f"a bias' gradient within convolution_backward ({op.why})")


def _written(
    writer: Writer,
    op: Op,
    convolution: _Convolution,
    call: Literal["convolve", "convolve_image", "convolve_filter"],
    bias: str = "",
) -> None:
    image, filters, result = convolution.image, convolution.filters, convolution.result
    if len(image.shape) not in (3, 4):
        raise Unsupported(f"a convolution over {len(image.shape) - 2} axes ({op.why})")
    if filters.strides != filters.usual:
        raise Unsupported(f"filters with gaps ({op.why})")
    (n, channels, *_), (h, w), (xh, xw) = image.shape, _two(image.shape[2:], 1), _two(image.strides[2:], 0)
    (k, m), (p, q), (uh, uw) = _two(filters.shape[2:], 1), _two(result.shape[2:], 1), _two(result.strides[2:], 0)
    (sh, sw), (ph, pw) = _two(convolution.stride, 1), _two(convolution.padding, 0)
    c, o = channels // convolution.groups, result.shape[1] // convolution.groups
    window, places = c * k * m, p * q
    loops, samples, lines = _tile(call, window, o, places, n=n, lines=p)
    frame, width = c * (h + 2 * ph) * (w + 2 * pw), samples * lines * q
    begins, end = [], 0
    for size in (frame, window * width, o * width, window * o if loops else 0):
        begins.append(-(-end // 16) * 16)
        end = begins[-1] + size
    writer.scratch(end)
    writer.need("product.h")
    writer.need("convolution.h")
    fields = (
        *(n, convolution.groups, c, o, h, w, k, m, p, q, sh, sw, ph, pw, *_two(convolution.dilation, 1)),
        *(int(loops), samples, lines),
        *(image.strides[0], image.strides[1], xh, xw, result.strides[0], result.strides[1], uh, uw, *begins),
    )
    tensors = {"convolve": (result, image, filters), "convolve_image": (image, result, filters)}
    pointers = [writer.at(view) for view in tensors.get(call, (filters, image, result))]
    arguments = ["v", *pointers, *([bias] if bias else []), "scratch"]
    writer.write(f"{{ const struct conv v = {{{', '.join(map(str, fields))}}};", f"{call}({', '.join(arguments)}); }}")


def _tile(call: str, window: int, o: int, places: int, *, n: int, lines: int) -> tuple[bool, int, int]:
    """Whether a tile's product is loops, and of how many samples, or lines of one, a tile is.

    One sample, where that is small: several cost a copy of the result.  Else so many columns that the filters are read
    seldom.  The filters' gradient by loops wants tiles without a rest, which would be added up as well.
    """

    def loops(width: int) -> bool:
        if call == "convolve":
            return by_loops(o, width, window, in_rows=True)
        if call == "convolve_image":
            return by_loops(window, width, o, in_rows=True)
        return by_loops(window, o, width, in_rows=False)

    if window * o <= _FILTERS and loops(places):
        return True, 1, lines
    few, many = _WIDTHS
    columns = max(_COLUMNS, window * few, min(window * many, _MOST))
    samples = max(1, min(n, columns // max(1, window * places)))
    some = lines if samples > 1 else max(1, min(lines, columns * lines // max(1, window * places)))
    if call == "convolve_filter":
        samples, some = _divisor(n, samples), _divisor(lines, some)
    return loops(samples * some * places // max(1, lines)), samples, some


def _divisor(n: int, most: int) -> int:
    """The largest divisor of n up to `most`."""
    return next((d for d in range(most, 1, -1) if n % d == 0), 1)


def _two(values: Any, missing: int) -> tuple[int, int]:
    """The numbers of two axes; of one, it lies along the second."""
    one, other = (missing, *values) if len(values) == 1 else values
    return one, other


FORMS: dict[object, Form] = {_aten.convolution.default: _forward, _aten.convolution_backward.default: _backward}
