"""Pooling over two axes: the largest entry of every window, or the mean; and back.

In   a call
Out  a constant that describes it, and a call of one of the functions in pooling.h
"""

from __future__ import annotations

from typing import Any

import torch

from scratchgrad.program.native.emit.writer import Form, Unsupported, Writer
from scratchgrad.program.op import Op, View

__all__ = ["FORMS"]

_aten = torch.ops.aten


def _max_pool(writer: Writer, op: Op) -> None:
    x, kernel, stride, padding, dilation = _filled(op.args, [], 0, 1)
    out, places = op.outs
    if out.strides != places.strides:
        raise Unsupported(f"places that lie otherwise than their entries ({op.why})")
    _pool(writer, op, x, out, kernel=kernel, stride=stride, padding=padding, dilation=dilation)
    (k, m), (s, t), (d, e) = _two(kernel), _two(stride or kernel), _two(dilation)
    (h, w), (p, q) = x.shape[-2:], out.shape[-2:]
    inside = _two(padding) == (0, 0) and (p - 1) * s + (k - 1) * d < h and (q - 1) * t + (m - 1) * e < w
    call = "max_pool_inside" if inside else "max_pool"
    writer.write(f"{call}(v, {writer.at(out)}, {writer.at(places)}, {writer.at(x)}); }}")


def _max_pool_backward(writer: Writer, op: Op) -> None:
    grad, _, kernel, stride, padding, dilation, _, places = op.args
    out = op.outs[0]
    _pool(writer, op, out, grad, kernel=kernel, stride=stride, padding=padding, dilation=dilation)
    of_places = ", ".join(map(str, _four(op, places).strides))
    _dense(op, out)
    writer.write(f"max_pool_back(v, {writer.at(out)}, {writer.at(grad)}, {writer.at(places)}, {of_places}); }}")


def _mean_pool(writer: Writer, op: Op) -> None:
    x, kernel, stride, padding, _, padded, divisor = _filled(op.args, [], 0, False, True, None)
    out = op.outs[0]
    _pool(writer, op, x, out, kernel=kernel, stride=stride, padding=padding)
    writer.write(f"mean_pool(v, {writer.at(out)}, {writer.at(x)}, {int(padded)}, {divisor or 0}); }}")


def _mean_pool_backward(writer: Writer, op: Op) -> None:
    grad, _, kernel, stride, padding, _, padded, divisor = op.args
    out = op.outs[0]
    _pool(writer, op, out, grad, kernel=kernel, stride=stride, padding=padding)
    _dense(op, out)
    writer.write(f"mean_pool_back(v, {writer.at(out)}, {writer.at(grad)}, {int(padded)}, {divisor or 0}); }}")


def _pool(
    writer: Writer, op: Op, image: View, result: View, *, kernel: Any, stride: Any, padding: Any, dilation: Any = 1
) -> None:
    """The constant v, in a block that is open."""
    image, result = _four(op, image), _four(op, result)
    (n, c, h, w), (_, _, p, q) = image.shape, result.shape
    two = [x for values in (stride or kernel, padding, dilation) for x in _two(values)]
    fields = (n * c, h, w, *_two(kernel), p, q, *two, max(1, c), *image.strides, *result.strides)
    writer.need("pooling.h")
    writer.write(f"{{ const struct pool v = {{{', '.join(map(str, fields))}}};")


def _four(op: Op, view: View) -> View:
    """The view as [samples, channels, h, w]."""
    if len(view.shape) == 4:
        return view
    if len(view.shape) == 3:
        return View(view.storage, (1, *view.shape), (0, *view.strides), view.offset)
    raise Unsupported(f"pooling of {len(view.shape)} axes ({op.why})")


def _dense(op: Op, view: View) -> None:
    if view.strides != view.usual:
        raise Unsupported(f"a gradient with gaps ({op.why})")


def _two(values: Any) -> tuple[int, int]:
    if isinstance(values, int):
        return values, values
    one, other = values * 2 if len(values) == 1 else values
    return one, other


def _filled(args: tuple[Any, ...], *defaults: Any) -> tuple[Any, ...]:
    """The arguments, the image and the window first, and the defaults of those that are not given."""
    return (*args, *defaults[len(args) - 2 :])[: 2 + len(defaults)]


FORMS: dict[object, Form] = {
    _aten.max_pool2d_with_indices.default: _max_pool,
    _aten.max_pool2d_with_indices_backward.default: _max_pool_backward,
    _aten.avg_pool2d.default: _mean_pool,
    _aten.avg_pool2d_backward.default: _mean_pool_backward,
}
