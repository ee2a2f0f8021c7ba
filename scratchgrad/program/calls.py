"""The Python function behind a call: with the result's memory given, or in place.

In   an Op and the torch tensors of its views
Out  a function, its positional arguments and its keyword arguments; nothing is allocated when it is called

torch's own Python functions with out= cost half of what torch.ops.aten costs; methods in place cost least.  Where
neither is known to take the same arguments, the overload that takes the result's memory is called; where torch has
none, the result is computed and copied.
"""

from __future__ import annotations

from collections.abc import Callable
from functools import cache
from typing import Any

import torch
from torch import Tensor

from scratchgrad.notation.functions import of_aten

__all__ = ["call", "out_overload"]

_aten = torch.ops.aten

# torch.NAME(*args, out=...) takes the arguments of aten::NAME; so do the functions of the table.
_WITH_OUT = frozenset(
    "mm addmm bmm mul add sub div neg pow sum dot logsumexp mean amax _softmax _log_softmax lt le gt ge eq ne rsqrt "
    "cumsum maximum minimum _addmm_activation".split()
)
# tensor.NAME_(*args) takes the arguments of aten::NAME_ after the first; so do the functions that are methods.
_IN_PLACE = frozenset("mul add sub div neg relu addmm addmv baddbmm fill copy".split())


def call(
    function: Any, args: tuple[Any, ...], kwargs: dict[str, Any], outs: tuple[Tensor, ...], inplace: bool
) -> tuple[Callable[..., Any], tuple[Any, ...], dict[str, Any]]:
    """The function and the arguments that write the result of function(*args, **kwargs) into `outs`."""
    if not isinstance(function, torch._ops.OpOverload):
        return _kernel(function, outs), args, kwargs
    name = function._schema.name.partition("::")[2]
    if inplace:
        if _in_place(name.removesuffix("_")):
            return getattr(args[0], name), args[1:], kwargs
        return function, args, kwargs
    out = outs[0]
    if name in ("clone", "_to_copy", "contiguous"):
        return out.copy_, args[:1], {}
    if len(outs) == 1 and _in_place(name) and args and _same(args[0], out):
        return getattr(out, f"{name}_"), args[1:], kwargs
    if function is _aten.relu.default:
        return torch.clamp_min, (args[0], 0), {"out": out}
    if function is _aten.log_sigmoid_forward.default:
        return _aten.log_sigmoid_forward.output._op, args, {"output": outs[0], "buffer": outs[1]}
    if name == "sum" and function is _aten.sum.default:
        return torch.sum, (args[0], [*range(len(args[0].shape))]), {"out": out}
    if function is _aten.where.self:
        return torch.where, args, {"out": out}
    if name in ("_softmax", "_log_softmax") and not out.is_contiguous():  # torch writes them as if it were
        if out.ndim != 2 or not out.mT.is_contiguous():
            return _copying(function, outs), args, kwargs
        v = args[0].mT if isinstance(args[0], Tensor) else args[0].transposed
        return getattr(torch, name), (v, 1 - args[1] % 2, *args[2:]), {"out": out.mT}
    if len(outs) == 1 and _with_out(name):
        return getattr(torch, name), args, {**kwargs, "out": out}
    found = out_overload(function)
    if found is not None and len(found[1]) == len(outs):
        return found[0]._op, args, {**kwargs, **dict(zip(found[1], outs, strict=True))}
    return _copying(function, outs), args, kwargs


@cache
def _with_out(name: str) -> bool:
    return name in _WITH_OUT or (of_aten(name) is not None and hasattr(torch, name))


@cache
def _in_place(name: str) -> bool:
    row = of_aten(name)
    return name in _IN_PLACE or (row is not None and hasattr(torch.Tensor, f"{name}_"))


@cache
def out_overload(function: Any) -> tuple[Any, tuple[str, ...]] | None:
    """The overload that takes the same arguments and the results' memory, and the names of the latter."""
    packet = getattr(_aten, function._schema.name.partition("::")[2])
    wanted = [(a.name, str(a.type)) for a in function._schema.arguments]
    for overload in packet.overloads():
        candidate = getattr(packet, overload)
        arguments = candidate._schema.arguments
        if [(a.name, str(a.type)) for a in arguments if not a.is_out] == wanted and any(a.is_out for a in arguments):
            return candidate, tuple(a.name for a in arguments if a.is_out)
    return None


def _same(one: Any, other: Tensor) -> bool:
    return (
        isinstance(one, Tensor)
        and one.data_ptr() == other.data_ptr()
        and one.shape == other.shape
        and one.stride() == other.stride()
        and one.dtype == other.dtype
    )


def _copying(function: Any, outs: tuple[Tensor, ...]) -> Callable[..., None]:
    def compute_and_copy(*args: Any, **kwargs: Any) -> None:
        found = function(*args, **kwargs)
        results = [r for r in (found if isinstance(found, tuple | list) else (found,)) if isinstance(r, Tensor)]
        for out, result in zip(outs, results, strict=True):
            out.copy_(result)

    return compute_and_copy


def _kernel(function: Any, outs: tuple[Tensor, ...]) -> Callable[..., None]:
    return _copying(function, outs)
