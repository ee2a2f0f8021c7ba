"""Recording: a kernel runs on tensors without data, and every call that it makes becomes an Op.

In   a kernel, torch tensors on the device "meta" (shape, type and strides, no entries) that stand for storages
Out  the calls in order, on views of storages; transposes, expansions, slices and squeeze_ are no calls

Nothing of torch's semantics is modelled: which tensor lies where in which memory is asked of torch itself, so a view
cannot be modelled wrongly.  A certified kernel does the same calls whatever the entries are; one that asks for an
entry (`.item()`, `if tensor`) raises here and is called as it is instead (see `lowering`).
"""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import torch
from torch import Tensor
from torch.utils._python_dispatch import TorchDispatchMode

from scratchgrad.program.op import Kind, Op, Storage, View
from scratchgrad.program.results import result_of

__all__ = ["Trace", "Untraceable"]


class Untraceable(RuntimeError):
    """A kernel that cannot be recorded."""


class Trace:
    """The calls so far, and which memory each tensor without data stands for."""

    def __init__(self) -> None:
        """Nothing is recorded yet."""
        self.ops: list[Op] = []
        self.backward = False
        self._storages: dict[int, Storage] = {}
        self._alive: list[Tensor] = []  # an identity may be given again once its tensor is gone
        self._count = 0

    def tensor(
        self, name: str, shape: tuple[int, ...], dtype: torch.dtype, kind: Kind, value: Tensor | None = None
    ) -> Tensor:
        """A tensor without data that stands for a new storage."""
        with torch.inference_mode(False):  # calls on tensors made in inference mode reach the recorder undivided
            tensor = torch.empty(shape, dtype=dtype, device="meta")
        self._register(tensor, Storage(name, tensor.numel(), dtype, kind, value))
        return tensor

    def view(self, tensor: Tensor) -> View:
        """The view that the tensor stands for."""
        storage = self._storages.get(_identity(tensor))
        if storage is None:
            raise Untraceable(f"a tensor of shape {list(tensor.shape)} comes from outside the kernel")
        return View(storage, tuple(tensor.shape), tuple(tensor.stride()), int(tensor.storage_offset()))

    def record(self, why: str, function: Callable[[], Any]) -> Any:
        """What the function gives, its calls recorded; Untraceable where that cannot be."""
        before = len(self.ops)
        try:
            with torch.inference_mode(False), torch.no_grad(), _Recorder(self, why):
                return function()
        except Untraceable:
            del self.ops[before:]
            raise
        except Exception as error:
            del self.ops[before:]
            raise Untraceable(f"{why}: {type(error).__name__}: {error}") from error

    def call(self, function: Any, args: tuple[Any, ...], kwargs: dict[str, Any], result: Any, why: str) -> None:
        """One call that was made, unless it made nothing but a view."""
        results = [r for r in (result if isinstance(result, tuple | list) else [result]) if isinstance(r, Tensor)]
        changed = [
            args[k]
            for k, argument in enumerate(function._schema.arguments[: len(args)])
            if argument.alias_info is not None and argument.alias_info.is_write
        ]
        new = [r for r in results if _identity(r) not in self._storages]
        if (not new and not changed) or _only_turns(function):
            return
        if changed and (len(changed) != 1 or changed[0] is not args[0] or new):
            raise Untraceable(f"{why}: {function} changes several tensors at once")
        read = [self._argument(a) for a in args]
        named = {key: self._argument(value) for key, value in kwargs.items()}
        named.pop("device", None)  # decided when the program gets its memory
        for tensor in new:
            self._count += 1
            size = tensor.untyped_storage().nbytes() // max(1, tensor.dtype.itemsize)
            self._register(tensor, Storage(f"t{self._count}", size, tensor.dtype, "temporary"))
        outs = tuple(self.view(t) for t in (changed or results))
        self.ops.append(Op(function, tuple(read), named, outs, bool(changed), why, backward=self.backward))

    def _argument(self, value: Any) -> Any:
        if isinstance(value, Tensor):
            if value.device.type != "meta":  # a number that the kernel wrote as a tensor
                self._count += 1
                data = value.detach().contiguous()
                self._register(value, Storage(f"c{self._count}", value.numel(), value.dtype, "constant", data))
            return self.view(value)
        if isinstance(value, tuple | list):
            return [self._argument(v) for v in value]
        return value

    def _register(self, tensor: Tensor, storage: Storage) -> None:
        self._alive.append(tensor)
        self._storages[_identity(tensor)] = storage


class _Recorder(TorchDispatchMode):  # type: ignore[no-untyped-call]  # torch leaves it untyped
    """Hands every call to the trace."""

    def __init__(self, trace: Trace, why: str) -> None:
        super().__init__()  # type: ignore[no-untyped-call]  # torch leaves it untyped
        self._trace, self._why = trace, why

    @classmethod
    def _should_skip_dynamo(cls) -> bool:
        """False: skipping it means importing it, and SymPy along with it."""
        return False

    def __torch_dispatch__(self, func: Any, types: Any, args: Any = (), kwargs: Any = None) -> Any:
        named = dict(kwargs or {})
        if any(a.name == "device" for a in func._schema.arguments) and not _holds_numbers(args):
            named["device"] = "meta"
        result = result_of(func, args, named)
        if result is None:
            result = func(*args, **named)
        self._trace.call(func, tuple(args), named, result, self._why)
        return result


def _only_turns(function: Any) -> bool:
    """Whether the call changes how a tensor lies in its memory, but no number: squeeze_ in x @ W of a vector."""
    moved = function._schema.name.removeprefix("aten::") in ("resize_", "resize_as_", "set_")
    return torch.Tag.inplace_view in function.tags and not moved


def _holds_numbers(args: Any) -> bool:
    return any(isinstance(a, Tensor) and a.device.type != "meta" for a in args)


def _identity(tensor: Tensor) -> int:
    return int(tensor.untyped_storage()._cdata)
