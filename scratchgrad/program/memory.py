"""Memory: how long each temporary lives, which ones share their place, and where in one arena they lie.

In   calls in order
Out  Arena: an offset for every temporary, the size of the whole, and the least size that any plan could have

A temporary lives from the call that writes it to the last that reads it.  Where an entrywise call reads a temporary
for the last time, its result takes over the memory (the call works in place).  The others are placed greedily, the
largest first, at the lowest offset that is free for as long as they live; other orders are tried where that leaves a
gap.  The lower bound is the largest sum of the sizes that live at the same time.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from dataclasses import dataclass, field

from scratchgrad.program.op import Op, Storage, View, views_in

__all__ = ["Arena", "plan"]

_ALIGNED = 64


@dataclass
class Arena:
    """Byte offsets of the temporaries; `shared` says whose memory a storage has taken over."""

    size: int = 0
    bound: int = 0
    offsets: dict[Storage, int] = field(default_factory=dict)
    shared: dict[Storage, Storage] = field(default_factory=dict)
    lives: dict[Storage, tuple[int, int]] = field(default_factory=dict)

    def owner(self, storage: Storage) -> Storage:
        """The storage whose place this one has."""
        while storage in self.shared:
            storage = self.shared[storage]
        return storage


def plan(ops: list[Op], pinned: Iterable[Storage]) -> Arena:
    """The arena of these calls; pinned temporaries keep their values to the end."""
    arena, kept = Arena(), set(pinned)
    _lives(arena, ops, kept)
    for k, op in enumerate(ops):
        _take_over(arena, k, op, kept)
    lives = {s: life for s, life in arena.lives.items() if s not in arena.shared}
    for k in range(len(ops)):
        arena.bound = max(arena.bound, sum(_size(s) for s, (a, b) in lives.items() if a <= k <= b))
    for order in _orders(lives):
        offsets, size = _placed(order, lives)
        if not arena.offsets or size < arena.size:
            arena.offsets, arena.size = offsets, size
        if arena.size == arena.bound:
            break
    return arena


Lives = dict[Storage, tuple[int, int]]


def _orders(lives: Lives) -> Iterator[list[Storage]]:
    """Orders to place them in: the largest first, which nearly always does; as they come; the longest first."""
    yield sorted(lives, key=lambda s: (-_size(s), lives[s][0]))
    yield sorted(lives, key=lambda s: (-_size(s), -lives[s][1]))
    yield sorted(lives, key=lambda s: (lives[s][0], -_size(s)))
    yield sorted(lives, key=lambda s: (lives[s][0] - lives[s][1], -_size(s)))
    yield sorted(lives, key=lambda s: (-lives[s][1], -_size(s)))


def _placed(order: list[Storage], lives: Lives) -> tuple[dict[Storage, int], int]:
    """Each storage at the lowest offset that is free while it lives, and the size of the whole."""
    offsets: dict[Storage, int] = {}
    total = 0
    for storage in order:
        a, b = lives[storage]
        offset = 0
        beside = [o for o in offsets if lives[o][0] <= b and a <= lives[o][1]]
        for other in sorted(beside, key=offsets.__getitem__):
            if offset + _size(storage) <= offsets[other]:
                break
            offset = max(offset, offsets[other] + _size(other))
        offsets[storage] = offset
        total = max(total, offset + _size(storage))
    return offsets, total


def _lives(arena: Arena, ops: list[Op], pinned: set[Storage]) -> None:
    for k, op in enumerate(ops):
        for storage in op.reads | op.writes:
            if storage.kind == "temporary":
                first, _ = arena.lives.get(storage, (k, k))
                arena.lives[storage] = (first, len(ops) if storage in pinned else k)


def _take_over(arena: Arena, k: int, op: Op, pinned: set[Storage]) -> None:
    """Let the result have the memory of an argument that is read here for the last time, where the call allows it."""
    if op.inplace or len(op.outs) != 1 or not op.entrywise:
        return
    out = op.outs[0]
    if out.storage.kind != "temporary" or not out.full or out.storage in arena.shared:
        return
    for argument in op.args:
        if not isinstance(argument, View) or argument.storage.kind != "temporary" or argument.storage in pinned:
            continue
        views = [v for v in views_in(op.args) if v.storage is argument.storage]
        if (
            any(v.shape != out.shape or v.strides != out.strides or not v.full for v in views)
            or argument.storage.dtype != out.storage.dtype
        ):
            continue
        owner = arena.owner(argument.storage)
        if arena.lives[argument.storage][1] == k and arena.lives[owner][1] == k:
            arena.shared[out.storage] = owner
            arena.lives[owner] = (arena.lives[owner][0], arena.lives[out.storage][1])
            return


def _size(storage: Storage) -> int:
    return -(-storage.bytes // _ALIGNED) * _ALIGNED
