"""Planning: what was lowered, rewritten, with its updates, in memory: everything about a program but the memory itself.

In   a Tape, a batch size, an Update, what shall be readable
Out  Plan: the calls in order, the arena, where values and gradients lie; plain data that `explain` prints
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field, replace
from typing import TYPE_CHECKING

import torch

from scratchgrad.program.columns import columns, flipped, slim
from scratchgrad.program.lowering import Lowered, lower
from scratchgrad.program.memory import Arena, plan
from scratchgrad.program.op import Op, Storage, View
from scratchgrad.program.placing import placed
from scratchgrad.program.recomputing import recomputed
from scratchgrad.program.rewriting import Factors, alive, epilogues, fold, moved, plain
from scratchgrad.program.stacking import stacked
from scratchgrad.program.updates import Contribution, Places, Update, runs, with_updates

if TYPE_CHECKING:
    from scratchgrad.program.flat import Flat
    from scratchgrad.tape.tape import Tape

__all__ = ["Plan", "Request", "everything", "planned"]

_aten = torch.ops.aten


@dataclass(frozen=True)
class Request:
    """What a program is asked to do.

    `batch` samples (None: one, without a batch axis); how parameters follow; which signals' values and gradients can
    be read afterwards; whether the objective's value can; which signals' rows are known to sum to 1; by which weight
    the objective counts; whether to compute values again instead of keeping them; whether it is to be compiled, so that
    a call costs next to nothing.
    """

    batch: int | None
    update: Update = field(default_factory=Update)
    values: tuple[str, ...] = ()
    gradients: tuple[str, ...] = ()
    objective: bool = True
    unit_rows: tuple[str, ...] = ()
    weight: float = 1.0
    recompute: bool = False
    compiled: bool = False


@dataclass
class Plan:
    """A program before it has memory.

    The objective is the sum of factor * scalar over `terms`; `notes` say what was fused or left out, and why.
    """

    request: Request
    ops: list[Op]
    arena: Arena
    given: dict[str, View]
    parameters: dict[str, View]
    values: dict[str, View]
    gradients: dict[str, View]
    terms: list[tuple[float, View]]
    flats: dict[str, Storage]
    opaque: tuple[str, ...]
    notes: list[str]


def planned(tape: Tape, flat: Flat, request: Request) -> Plan:
    """The plan of the tape as it is now."""
    lowered = lower(tape, request.batch, unit_rows=request.unit_rows, weight=request.weight, compiled=request.compiled)
    kinds = {"parameter": "parameter", "grad": "state", "velocity": "state"}
    flats = {k: Storage(f"all {k}s", flat.size, flat.dtype, kind) for k, kind in kinds.items()}  # type: ignore[arg-type]
    values = {n: lowered.values[n] for n in request.values}
    gradients = {n: lowered.gradients[n] for n in request.gradients if n in lowered.gradients}
    terms = lowered.terms if request.objective else []
    pinned = {v.storage for v in (*values.values(), *gradients.values(), *(v for _, v in terms))}

    ops = fold(lowered.ops)
    contributions = lowered.contributions if request.update.kind != "none" else {}
    wanted = pinned | {v.storage for many in contributions.values() for v in many}
    before = len(ops)
    ops = alive(ops, wanted)
    dropped = before - len(ops)
    ops, same = plain(ops, pinned)
    factors = Factors(pinned)
    ops = factors.apply(ops)
    sent = {n: [Contribution(*factors.of(moved(v, same))) for v in many] for n, many in contributions.items()}
    ops = alive(ops, pinned | {c.view.storage for many in sent.values() for c in many})
    terms = _one_dot(ops, terms, flat, lowered.parameters, whole=flats["parameter"], pinned=pinned)
    watched = [n for n in request.gradients if n in lowered.parameters]
    ops, kept = with_updates(
        ops,
        lowered.parameters,
        sent,
        update=request.update,
        watched=set(watched),
        places=Places(flats, flat.offsets, pinned),
    )
    ops = epilogues(ops, pinned)
    ops, turned = columns(ops)
    ops = slim(ops)
    ops = stacked(ops, lowered.parameters, flat.offsets, flats["parameter"], pinned | turned)
    values, kept = flipped(values, turned), flipped(gradients | kept, turned)
    if request.recompute:
        ops = recomputed(ops, pinned)
    ops = placed(ops, pinned)
    arena = plan(ops, pinned)
    return Plan(
        request,
        ops,
        arena,
        lowered.given,
        lowered.parameters,
        values,
        kept,
        terms,
        flats,
        lowered.opaque,
        _notes(lowered, request, dropped),
    )


def everything(tape: Tape, request: Request) -> Request:
    """The request with the values and gradients of all computed signals kept: a mistake shows first there."""
    computed = {tape.names[slot] for entry in tape.entries for slot in entry.outputs}
    values = tuple(name for name in tape.names if name in computed)
    return replace(request, values=values, gradients=values)


def _one_dot(
    ops: list[Op],
    terms: list[tuple[float, View]],
    flat: Flat,
    parameters: Mapping[str, View],
    *,
    whole: Storage,
    pinned: set[Storage],
) -> list[tuple[float, View]]:
    """The terms with <W, W> of weights that lie side by side and have one factor as one dot product."""
    names = {view.storage: name for name, view in parameters.items()}
    order = list(flat.offsets)
    squares: dict[str, tuple[int, Op, float]] = {}
    for k, op in enumerate(ops):
        if op.function is _aten.dot.default and op.args[0] == op.args[1] and op.args[0].storage in names:
            factor = next((f for f, v in terms if v.storage in op.writes), None)
            if factor is not None and op.args[0].numel == op.args[0].storage.size:
                squares[names[op.args[0].storage]] = (k, op, factor)
    gone: set[int] = set()
    for run in runs(order, {n: f for n, (_, _, f) in squares.items()}):
        if len(run) < 2:
            continue
        first, last = run[0], run[-1]
        size = flat.offsets[last] + parameters[last].storage.size - flat.offsets[first]
        view = View(whole, (size,), (1,), flat.offsets[first])
        k, op, _ = squares[first]
        beside = tuple(parameters[n].storage for n in run)
        why = f"objective: {' + '.join(f'|{n}|^2' for n in run)} as one dot product"
        ops[k] = replace(op, args=(view, view), why=why, beside=beside)
        for name in run[1:]:
            gone.add(squares[name][0])
    dead = {s for k in gone for s in ops[k].writes}
    ops[:] = [op for k, op in enumerate(ops) if k not in gone]
    pinned -= dead
    return [(f, v) for f, v in terms if v.storage not in dead]


def _notes(lowered: Lowered, request: Request, dropped: int) -> list[str]:
    notes = []
    if dropped:
        notes.append(f"{dropped} calls left out, whose results nobody reads")
    if not request.objective:
        notes.append("the objective's value is not computed, because nobody reads it")
    notes += [
        f"{name}: its kernel asks for the entries of tensors, so it is called as it is" for name in lowered.opaque
    ]
    return notes
