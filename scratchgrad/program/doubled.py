"""A plan in float64: the very calls of a plan, on memory of twice the width.

In   a Plan, perhaps of float32
Out  the Plan whose storages hold float64 where they held float32, with the same calls, views and places

Twice every offset keeps apart what was kept apart, and together what shared its place: so a mistake in the calls, in
their order or in the memory shows here as it does there, and rounding does not hide it.
"""

from __future__ import annotations

from dataclasses import replace
from typing import Any

import torch

from scratchgrad.program.memory import Arena
from scratchgrad.program.op import Op, Storage, View
from scratchgrad.program.planning import Plan

__all__ = ["doubled"]


def doubled(plan: Plan) -> Plan:
    """The plan in float64; constants have the values that they were rounded to."""
    wide: dict[Storage, Storage] = {}

    def storage(narrow: Storage) -> Storage:
        if narrow not in wide:
            value = narrow.value if narrow.value is None else narrow.value.to(_wider(narrow.dtype))
            wide[narrow] = replace(narrow, dtype=_wider(narrow.dtype), value=value)
        return wide[narrow]

    def changed(value: Any) -> Any:
        if isinstance(value, View):
            return replace(value, storage=storage(value.storage))
        if isinstance(value, list | tuple):
            return type(value)(changed(v) for v in value)
        if isinstance(value, dict):
            return {key: changed(v) for key, v in value.items()}
        return _wider(value) if isinstance(value, torch.dtype) else value

    def call(op: Op) -> Op:
        beside = tuple(map(storage, op.beside))
        return replace(op, args=changed(op.args), kwargs=changed(op.kwargs), outs=changed(op.outs), beside=beside)

    arena = Arena(
        2 * plan.arena.size,
        2 * plan.arena.bound,
        {storage(s): 2 * offset for s, offset in plan.arena.offsets.items()},
        {storage(s): storage(owner) for s, owner in plan.arena.shared.items()},
        {storage(s): life for s, life in plan.arena.lives.items()},
    )
    return replace(
        plan,
        ops=[call(op) for op in plan.ops],
        arena=arena,
        given=changed(plan.given),
        parameters=changed(plan.parameters),
        values=changed(plan.values),
        gradients=changed(plan.gradients),
        terms=[(factor, changed(view)) for factor, view in plan.terms],
        flats={key: storage(s) for key, s in plan.flats.items()},
    )


def _wider(dtype: torch.dtype) -> torch.dtype:
    return torch.float64 if dtype == torch.float32 else dtype
