"""Placing: what is made only to be stacked or concatenated is made in its place.

    In   a = threshold_backward(g, p, 0);  b = threshold_backward(g, q, 0);  s = stack([a, b], 2)
    Out  s[..., 0, ...] = threshold_backward(g, p, 0);  s[..., 1, ...] = threshold_backward(g, q, 0)

So is what is made only to be copied.  Only entrywise calls are moved, which write to memory with gaps as fast; a stack
some of whose parts come from elsewhere stays as it is.
"""

from __future__ import annotations

from dataclasses import replace

import torch

from scratchgrad.program.op import Op, Storage, View
from scratchgrad.program.rewriting import uses

__all__ = ["placed"]

_aten = torch.ops.aten
_GATHERING = (_aten.stack.default, _aten.cat.default, _aten.clone.default)


def placed(ops: list[Op], pinned: set[Storage]) -> list[Op]:
    """The calls without stacks of parts that are made for them alone."""
    count = uses(ops)
    writers: dict[Storage, list[int]] = {}
    for k, op in enumerate(ops):
        for storage in op.writes:
            writers.setdefault(storage, []).append(k)
    new: dict[int, Op] = {}
    gone: set[int] = set()
    for k, op in enumerate(ops):
        if op.function not in _GATHERING or writers[op.outs[0].storage] != [k]:
            continue
        parts, places = _parts(op), _places(op)
        makers = [writers.get(part.storage, []) for part in parts]
        if len({part.storage for part in parts}) == len(parts) and all(
            len(maker) == 1
            and _movable(ops[maker[0]], part)
            and count[part.storage] == 1
            and part.storage not in pinned
            for maker, part in zip(makers, parts, strict=True)
        ):
            gone.add(k)
            for (maker,), place in zip(makers, places, strict=True):
                new[maker] = replace(ops[maker], outs=(place,), why=f"{ops[maker].why}; in its place")
    return [new.get(k, op) for k, op in enumerate(ops) if k not in gone]


def _movable(op: Op, part: View) -> bool:
    return op.entrywise and not op.inplace and op.outs == (part,) and part.storage.kind == "temporary"


def _parts(op: Op) -> list[View]:
    return [op.args[0]] if op.function is _aten.clone.default else op.args[0]


def _places(op: Op) -> list[View]:
    """Where in the result each part lies."""
    parts, out = op.args[0], op.outs[0]
    if op.function is _aten.clone.default:
        return [out]
    axis = op.args[1] if len(op.args) > 1 else 0
    found, at = [], 0
    if op.function is _aten.stack.default:
        axis %= len(out.shape)
        shape, strides = (t[:axis] + t[axis + 1 :] for t in (out.shape, out.strides))
        return [View(out.storage, shape, strides, out.offset + k * out.strides[axis]) for k in range(len(parts))]
    axis %= len(out.shape)
    for part in parts:
        found.append(View(out.storage, part.shape, out.strides, out.offset + at * out.strides[axis]))
        at += part.shape[axis]
    return found
