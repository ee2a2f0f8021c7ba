"""Which plans were compared with their tapes on this machine: remembered by content.

In   a Tape, its Plan, the optimiser
Out  the plan has been compared, now or before; ProgramDiffers where it differs

The content is the plan, call by call, with its memory and constants; the network's structure, with the digests of its
layers; the optimiser's source; the source of everything that plans and runs; torch's version.  Whatever of it changes,
the comparison is made anew.
"""

from __future__ import annotations

import contextlib
import hashlib
import platform
from collections.abc import Iterator
from functools import cache
from pathlib import Path
from typing import TYPE_CHECKING, Any

import torch
from torch import Tensor

from scratchgrad import certificate as certificates
from scratchgrad.cache import cache_folder, writable_cache_folder
from scratchgrad.executed import executed
from scratchgrad.program.comparing import compare
from scratchgrad.program.op import Storage, View
from scratchgrad.program.planning import Plan

if TYPE_CHECKING:
    from scratchgrad.program.flat import Flat
    from scratchgrad.tape.tape import Tape

__all__ = ["content", "ensure_compared"]

_SOURCES = ("program", "tape", "recipes", "train")
_known: set[str] = set()


def ensure_compared(tape: Tape, plan: Plan, flat: Flat, optimizer: Any) -> None:
    """Nothing where the program does what its tape does, as was seen now or before.  Raises ProgramDiffers."""
    key = content(tape, plan, optimizer)
    path = cache_folder("compared") / key
    if key in _known or path.exists():
        return
    compare(tape, plan, flat, optimizer)
    _known.add(key)
    with contextlib.suppress(OSError):  # a cache that cannot be written costs a comparison in the next process
        (writable_cache_folder("compared") / key).touch()


def content(tape: Tape, plan: Plan, optimizer: Any) -> str:
    """A sha256 of all that the comparison depends on."""
    made = hashlib.sha256()
    for line in _lines(tape, plan, optimizer):
        made.update(line.encode("utf-8"))
        made.update(b"\0")
    return made.hexdigest()


def _lines(tape: Tape, plan: Plan, optimizer: Any) -> Iterator[str]:
    yield f"{torch.__version__} {platform.machine()} {platform.processor()} {_source()}"
    yield f"{plan.request} {tape.network.reduction} {tape.network.dtype} {tape.network.objective_signal}"
    yield from executed(type(optimizer))
    for signal in tape.network.signals:
        yield f"{signal.name} {signal.shape} {signal.role} {signal.integer}"
    for entry in tape.entries:
        yield f"{entry.name} {entry.inputs} {entry.outputs} {entry.mapped} {entry.samples} {entry.carries}"
    for layer in dict.fromkeys(entry.layer for entry in tape.entries):
        yield certificates.digest(layer)
    text = _Text(plan)
    for op in plan.ops:
        function = op.function if isinstance(op.function, torch._ops.OpOverload) else op.why
        beside = [text.storage(s) for s in op.beside]
        yield f"{function} {text(op.args)} {text(op.kwargs)} {text(op.outs)} {op.inplace} {beside}"
    yield text([plan.given, plan.parameters, plan.values, plan.gradients, plan.terms])
    yield from text.storages


class _Text:
    """Values of a plan as text, storages by number."""

    def __init__(self, plan: Plan) -> None:
        self._plan = plan
        self._numbers: dict[Storage, int] = {}
        self.storages: list[str] = []
        """What is known of each storage."""

    def __call__(self, value: Any) -> str:
        if isinstance(value, View):
            return f"{self.storage(value.storage)}{value.shape}{value.strides}{value.offset}"
        if isinstance(value, list | tuple):
            return f"[{', '.join(map(self, value))}]"
        if isinstance(value, dict):
            return f"{{{', '.join(f'{key}: {self(v)}' for key, v in value.items())}}}"
        return repr(value)

    def storage(self, storage: Storage) -> str:
        if storage not in self._numbers:
            self._numbers[storage] = len(self._numbers)
            arena = self._plan.arena
            place = arena.offsets.get(arena.owner(storage))
            value = "" if storage.value is None else _bytes(storage.value)
            name = "" if storage.kind == "temporary" else storage.name
            self.storages.append(f"{storage.kind} {name} {storage.size} {storage.dtype} {place} {value}")
        return f"s{self._numbers[storage]}"


def _bytes(value: Tensor) -> str:
    return hashlib.sha256(value.detach().cpu().contiguous().numpy().tobytes()).hexdigest()


@cache
def _source() -> str:
    """A sha256 of the source that plans, runs, and stands beside it as a witness."""
    made = hashlib.sha256()
    package = Path(__file__).parents[1]
    for name in _SOURCES:
        for path in sorted((package / name).rglob("*")):
            if path.suffix in (".py", ".h"):
                made.update(path.read_bytes())
    return made.hexdigest()
