"""Fusing: entrywise calls one after the other, on tensors that lie alike, share one loop.

In   the calls of a plan
Out  groups of calls: each is one loop, or one call of another kind; which results are read outside their group

What one call writes and a later one of its group reads is then a variable of the loop, and is not stored at all where
nobody else reads it.  A call joins a group only if every piece of memory that the group writes is used by it at the
same entry, or not at all: the planner lets tensors share memory whose lives do not meet, and in one loop they do.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Callable
from dataclasses import dataclass, field

from scratchgrad.program.memory import Arena
from scratchgrad.program.op import Op, Storage, View, views_in
from scratchgrad.program.planning import Plan

__all__ = ["Group", "groups"]


@dataclass
class Group:
    """Calls that are written together, and the storages among what they write that somebody else needs."""

    ops: list[Op]
    numbers: list[int]
    needed: set[Storage] = field(default_factory=set)


def groups(plan: Plan, entrywise: Callable[[Op], bool]) -> list[Group]:
    """The calls in their order, in groups."""
    found: list[Group] = []
    flats = set(plan.flats.values())
    for number, op in enumerate(plan.ops, start=1):
        whole = op.beside or (op.reads | op.writes) & flats  # a flat tensor lies over those that are parts of it
        last = found[-1] if found else None
        if last is not None and entrywise(op) and not whole and _joins(last.ops, op, plan.arena, entrywise, flats):
            last.ops.append(op)
            last.numbers.append(number)
        else:
            found.append(Group([op], [number]))
    readers: Counter[Storage] = Counter()
    for op in plan.ops:
        readers.update(op.reads)
    kept = {v.storage for v in (*plan.values.values(), *plan.gradients.values(), *(v for _, v in plan.terms))}
    for group in found:
        inside: Counter[Storage] = Counter()
        for op in group.ops:
            inside.update(op.reads)
        for storage in {s for op in group.ops for s in op.writes}:
            if storage.kind != "temporary" or storage in kept or readers[storage] > inside[storage]:
                group.needed.add(storage)
    return found


def _joins(members: list[Op], op: Op, arena: Arena, entrywise: Callable[[Op], bool], flats: set[Storage]) -> bool:
    out, first = op.outs[0], members[0]
    if not entrywise(first) or first.beside or (first.reads | first.writes) & flats:
        return False
    if out.shape != first.outs[0].shape or out.strides != first.outs[0].strides:
        return False
    reads = [v for member in members for v in views_in(member.args)]
    writes = [member.outs[0] for member in members]
    return all(_apart(v, w, arena) for v in views_in(op.args) for w in writes) and all(
        _apart(v, out, arena) for v in (*reads, *writes)
    )


def _apart(one: View, other: View, arena: Arena) -> bool:
    """Whether the two are the same entries in the same order, or have no memory in common."""
    if one.storage.kind != "temporary" or other.storage.kind != "temporary":
        if one.storage is not other.storage:
            return True
    (a, b), (c, d) = _bytes(one, arena), _bytes(other, arena)
    alike = one.shape == other.shape and one.strides == other.strides
    return b <= c or d <= a or (a == c and alike and one.storage.dtype == other.storage.dtype)


def _bytes(view: View, arena: Arena) -> tuple[int, int]:
    """From where to where the view lies, in its storage or in the arena."""
    base = arena.offsets[arena.owner(view.storage)] if view.storage.kind == "temporary" else 0
    size = view.storage.dtype.itemsize
    last = sum((n - 1) * s for n, s in zip(view.shape, view.strides, strict=True)) if view.numel else -1
    return base + view.offset * size, base + (view.offset + last + 1) * size
