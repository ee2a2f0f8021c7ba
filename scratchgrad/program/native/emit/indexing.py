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
    _at_places(writer, out, places, table, rank=rank, body="{line} = {entry};", from_the_end=True)


def _index_add(writer: Writer, op: Op) -> None:
    """A copy of the first tensor, to whose rows others are added."""
    start, dim, places, rows = op.args
    out = op.outs[0]
    if dim != 0 or op.kwargs or places.storage.dtype != torch.int64:
        raise Unsupported(f"index_add along another axis ({op.why})")
    around = nest(out.shape, [out, start])
    writer.write(f"{around.loops()}{around.entry(writer, out)} = {around.entry(writer, start)};")
    _at_places(writer, rows, [places], out, rank=len(places.shape), body="{entry} += {line};")


def _gather(writer: Writer, op: Op) -> None:
    _along(writer, op, op.args[0], op.outs[0], "{line} = {entry};")


def _scatter(writer: Writer, op: Op) -> None:
    """A copy of the first tensor, in which entries are written, or added, at places along an axis."""
    start, source = op.args[0], op.args[3]
    out = op.outs[0]
    around = nest(out.shape, [out, start])
    writer.write(f"{around.loops()}{around.entry(writer, out)} = {around.entry(writer, start)};")
    line = source if isinstance(source, View) else writer.number(source)
    adds = op.function is _aten.scatter_add.default
    _along(writer, op, out, line, "{entry} += {line};" if adds else "{entry} = {line};")


def _along(writer: Writer, op: Op, table: View, line: View | str, body: str) -> None:
    """The body for every place, which says where along one axis the table's entry is."""
    dim, places = op.args[1:3]
    if not places.shape or op.kwargs:
        raise Unsupported(f"{op.name} of numbers ({op.why})")
    dim %= len(places.shape)
    index = [f"i{k}" for k in range(len(places.shape))]
    at = [*index[:dim], "k", *index[dim + 1 :]]
    size = table.shape[dim]
    wanted = line if isinstance(line, str) else _entry(writer, line, index)
    writer.write(
        f"{loops(places.shape, range(len(index)))}{{ long k = {_entry(writer, places, index)};",
        f"if (k < 0 || k >= {size}) return {writer.call};",
        f"{body.format(entry=_entry(writer, table, at), line=wanted)} }}",
    )


def _at_places(
    writer: Writer,
    rows: View,
    places: Sequence[View],
    table: View,
    *,
    rank: int,
    body: str,
    from_the_end: bool = False,
) -> None:
    """The body for every entry of `rows`, whose first `rank` axes are those of the places.

    `from_the_end` says whether -1 is the last place, as torch has it of an index, and of nothing else.
    """
    index = [f"i{k}" for k in range(len(rows.shape))]
    found = []
    for k, (view, size) in enumerate(zip(places, table.shape, strict=False)):
        at = _entry(writer, view, index[rank - len(view.shape) : rank])
        found.append(f"long k{k} = {at};{f' if (k{k} < 0) k{k} += {size};' if from_the_end else ''}")
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


FORMS: dict[object, Form] = {
    _aten.index.Tensor: _index,
    _aten.index_add.default: _index_add,
    _aten.gather.default: _gather,
    _aten.scatter.src: _scatter,
    _aten.scatter.value: _scatter,
    _aten.scatter_add.default: _scatter,
}
