"""The shape of what a call gives, without making the call: for the calls that most kernels consist of.

In   an overload of torch.ops.aten and its arguments, tensors without data
Out  a tensor without data of the result's shape, type and strides; None where torch is to be asked

Torch answers for every call, but its answer for tensors without data is Python that imports SymPy and costs seconds on
the first call.  Here stand the plain cases: entrywise calls, products, sums, stacks and softmax.  Shapes and types are
torch's; the order of axes in memory is free, because a program gives every call the memory of its result.
"""

from __future__ import annotations

from itertools import pairwise
from typing import Any

import torch
from torch import Tensor

__all__ = ["result_of"]

_aten = torch.ops.aten
_SOFTMAX = (_aten._softmax.default, _aten._log_softmax.default)
_SUMS = (_aten.sum.dim_IntList, _aten.mean.dim, _aten.logsumexp.default)
_FULL_SUMS = (_aten.sum.default, _aten.mean.default)
_LIKE = (
    _aten.empty_like.default,
    _aten.zeros_like.default,
    _aten.ones_like.default,
    _aten.full_like.default,
    _aten.clone.default,
)
_IN_PLACE = (_aten.add_.Tensor, _aten.copy_.default, _aten.fill_.Scalar, _aten.mul_.Tensor)
_JOINED = (_aten.stack.default, _aten.cat.default)
_NEW = (_aten.new_zeros.default, _aten.new_ones.default, _aten.new_full.default, _aten.new_empty.default)


def result_of(function: Any, args: tuple[Any, ...], kwargs: dict[str, Any]) -> Any:
    """A tensor without data like the one that the call gives; None where torch is to be asked."""
    if function in _JOINED and args[0]:
        return _joined(function, *args)
    tensors = [a for a in args if isinstance(a, Tensor)]
    if not tensors or any(t.device.type != "meta" and t.ndim for t in tensors):
        return None
    if function in _IN_PLACE:
        return args[0]
    if function in _NEW:
        return _empty(args[1], kwargs.get("dtype") or args[0].dtype)
    if function in _SUMS and not kwargs:
        return _empty(_reduced(*args), args[0].dtype if args[0].is_floating_point() else torch.int64)
    if function is _aten.clone.default and kwargs.get("memory_format") is torch.contiguous_format:
        return _empty(args[0].shape, args[0].dtype)
    if _pointwise(function) and any(not _in_order(t) for t in tensors):
        return _in_the_order_of(_entrywise(function, args, kwargs, tensors), tensors)
    if not all(_in_order(t) for t in tensors):
        return _product(function, args)
    if function in _SOFTMAX:
        return _empty(args[0].shape, args[0].dtype)
    if function in _LIKE:
        return _empty(args[0].shape, kwargs.get("dtype") or args[0].dtype)
    if function is _aten.index_add.default:
        return _empty(args[0].shape, args[0].dtype)
    if function is _aten.index.Tensor and len(args[1]) == 1 and args[1][0] is not None:
        return _empty((*args[1][0].shape, *args[0].shape[1:]), args[0].dtype)
    if function is _aten._to_copy.default:
        return _empty(args[0].shape, kwargs.get("dtype") or args[0].dtype)
    if function is _aten.log_sigmoid_forward.default:  # with the buffer that the processor's kernel wants
        return _empty(args[0].shape, args[0].dtype), _empty(args[0].shape, args[0].dtype)
    if function in _FULL_SUMS and not kwargs:
        return _empty((), args[0].dtype if args[0].is_floating_point() else torch.int64)
    if _pointwise(function):
        return _entrywise(function, args, kwargs, tensors)
    return _product(function, args)


def _pointwise(function: Any) -> bool:
    tagged = torch.Tag.pointwise in function.tags or function is _aten.threshold_backward.default
    return tagged and not function._schema.is_mutable


def _in_the_order_of(found: Tensor | None, tensors: list[Tensor]) -> Tensor | None:
    """The tensor with its axes in memory as in the first of these that has its shape."""
    like = next((t for t in tensors if found is not None and t.shape == found.shape), None)
    if found is None or like is None:
        return found
    strides = like.stride()
    axes = sorted(range(like.ndim), key=lambda k: (-strides[k], k))
    back = sorted(range(like.ndim), key=axes.__getitem__)
    return _empty([like.shape[k] for k in axes], found.dtype).permute(back)


def _joined(function: Any, parts: list[Tensor], axis: int = 0) -> Tensor | None:
    """Tensors of one type side by side, along an axis of their own or along one that they have."""
    first, shape = parts[0], list(parts[0].shape)
    if any(p.dtype != first.dtype or p.ndim != first.ndim or p.device.type != "meta" for p in parts):
        return None
    if function is _aten.stack.default:
        shape.insert(axis % (first.ndim + 1), len(parts))
    elif first.ndim:
        shape[axis % first.ndim] = sum(p.shape[axis] for p in parts)
    return _empty(shape, first.dtype)


def _entrywise(function: Any, args: tuple[Any, ...], kwargs: dict[str, Any], tensors: list[Tensor]) -> Tensor | None:
    """The type is that of the same call on one entry; the shape is that of all tensors, broadcast."""
    one = [torch.ones((1,) * a.ndim, dtype=a.dtype) if isinstance(a, Tensor) else a for a in args]
    found = function(*one, **kwargs)
    return _empty(_broadcast(tensors), found.dtype) if isinstance(found, Tensor) else None


def _product(function: Any, args: tuple[Any, ...]) -> Tensor | None:
    if function is _aten.mm.default:
        return _empty((args[0].shape[0], args[1].shape[1]), args[0].dtype)
    if function is _aten.addmm.default:
        return _empty((args[1].shape[0], args[2].shape[1]), args[1].dtype)
    if function is _aten.bmm.default:
        return _empty((*args[0].shape[:2], args[1].shape[2]), args[0].dtype)
    if function is _aten.dot.default:
        return _empty((), args[0].dtype)
    return None


def _broadcast(tensors: list[Tensor]) -> list[int]:
    """The common shape; torch.broadcast_shapes would import SymPy."""
    longest = max(t.ndim for t in tensors)
    rows = [(1,) * (longest - t.ndim) + tuple(t.shape) for t in tensors]
    return [next((n for n in sizes if n != 1), 1) for sizes in zip(*rows, strict=True)]


def _reduced(tensor: Tensor, dims: Any = None, keep: bool = False) -> list[int]:
    gone = range(tensor.ndim) if not dims else [d % max(1, tensor.ndim) for d in dims]
    return [1 if d in gone else n for d, n in enumerate(tensor.shape) if keep or d not in gone]


def _empty(shape: Any, dtype: torch.dtype) -> Tensor:
    return torch.empty(tuple(shape), dtype=dtype, device="meta")


def _in_order(tensor: Tensor) -> bool:
    """Whether the entries lie in the usual order; broadcast axes, whose stride is 0, may stand anywhere."""
    strides = [s for n, s in zip(tensor.shape, tensor.stride(), strict=True) if n > 1 and s > 0]
    return all(a >= b for a, b in pairwise(strides))
