"""Copying: tensors one after the other along an axis; a tensor with a border.

In   a call
Out  a loop for each part
"""

from __future__ import annotations

import torch

from scratchgrad.program.native.emit.nests import nest
from scratchgrad.program.native.emit.writer import Form, Writer
from scratchgrad.program.op import Op, View

__all__ = ["FORMS"]

_aten = torch.ops.aten


def _cat(writer: Writer, op: Op) -> None:
    out = op.outs[0]
    dim = (op.args[1] if len(op.args) > 1 else 0) % max(1, len(out.shape))
    begin = 0
    for part in op.args[0]:
        if part.shape == (0,):  # torch takes an empty vector beside tensors of any shape
            continue
        _copied(writer, _part(out, dim, begin, part.shape[dim]), part)
        begin += part.shape[dim]


def _pad(writer: Writer, op: Op) -> None:
    """The source in the middle of a constant; where the border is negative, a part of the source."""
    source, border = op.args[:2]
    out, middle = op.outs[0], op.outs[0]
    value = writer.number(op.args[2] if len(op.args) > 2 else 0.0)
    for k in range(len(border) // 2):
        dim, (before, after) = len(source.shape) - 1 - k, border[2 * k : 2 * k + 2]
        source = _part(source, dim, max(0, -before), source.shape[dim] - max(0, -before) - max(0, -after))
        middle = _part(middle, dim, max(0, before), source.shape[dim])
    around = nest(out.shape, [out])
    writer.write(f"{around.loops()}{around.entry(writer, out)} = {value};")
    _copied(writer, middle, source)


def _copied(writer: Writer, to: View, source: View) -> None:
    around = nest(to.shape, list(dict.fromkeys([to, source])))
    writer.write(f"{around.loops()}{around.entry(writer, to)} = {around.entry(writer, source)};")


def _part(view: View, dim: int, begin: int, size: int) -> View:
    shape = (*view.shape[:dim], size, *view.shape[dim + 1 :])
    return View(view.storage, shape, view.strides, view.offset + begin * view.strides[dim])


FORMS: dict[object, Form] = {_aten.cat.default: _cat, _aten.constant_pad_nd.default: _pad}
