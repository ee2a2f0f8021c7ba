"""Program: a plan with memory, as one Python function.

In   a Plan, the parameters in one piece
Out  run(x, y): one step of training, which allocates nothing; values, gradients and the objective to read afterwards

The function is generated: a line a call, every tensor a name.  `interpreted` makes the same calls from a list, for
debugging: it can stop anywhere, and shows every call with its results.
"""

from __future__ import annotations

import keyword
import math
from collections.abc import Callable, Iterator, Mapping
from typing import Any

import torch
from numpy.typing import NDArray
from torch import Tensor

from scratchgrad.program.calls import call
from scratchgrad.program.flat import Flat
from scratchgrad.program.op import Op, Rate, Storage, View
from scratchgrad.program.planning import Plan

__all__ = ["Program"]


class Program:
    """A planned step of training for one batch size and type.

    `run` takes tensors of exactly the planned shapes, contiguous, inside torch.inference_mode; `Runner` sees to that.
    """

    def __init__(self, plan: Plan, flat: Flat, states: Mapping[str, Tensor]) -> None:
        """`states` are flat tensors for the gradients ("grad") and velocities ("velocity") that the plan uses."""
        self.plan, self._flat = plan, flat
        self._memory: dict[Storage, Tensor] = {}
        self._tensors: dict[View, Tensor] = {}
        self._scalars: dict[str, Rate] = {}
        self._names: dict[Any, str] = {}
        self._space: dict[str, Any] = {}
        with torch.inference_mode():
            self.arena = torch.empty(plan.arena.size, dtype=torch.uint8, device=flat.device)
            self._parts = {key: flat.views(tensor) for key, tensor in states.items()} | {"parameter": flat.parameters}
            for name, view in plan.parameters.items():
                self._memory[view.storage] = flat.parameters[name]
            for key, storage in plan.flats.items():
                if key == "parameter":
                    self._memory[storage] = flat.values
                elif key in states:
                    self._memory[storage] = states[key]
            self._bound = [(op, self._bind(op)) for op in plan.ops]
            self.source = self._generated()
        self.run: Callable[..., None] = self._space["step"]
        """One step on inputs and targets, in the order of declaration."""
        self.set_rate(0.0)
        self._terms = [(f, self._number(self._tensor(v))) for f, v in plan.terms]
        self._arrays: dict[str, NDArray[Any]] = {}
        self.wanted = [(name, torch.Size(v.shape), v.storage.dtype) for name, v in plan.given.items()]
        """Name, shape and type of what `run` takes."""

    def interpreted(self, *given: Tensor) -> Iterator[tuple[Op, tuple[Tensor, ...]]]:
        """The same step, call by call: each with the tensors that it has just written."""
        tensors = dict(zip(self.plan.given.values(), given, strict=True))
        storages = {view.storage: tensor for view, tensor in tensors.items()}

        def resolved(value: Any) -> Any:
            if isinstance(value, View):
                held = storages.get(value.storage)
                return self._tensor(value) if held is None else value.on(held)
            if isinstance(value, Rate):
                return value.at(self.rate)
            if isinstance(value, list | tuple):
                return type(value)(resolved(v) for v in value)
            return value

        for op in self.plan.ops:
            args, kwargs = resolved(op.args), {k: resolved(v) for k, v in op.kwargs.items()}
            outs = tuple(self._tensor(v) for v in op.outs)
            function, rest, named = call(op.function, args, kwargs, outs, op.inplace)
            function(*rest, **named)
            yield op, outs

    def set_rate(self, lr: float) -> None:
        """The learning rate of the steps from now on."""
        self.rate = lr
        for name, rate in self._scalars.items():
            self._space[name] = rate.at(lr)

    def objective(self) -> float:
        """The objective of the last step: the value before its update."""
        total = 0.0
        for factor, number in self._terms:
            total += factor * float(number)
        return total

    def value(self, name: str) -> Tensor:
        """The value of a kept signal in the last step: the program's own memory, until the next."""
        return self._tensor(self.plan.values[name])

    def array(self, name: str) -> NDArray[Any]:
        """The value of a kept signal as numpy's: the same memory, or a copy where that is not the processor's."""
        if self._flat.device != "cpu":
            return self.value(name).cpu().numpy()
        found = self._arrays.get(name)
        if found is None:
            found = self._arrays[name] = self.value(name).numpy()
        return found

    def gradient(self, name: str) -> Tensor:
        """The gradient with respect to a kept signal in the last step: the program's own memory, until the next."""
        return self._tensor(self.plan.gradients[name])

    # Inside

    def _number(self, tensor: Tensor) -> Any:
        """The one entry, as it will be: numpy reads it in a quarter of torch's time, where it can."""
        return tensor.reshape(()).numpy() if self._flat.device == "cpu" else tensor

    def _tensor(self, view: View) -> Tensor:
        found = self._tensors.get(view)
        if found is None:
            found = self._tensors[view] = view.on(self._held(view.storage).reshape(-1))
        return found

    def _held(self, storage: Storage) -> Tensor:
        found = self._memory.get(storage)
        if found is None:
            found = self._memory[storage] = self._allocated(storage)
        return found

    def _allocated(self, storage: Storage) -> Tensor:
        if storage.value is not None:
            return storage.value.reshape(-1).to(self._flat.device, copy=True)
        if storage.kind == "state":
            kind, _, name = storage.name.partition("_")
            return self._parts[kind][name].reshape(-1)
        offset = self.plan.arena.offsets[self.plan.arena.owner(storage)]
        return self.arena[offset : offset + storage.bytes].view(storage.dtype)

    def _bind(self, op: Op) -> Any:
        given = {v.storage for v in self.plan.given.values()}

        def resolved(value: Any) -> Any:
            if isinstance(value, View):
                return value if value.storage in given else self._tensor(value)
            if isinstance(value, list | tuple):
                return type(value)(resolved(v) for v in value)
            return value

        outs = tuple(self._tensor(v) for v in op.outs)
        kwargs = {k: resolved(v) for k, v in op.kwargs.items()}
        return call(op.function, resolved(op.args), kwargs, outs, op.inplace)

    def _generated(self) -> str:
        """The source of `step`; what it names is put into its namespace."""
        names = _Names(self._space)
        arguments = {view.storage: names.argument(name) for name, view in self.plan.given.items()}
        prelude: dict[View, str] = {}

        def text(value: Any) -> str:
            if isinstance(value, View):  # of a given tensor
                held = arguments[value.storage]
                if value.whole and value == self._given_view(value.storage):
                    return held
                if value not in prelude:
                    prelude[value] = names.free(f"{held}_part")
                return prelude[value]
            if isinstance(value, Tensor):
                return names.tensor(value, labels.get(id(value), "t"))
            if isinstance(value, Rate):
                if not value.slope:
                    return repr(value.constant)
                return names.rate(value, self._scalars)
            if isinstance(value, list):
                return f"[{', '.join(map(text, value))}]"
            if isinstance(value, tuple):
                return f"({''.join(f'{text(v)}, ' for v in value)})"
            if isinstance(value, torch.dtype) or not isinstance(value, int | float | bool | str | None):
                return names.object(value)
            return f"float({str(value)!r})" if isinstance(value, float) and not math.isfinite(value) else repr(value)

        labels = {id(tensor): _label(view) for view, tensor in self._tensors.items()}
        lines = []
        for op, (function, args, kwargs) in self._bound:
            parts = [text(a) for a in args] + [f"{k}={text(v)}" for k, v in kwargs.items()]
            lines.append(f"    {names.function(function, op)}({', '.join(parts)})")
        head = [f"def step({', '.join(arguments.values())}):"]
        for view, name in prelude.items():
            held = arguments[view.storage]
            flat = view.numel == view.storage.size and view.offset == 0
            in_order = flat and view.strides == View(view.storage, view.shape, ()).usual
            where = f"{held}.storage_offset() + {view.offset}"
            shape = ", ".join(map(str, view.shape))
            head.append(
                f"    {name} = {held}.view({shape})"
                if in_order
                else f"    {name} = {held}.as_strided({list(view.shape)}, {list(view.strides)}, {where})"
            )
        source = "\n".join([*head, *(lines or ["    pass"])]) + "\n"
        exec(compile(source, "<program>", "exec"), self._space)
        return source

    def _given_view(self, storage: Storage) -> View:
        return next(v for v in self.plan.given.values() if v.storage is storage)


def _label(view: View) -> str:
    if view.whole or view.storage.size == 1:
        return view.storage.name
    if len(view.shape) == 2 and view.transposed.whole:
        return f"{view.storage.name}_T"
    return f"{view.storage.name}_part"


class _Names:
    """Names in the generated function, and what they stand for."""

    def __init__(self, space: dict[str, Any]) -> None:
        self._space = space
        self._of: dict[int, str] = {}
        self._rates: dict[Rate, str] = {}
        self._taken: set[str] = {"step", "float"}

    def free(self, wanted: str) -> str:
        """The wanted name, or one like it that is free."""
        stem = "".join(c if c.isalnum() else "_" for c in wanted)
        stem = f"{stem}_" if keyword.iskeyword(stem) or not stem.isidentifier() else stem
        name, number = stem, 1
        while name in self._taken:
            number += 1
            name = f"{stem}_{number}"
        self._taken.add(name)
        return name

    def argument(self, wanted: str) -> str:
        return self.free(wanted)

    def tensor(self, tensor: Tensor, wanted: str) -> str:
        return self._named(tensor, wanted)

    def object(self, value: Any) -> str:
        return self._named(value, "constant")

    def function(self, function: Any, op: Op) -> str:
        own = getattr(function, "__self__", None)
        name = getattr(function, "__name__", op.name)
        if isinstance(own, Tensor):
            return self._named(function, f"{_label(op.outs[0])}_{name}")
        return self._named(function, op.name if name == "" or not name.isidentifier() else name)

    def rate(self, rate: Rate, scalars: dict[str, Rate]) -> str:
        if rate not in self._rates:
            self._rates[rate] = self.free("rate")
            scalars[self._rates[rate]] = rate
        return self._rates[rate]

    def _named(self, value: Any, wanted: str) -> str:
        if id(value) not in self._of:
            self._of[id(value)] = self.free(wanted)
            self._space[self._of[id(value)]] = value
        return self._of[id(value)]
