"""Writer: the C lines of one step so far, and where every tensor is.

In   a Plan
Out  pointers and entries as C text; a scratch that lasts for one call; the headers that the lines need
"""

from __future__ import annotations

import math
from collections.abc import Callable
from typing import Any

import torch

from scratchgrad.program.op import Op, Rate, Storage, View
from scratchgrad.program.planning import Plan

__all__ = ["Form", "Unsupported", "Writer"]

_ALIGNED = 16  # numbers: a scratch begins on a cache line


class Unsupported(NotImplementedError):
    """A call that has no form in C here."""


class Writer:
    """The state of writing one plan."""

    def __init__(self, plan: Plan) -> None:
        """Nothing is written yet."""
        self.plan = plan
        self.given = {view.storage: f"g{k}" for k, view in enumerate(plan.given.values())}
        self.real = next(iter(plan.flats.values())).dtype
        self.pointers: dict[Storage, str] = {}
        self.lines: list[str] = []
        self.headers: list[str] = []
        self.scratch_size = 0
        self.call = 0
        """The number of the call that is written, from 1: what the step returns where it is given a wrong index."""

    def write(self, *lines: str) -> None:
        """The lines, indented; a pragma begins a line."""
        self.lines += [line if line.startswith("#") else f"    {line}" for line in lines]

    def need(self, header: str) -> None:
        """The header is part of the source."""
        if header not in self.headers:
            self.headers.append(header)

    def type(self, storage: Storage) -> str:
        """The C type of its entries; Unsupported where there is none."""
        name = {torch.bool: "B8", torch.int64: "I64", self.real: "R"}.get(storage.dtype)
        if name is None:
            raise Unsupported(f"{storage.name} of {storage.dtype} beside {self.real}")
        return name

    def at(self, view: View) -> str:
        """The pointer to its first entry."""
        pointer = self._pointer(view.storage)
        return f"({pointer} + {view.offset})" if view.offset else pointer

    def _pointer(self, storage: Storage) -> str:
        kind = self.type(storage)
        if storage in self.given:
            return self.given[storage]
        if storage.kind == "temporary":
            offset = self.plan.arena.offsets[self.plan.arena.owner(storage)]
            return f"(({kind} *)(arena + {offset}))"
        return self.pointers.setdefault(storage, f"p{len(self.pointers)}")

    def number(self, value: Any) -> str:
        """A number, or one that follows the learning rate, as an expression of type R."""
        if isinstance(value, Rate):
            return f"(R)({value.constant!r} + {value.slope!r} * lr)" if value.slope else f"(R){value.constant!r}"
        if isinstance(value, bool):
            return str(int(value))
        if isinstance(value, float) and not math.isfinite(value):
            return "(R)NAN" if math.isnan(value) else f"(R){'-' if value < 0 else ''}INFINITY"
        if isinstance(value, float | int):
            return f"(R){float(value)!r}"
        raise Unsupported(f"the argument {value!r}")

    def scratch(self, size: int, *, after: int = 0) -> str:
        """A pointer to so many numbers, `after` others, which nobody else uses during this call."""
        begin = -(-after // _ALIGNED) * _ALIGNED
        self.scratch_size = max(self.scratch_size, begin + size)
        return f"(scratch + {begin})" if begin else "scratch"


Form = Callable[[Writer, Op], None]
