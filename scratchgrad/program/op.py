"""The program's language: calls on views of named storages.

    Storage   a piece of memory: what the batch brings, a parameter, an optimiser's state, a constant, a temporary
    View      a tensor as torch lays it out in a storage: shape, strides, offset
    Rate      a number that follows the learning rate: constant + slope * lr
    Op        one call: function, arguments, the storages that it reads and writes

    program ::= Op*          Op ::= function(argument*) -> View*          argument ::= View | Rate | plain value

A transpose, a slice or an expansion is no call: it is a View, made once.  Every storage but those of parameters,
states and results is written by one call only, until the planner lets two share memory (`memory`).
"""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass, field
from typing import Any, Literal

import torch
from torch import Tensor

__all__ = ["Kind", "Op", "Rate", "Storage", "View", "contiguous_strides", "views_in"]

_aten = torch.ops.aten

Kind = Literal["given", "parameter", "state", "constant", "temporary", "result"]


@dataclass(eq=False)
class Storage:
    """Memory for `size` entries of one type; `value` holds the entries of a constant."""

    name: str
    size: int
    dtype: torch.dtype
    kind: Kind
    value: Tensor | None = None

    @property
    def bytes(self) -> int:
        """Its size in bytes."""
        return self.size * self.dtype.itemsize

    def __repr__(self) -> str:
        """Its name."""
        return self.name


@dataclass(frozen=True)
class View:
    """The tensor of this shape and these strides that begins at `offset` in the storage."""

    storage: Storage
    shape: tuple[int, ...]
    strides: tuple[int, ...]
    offset: int = 0

    @property
    def whole(self) -> bool:
        """Whether it is the storage itself, every entry once, in order."""
        return self.offset == 0 and self.numel == self.storage.size and self.strides == contiguous_strides(self.shape)

    @property
    def full(self) -> bool:
        """Whether it is every entry of the storage once, the axes in whatever order."""
        return self.whole or self._reordered(self.order).whole

    @property
    def order(self) -> tuple[int, ...]:
        """The axes, the one with the longest steps first."""
        return tuple(sorted(range(len(self.shape)), key=lambda k: (-self.strides[k], k)))

    def _reordered(self, axes: tuple[int, ...]) -> View:
        shape, strides = (tuple(t[k] for k in axes) for t in (self.shape, self.strides))
        return View(self.storage, shape, strides, self.offset)

    @property
    def usual(self) -> tuple[int, ...]:
        """The strides of a tensor of this shape whose entries lie one after the other."""
        return contiguous_strides(self.shape)

    @property
    def numel(self) -> int:
        """The number of entries."""
        n = 1
        for size in self.shape:
            n *= size
        return n

    @property
    def transposed(self) -> View:
        """The transpose of a matrix."""
        return View(self.storage, self.shape[::-1], self.strides[::-1], self.offset)

    def matrix(self, rows: int) -> View:
        """A tensor without gaps as a matrix of so many rows; a matrix as it is."""
        columns = self.numel // max(1, rows)
        return self if len(self.shape) == 2 else View(self.storage, (rows, columns), (columns, 1), self.offset)

    def on(self, tensor: Tensor) -> Tensor:
        """This view of the tensor that holds the storage's entries one after the other."""
        return tensor.as_strided(self.shape, self.strides, tensor.storage_offset() + self.offset)

    def __str__(self) -> str:
        """The storage's name; with .T where it is transposed, with shape and strides where it is another part."""
        if self.whole or self.storage.size == 1:
            return self.storage.name
        if len(self.shape) == 2 and self.transposed.whole:
            return f"{self.storage.name}.T"
        if self.full:
            axes = ", ".join(str(self.order.index(k)) for k in range(len(self.shape)))
            return f"{self.storage.name}.permute({axes})"
        layout = "" if self.strides == contiguous_strides(self.shape) else f", strides {list(self.strides)}"
        return f"{self.storage.name}[{'x'.join(map(str, self.shape))}{layout}]"


@dataclass(frozen=True)
class Rate:
    """The number constant + slope * lr."""

    constant: float
    slope: float = 0.0

    def at(self, lr: float) -> float:
        """Its value at this learning rate."""
        return self.constant + self.slope * lr

    def __str__(self) -> str:
        """As a formula."""
        if not self.slope:
            return f"{self.constant:g}"
        product = f"{self.slope:g} lr" if abs(self.slope) != 1 else ("lr" if self.slope > 0 else "-lr")
        return product if not self.constant else f"{self.constant:g} {'' if self.slope < 0 else '+ '}{product}"


@dataclass(eq=False)
class Op:
    """One call.  `inplace` means that it changes its first argument, which is then what it writes.

    `function` is an overload of torch.ops.aten, or a Python function that gives a tuple of tensors (a kernel that
    could not be recorded).  `beside` are storages that it touches under another name, such as the parameters within
    the flat buffer.  `why` says whose call it is, and what was fused into it; `backward`, whether it belongs to the
    reverse sweep.
    """

    function: Any
    args: tuple[Any, ...]
    kwargs: dict[str, Any] = field(default_factory=dict)
    outs: tuple[View, ...] = ()
    inplace: bool = False
    why: str = ""
    beside: tuple[Storage, ...] = ()
    backward: bool = False

    @property
    def name(self) -> str:
        """The function's name."""
        return getattr(self.function, "__name__", str(self.function)).partition(".")[0]

    @property
    def entrywise(self) -> bool:
        """Whether entry i of the result follows from entries i of the arguments alone."""
        return (
            isinstance(self.function, torch._ops.OpOverload)
            and (torch.Tag.pointwise in self.function.tags or self.function is _aten.threshold_backward.default)
            and not self.function._schema.is_mutable
        )

    @property
    def reads(self) -> set[Storage]:
        """The storages whose entries it may read."""
        found = {view.storage for view in views_in(self.args)} | {view.storage for view in views_in(self.kwargs)}
        return found | set(self.beside)

    @property
    def writes(self) -> set[Storage]:
        """The storages that it changes."""
        return {view.storage for view in self.outs}


def views_in(value: Any) -> Iterator[View]:
    """All views among arguments, also those in lists."""
    if isinstance(value, View):
        yield value
    elif isinstance(value, tuple | list):
        for part in value:
            yield from views_in(part)
    elif isinstance(value, dict):
        for part in value.values():
            yield from views_in(part)


def contiguous_strides(shape: tuple[int, ...]) -> tuple[int, ...]:
    """The strides of a tensor whose entries lie one after the other."""
    strides, step = [], 1
    for size in reversed(shape):
        strides.append(step)
        step *= max(1, size)
    return tuple(reversed(strides))
