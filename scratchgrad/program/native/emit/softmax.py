"""Softmax and log-softmax, line by line; the lines side by side where they lie so; log-sigmoid.

In   a call
Out  of every line: its largest entry, exponentials, their sum
"""

from __future__ import annotations

import torch

from scratchgrad.program.native.emit.nests import nest
from scratchgrad.program.native.emit.writer import Form, Writer
from scratchgrad.program.op import Op, View

__all__ = ["FORMS"]

_aten = torch.ops.aten
_SIDE_BY_SIDE = 4096


def _softmax(writer: Writer, op: Op) -> None:
    v, out = op.args[0], op.outs[0]
    log = op.function is _aten._log_softmax.default
    dim = op.args[1] % max(1, len(v.shape))
    n, sv, so = (v.shape[dim], v.strides[dim], out.strides[dim]) if v.shape else (1, 1, 1)
    first, result = (_without(w, dim) for w in (v, out))
    lines = nest(first.shape, [first, result])
    x = f"{writer.at(first)}[{lines.place(first)} + {sv} * j]"
    o = f"{writer.at(result)}[{lines.place(result)} + {so} * j]"
    over_j = f"for (long j = 0; j < {n}; j++)"
    if lines.sizes and lines.strides[first][-1] == 1 and lines.sizes[-1] <= _SIDE_BY_SIDE and sv != 1:
        *outer, last = lines.axes
        i, over_i = f"i{last}", lines.loops([last])
        x0 = f"{writer.at(first)}[{lines.place(first)}]"
        held = f"s[{i}] += EXP({x} - m[{i}])" if log else f"{{ R e = EXP({x} - m[{i}]); {o} = e; s[{i}] += e; }}"
        writer.write(
            f"{lines.loops(outer)}{{ R m[{lines.sizes[last]}], s[{lines.sizes[last]}];",
            f"{over_i}{{ m[{i}] = {x0}; s[{i}] = 0; }}",
            f"for (long j = 1; j < {n}; j++) {over_i}{{ R u = {x}, w = m[{i}]; m[{i}] = u > w || u != u ? u : w; }}",
            f"{over_j} {over_i}{held};",
            f"{over_i}s[{i}] = {f'm[{i}] + LOG(s[{i}])' if log else f'1 / s[{i}]'};",
            f"{over_j} {over_i}{o} {f'= {x} - s[{i}]' if log else f'*= s[{i}]'}; }}",
        )
        return
    writer.write(
        f"{lines.loops()}{{ R m = -INFINITY, s = 0;",
        f"{over_j} {{ R u = {x}; m = u > m || u != u ? u : m; }}",
        f"{over_j} {{ R e = EXP({x} - m); s += e; {'' if log else f'{o} = e;'} }}",
        f"{f's = m + LOG(s); {over_j} {o} = {x} - s;' if log else f's = 1 / s; {over_j} {o} *= s;'} }}",
    )


def _without(view: View, dim: int) -> View:
    """The first entries along an axis."""
    shape, strides = (part[:dim] + part[dim + 1 :] for part in (view.shape, view.strides))
    return View(view.storage, shape, strides, view.offset)


def _log_sigmoid(writer: Writer, op: Op) -> None:
    x, out, buffer = op.args[0], op.outs[0], op.outs[1]
    around = nest(out.shape, [out, x, buffer])
    a, o, z = (around.entry(writer, v) for v in (x, out, buffer))
    line = f"{{ R u = {a}, e = EXP(-FABS(u)); {z} = e; {o} = (u > 0 ? 0 : u) - F(log1p)(e); }}"
    writer.write(around.loops() + line)


FORMS: dict[object, Form] = {
    _aten._softmax.default: _softmax,
    _aten._log_softmax.default: _softmax,
    _aten.log_sigmoid_forward.default: _log_sigmoid,
}
