"""What a program does, as text: each call with its memory, what was fused and why, and the peak.

In   a Plan
Out  a table: number, call, whose it is, where its result lies
"""

from __future__ import annotations

from typing import Any

import torch

from scratchgrad.program.op import Op, Rate, Storage, View
from scratchgrad.program.planning import Plan

__all__ = ["explain"]


def explain(plan: Plan) -> str:
    """The program as a table, and below it the memory and the notes."""
    rows = [(str(k), _call(op), _place(plan, op), op.why) for k, op in enumerate(plan.ops, 1)]
    widths = [max((len(row[k]) for row in rows), default=0) for k in range(3)]
    lines = [_head(plan), ""]
    lines += [
        f"{number:>{widths[0]}}  {call:<{widths[1]}}  {place:<{widths[2]}}  {why}".rstrip()
        for number, call, place, why in rows
    ]
    return "\n".join([*lines, "", *_memory(plan), *_objective(plan), *plan.notes])


def _head(plan: Plan) -> str:
    request = plan.request
    samples = "one sample" if request.batch is None else f"{request.batch} samples"
    update = {
        "descent": "gradient descent"
        + (f" with momentum {request.update.momentum:g}" if request.update.momentum else ""),
        "gradients": "all gradients, for an optimiser to follow",
        "none": "no update",
    }[request.update.kind]
    return f"{len(plan.ops)} calls for {samples}: {update}"


def _call(op: Op) -> str:
    arguments = [_text(a) for a in op.args] + [f"{k}={_text(v)}" for k, v in op.kwargs.items()]
    if op.inplace:
        return f"{op.name}({', '.join(arguments)})"
    return f"{', '.join(map(str, op.outs))} = {op.name}({', '.join(arguments)})"


def _text(value: Any) -> str:
    if isinstance(value, list | tuple):
        return f"[{', '.join(map(_text, value))}]"
    if isinstance(value, View | Rate | torch.dtype):
        return str(value).removeprefix("torch.")
    return f"{value:g}" if isinstance(value, float) else str(value)


def _place(plan: Plan, op: Op) -> str:
    """Where the result lies: at a byte of the arena, in place of another temporary, or in a parameter."""
    storage = op.outs[0].storage
    if storage.kind != "temporary":
        return f"in {storage.name}"
    owner = plan.arena.owner(storage)
    offset = plan.arena.offsets[owner]
    return f"byte {offset}" if owner is storage else f"byte {offset}, over {_before(plan, storage)}"


def _before(plan: Plan, storage: Storage) -> str:
    return plan.arena.shared[storage].name


def _memory(plan: Plan) -> list[str]:
    arena = plan.arena
    bound = (
        "the least that any plan needs" if arena.size == arena.bound else f"at least {_bytes(arena.bound)} are needed"
    )
    parameters = plan.flats["parameter"].bytes
    temporaries = len(arena.lives)
    return [
        f"memory: {_bytes(arena.size)} for {temporaries} temporaries ({bound}), {_bytes(parameters)} of parameters",
        f"in place: {len(arena.shared)} calls write over an argument that nobody reads any more",
    ]


def _objective(plan: Plan) -> list[str]:
    if not plan.terms:
        return []
    return ["objective = " + " + ".join(f"{factor:g} {view}" for factor, view in plan.terms)]


def _bytes(count: int) -> str:
    for unit, size in (("MiB", 2**20), ("KiB", 2**10)):
        if count >= size:
            return f"{count / size:.1f} {unit}"
    return f"{count} bytes"
