"""Recomputing: less memory for one forward run more.

    In   every value that the reverse sweep needs lives from forward to its use
    Out  forward is cut into about sqrt(n) pieces; what a piece computes for itself is forgotten, and computed again
         from what entered it, right before the reverse sweep comes to it

The same calls on the same memory give the same bits.  Chen et al., Training Deep Nets with Sublinear Memory Cost, 2016.
"""

from __future__ import annotations

import math
from dataclasses import replace
from typing import Any

import torch

from scratchgrad.program.op import Op, Storage, View

__all__ = ["recomputed"]


def recomputed(ops: list[Op], pinned: set[Storage]) -> list[Op]:
    """The calls, with pieces of forward repeated before the reverse sweep needs them."""
    begin = next((k for k, op in enumerate(ops) if op.backward), len(ops))
    forward, reverse = ops[:begin], ops[begin:]
    writers: dict[Storage, int] = {}
    for op in ops:
        for storage in op.writes:
            writers[storage] = writers.get(storage, 0) + 1
    needed = set().union(*(op.reads for op in reverse)) if reverse else set()
    saved = [
        storage
        for op in forward
        for storage in op.writes
        if storage.kind == "temporary" and storage in needed and writers[storage] == 1 and storage not in pinned
    ]
    if len(saved) < 4:
        return ops
    for piece in _pieces(forward, saved):
        reverse = _repeated(piece, forward, reverse)
    return forward + reverse


def _pieces(forward: list[Op], saved: list[Storage]) -> list[tuple[list[Op], set[Storage]]]:
    """Runs of calls, each with what it alone computes and uses; the last, which is needed first, is left as it is."""
    length = math.ceil(math.sqrt(len(saved)))
    chosen = set(saved)
    pieces: list[list[Op]] = [[]]
    count = 0
    for op in forward:
        pieces[-1].append(op)
        count += len(op.writes & chosen)
        if count >= length:
            pieces.append([])
            count = 0
    found = []
    for k, piece in enumerate(pieces[:-1]):
        later = set().union(*(op.reads for part in pieces[k + 1 :] for op in part))
        own = {s for op in piece for s in op.writes & chosen} - later
        simple = all(isinstance(op.function, torch._ops.OpOverload) and not op.inplace for op in piece)
        steady = all(torch.Tag.nondeterministic_seeded not in op.function.tags for op in piece) if simple else False
        if own and steady:
            found.append((piece, own))
    return found


def _repeated(piece: tuple[list[Op], set[Storage]], forward: list[Op], reverse: list[Op]) -> list[Op]:
    """The reverse sweep with the piece computed again before its first use."""
    calls, own = piece
    at = next(k for k, op in enumerate(reverse) if op.reads & own)
    wanted, repeated = set(own), []
    inside = {s for op in calls for s in op.writes}
    for op in reversed(calls):
        if op.writes & wanted:
            repeated.append(op)
            wanted |= op.reads & inside
    parameters = {s for op in repeated for s in op.reads if s.kind in ("parameter", "state")}
    if any((op.writes | set(op.beside)) & parameters for op in reverse[:at] if op.inplace):
        return reverse  # they are no longer what they were
    new = {s: replace(s, name=f"{s.name}_again") for op in repeated for s in op.writes if s in own or s in wanted}
    again = [
        replace(op, args=_renamed(op.args, new), outs=_renamed(op.outs, new), backward=True, why=f"{op.why}; again")
        for op in reversed(repeated)
    ]
    rest = [
        replace(op, args=_renamed(op.args, new), kwargs=_renamed(op.kwargs, new), outs=_renamed(op.outs, new))
        for op in reverse[at:]
    ]
    return [*reverse[:at], *again, *rest]


def _renamed(value: Any, new: dict[Storage, Storage]) -> Any:
    if isinstance(value, View):
        return replace(value, storage=new.get(value.storage, value.storage))
    if isinstance(value, tuple):
        return tuple(_renamed(v, new) for v in value)
    if isinstance(value, list):
        return [_renamed(v, new) for v in value]
    if isinstance(value, dict):
        return {k: _renamed(v, new) for k, v in value.items()}
    return value
