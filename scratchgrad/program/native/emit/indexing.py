"""Indexing: entries at places that tensors of integers say, taken or added to.

In   a call
Out  loops; a place that is not there ends the step, which returns the call's number
"""

from __future__ import annotations

from collections.abc import Sequence

import torch

from scratchgrad.program.native.emit.nests import loops, nest
from scratchgrad.program.native.emit.writer import Form, Unsupported, Writer
from scratchgrad.program.op import Op, View

__all__ = ["FORMS"]

_aten = torch.ops.aten


def _index(writer: Writer, op: Op) -> None:
    """Entries, or whole parts, of a table: its first axes are at places, which are broadcast to each other."""
    table, places = op.args
    if any(p is None or p.storage.dtype != torch.int64 for p in places):
        raise Unsupported(f"an index that leaves out an axis, or a mask ({op.why})")
    out = op.outs[0]
    rank = len(out.shape) - len(table.shape) + len(places)
    _at_places(writer, out, places, table, rank, "{line} = {entry};")


def _index_add(writer: Writer, op: Op) -> None:
    """A copy of the first tensor, to whose rows others are added."""
    start, dim, places, rows = op.args
    out = op.outs[0]
    if dim != 0 or op.kwargs or places.storage.dtype != torch.int64:
        raise Unsupported(f"index_add along another axis ({op.why})")
    around = nest(out.shape, [out, start])
    writer.write(f"{around.loops()}{around.entry(writer, out)} = {around.entry(writer, start)};")
    _at_places(writer, rows, [places], out, len(places.shape), "{entry} += {line};")


def _at_places(writer: Writer, rows: View, places: Sequence[View], table: View, rank: int, body: str) -> None:
    """The body for every entry of `rows`, whose first `rank` axes are those of the places."""
    index = [f"i{k}" for k in range(len(rows.shape))]
    found = []
    for k, (view, size) in enumerate(zip(places, table.shape, strict=False)):
        at = _entry(writer, view, index[rank - len(view.shape) : rank])
        found.append(f"long k{k} = {at}; if (k{k} < 0) k{k} += {size};")
        found.append(f"if (k{k} < 0 || k{k} >= {size}) return {writer.call};")
    entry = _entry(writer, table, [*(f"k{k}" for k in range(len(places))), *index[rank:]])
    line = _entry(writer, rows, index)
    writer.write(
        f"{loops(rows.shape, range(rank))}{{ {' '.join(found)}",
        f"{loops(rows.shape, range(rank, len(rows.shape)))}{body.format(entry=entry, line=line)} }}",
    )


def _entry(writer: Writer, view: View, index: Sequence[str]) -> str:
    terms = [f"{s} * {i}" for i, n, s in zip(index, view.shape, view.strides, strict=True) if s and n != 1]
    return f"{writer.at(view)}[{' + '.join(terms) or '0'}]"


FORMS: dict[object, Form] = {_aten.index.Tensor: _index, _aten.index_add.default: _index_add}
