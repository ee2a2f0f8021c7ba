"""Columns: a softmax over few classes of many samples is stored with the samples side by side.

    In   log_o = log_softmax(v) over rows of 10            5.5 us for 32 rows (torch 2.13, one thread)
    Out  the same with v and log_o transposed in memory    0.9 us; the product that makes v is faster, too

torch vectorises along the batch then.  All temporaries that meet entry by entry are transposed together; a target is
copied once.  Where a call that depends on the layout is among them, nothing is changed; rows of fewer than 16 entries,
which torch does not vectorise, are then copied to columns and back (256 rows of 8: 7 us instead of 37).
"""

from __future__ import annotations

from dataclasses import replace
from typing import Any

import torch

from scratchgrad.program.op import Op, Storage, View, contiguous_strides, views_in

__all__ = ["columns", "flipped", "slim"]

_aten = torch.ops.aten
_SOFTMAX = (_aten._softmax.default, _aten._log_softmax.default)
_PRODUCTS = (_aten.mm.default, _aten.addmm.default, _aten.addmm_.default, _aten.addmv_.default)
_FEW, _SEVERAL = 64, 8
_SLIM, _MANY = 16, 64


def columns(ops: list[Op]) -> tuple[list[Op], set[Storage]]:
    """The calls, and the storages that lie transposed from now on."""
    for op in ops:
        if op.function in _SOFTMAX and _fits(op):
            found = _Group(ops, op)
            if found.possible:
                done, others = columns(found.rewritten())
                return done, others | found.members
    return ops, set()


def flipped(value: Any, members: set[Storage]) -> Any:
    """The arguments with views of these storages laid out the other way."""
    if isinstance(value, View):
        if value.storage not in members or len(value.shape) != 2:
            return value
        n, m = value.shape
        return replace(value, strides=(1, n) if value.whole else (m, 1))  # whole, or the transpose of a whole
    if isinstance(value, tuple):
        return tuple(flipped(v, members) for v in value)
    if isinstance(value, list):
        return [flipped(v, members) for v in value]
    if isinstance(value, dict):
        return {k: flipped(v, members) for k, v in value.items()}
    return value


def slim(ops: list[Op]) -> list[Op]:
    """The calls, with every softmax over many short rows made on columns, between two copies."""
    done: list[Op] = []
    for op in ops:
        done += _on_columns(op) if op.function in _SOFTMAX and _is_slim(op) else [op]
    return done


def _is_slim(op: Op) -> bool:
    v, out = op.args[0], op.outs[0]
    last = len(v.shape) - 1
    return (
        last > 0
        and op.args[1] in (-1, last)
        and v.whole
        and out.whole
        and v.shape[-1] < _SLIM
        and v.numel >= _MANY * v.shape[-1] > 0
    )


def _on_columns(op: Op) -> list[Op]:
    v, out, k = op.args[0], op.outs[0], op.args[0].shape[-1]
    rows = v.numel // k
    strides = (*(s // k for s in v.strides[:-1]), rows)
    inside, result = (
        Storage(f"{view.storage.name}_columns", view.numel, view.storage.dtype, "temporary") for view in (v, out)
    )
    flat = [View(storage, (k, rows), (rows, 1)) for storage in (inside, result)]
    why = f"{op.why}; rows as columns"
    return [
        Op(_aten.clone.default, (v,), outs=(View(inside, v.shape, strides),), why=why, backward=op.backward),
        replace(op, args=(flat[0], 0, *op.args[2:]), outs=(flat[1],), why=why),
        Op(_aten.clone.default, (View(result, v.shape, strides),), outs=(out,), why=why, backward=op.backward),
    ]


def _fits(op: Op) -> bool:
    view = op.args[0]
    return (
        len(view.shape) == 2
        and view.whole
        and view.storage.kind == "temporary"
        and op.args[1] in (-1, 1)
        and view.shape[1] <= _FEW
        and view.shape[0] >= _SEVERAL
    )


class _Group:
    """The storages that have to be transposed together with a softmax's."""

    def __init__(self, ops: list[Op], softmax: Op) -> None:
        self._ops, self._shape = ops, softmax.args[0].shape
        self.members = {softmax.args[0].storage, softmax.outs[0].storage}
        self._given: dict[Storage, Storage] = {}
        self.possible = True
        before = None
        while self.possible and before != (len(self.members), len(self._given)):
            before = (len(self.members), len(self._given))
            for op in ops:
                if (op.reads | op.writes) & self.members and not self._joins(op):
                    self.possible = False
                    break

    def rewritten(self) -> list[Op]:
        """All calls on the transposed storages; copies of what was given come before their first use."""
        copied: set[Storage] = set()
        done = []
        for op in self._ops:
            if not (op.reads | op.writes) & self.members:
                done.append(op)
                continue
            for given in [s for s in self._given if s in op.reads and s not in copied]:
                copied.add(given)
                source = View(given, self._shape, contiguous_strides(self._shape))
                into = View(self._given[given], self._shape, (1, self._shape[0]))
                done.append(
                    Op(_aten.clone.default, (source,), outs=(into,), why=f"{given} with its samples side by side")
                )
            done.append(self._one(op))
        return done

    def _one(self, op: Op) -> Op:
        args = flipped(self._copies(op.args), self.members | set(self._given.values()))
        outs = flipped(op.outs, self.members)
        if op.function in _SOFTMAX and op.args[0].storage in self.members:
            why = f"{op.why}; samples side by side"
            return replace(op, args=(args[0].transposed, 0, *op.args[2:]), outs=(outs[0].transposed,), why=why)
        return replace(op, args=args, outs=outs, kwargs=flipped(op.kwargs, self.members))

    def _copies(self, value: Any) -> Any:
        if isinstance(value, View):
            copy = self._given.get(value.storage)
            return value if copy is None else replace(value, storage=copy)
        if isinstance(value, tuple | list):
            return type(value)(self._copies(v) for v in value)
        return value

    def _joins(self, op: Op) -> bool:
        """Whether the call can do with the other layout; what meets the members entry by entry becomes one."""
        if not isinstance(op.function, torch._ops.OpOverload) or (op.inplace and op.function not in _PRODUCTS):
            return False
        views = [*views_in(op.args), *op.outs]
        if op.function in _PRODUCTS or op.function is _aten._addmm_activation.default:
            return all(self._matrix(v) for v in views if v.storage in self.members)
        if op.function in _SOFTMAX:
            return (
                all(v.whole and v.shape == self._shape for v in views) and op.args[1] in (-1, 1) and self._admit(views)
            )
        if op.function is _aten.sum.dim_IntList:
            return self._matrix(op.args[0]) and op.outs[0].storage not in self.members
        if op.function is _aten.dot.default:
            return all(v.whole and v.numel == self._shape[0] * self._shape[1] for v in op.args) and self._admit(op.args)
        if torch.Tag.pointwise in op.function.tags and not op.function._schema.is_mutable:
            return self._admit([v for v in views if v.shape == self._shape]) and all(
                v.shape == self._shape or v.numel == 1 or v.shape == (self._shape[0], 1) for v in views
            )
        return False

    def _matrix(self, view: View) -> bool:
        return len(view.shape) == 2 and (view.whole or view.transposed.whole)

    def _admit(self, views: Any) -> bool:
        for view in views:
            if not view.whole or view.storage.kind not in ("temporary", "given"):
                return False
            if view.storage.kind == "given":
                name = f"{view.storage.name}_columns"
                self._given.setdefault(view.storage, Storage(name, view.storage.size, view.storage.dtype, "temporary"))
            else:
                self.members.add(view.storage)
        return True
