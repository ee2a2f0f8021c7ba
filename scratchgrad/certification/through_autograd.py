"""A forward whose backward torch records: an autograd.Function, its apply, an nn.Module, a custom op, a plain function.

In   something to call whose outputs carry gradients
Out  forward(*arguments) and backward(recorded, *grads), as torch's engine runs them; they keep the registry's protocol

An output that nobody consumes (None) takes no part in backward, and neither does one that carries no gradient, such as
a position or what is marked as not differentiable.  A gradient that is None is zero, as it is for torch.
"""

from __future__ import annotations

import contextlib
from collections.abc import Callable, Sequence
from typing import Any

import torch
from torch.utils._python_dispatch import _get_current_dispatch_mode_stack

__all__ = ["Recorded", "by_autograd", "called", "is_autograd_function", "outputs_of"]


_OVERLAPS = "refers to a single memory location"
"""What torch says where an expanded tensor is changed in place: that is no fault of the function."""


class Recorded:
    """What torch recorded in a forward; its tensors are torch's business."""

    __slots__ = ("none", "outputs", "watched")

    def __init__(self, outputs: Sequence[Any], watched: list[Any]) -> None:
        """The outputs, and the arguments; those that ask for a gradient are leaves."""
        self.outputs, self.watched = tuple(outputs), watched
        self.none: set[int] = set()
        """The places of the arguments for which backward gave None, which torch takes as zeros."""

    @property
    def carries_gradients(self) -> bool:
        """Whether any output carries a gradient."""
        return any(map(_carries, self.outputs))

    @property
    def is_torchs(self) -> bool:
        """Whether torch differentiates all of it itself: no torch.autograd.Function stands between."""
        pending: list[Any] = [u.grad_fn for u in self.outputs if _carries(u) and u.grad_fn is not None]
        seen: set[Any] = set()
        while pending:
            node = pending.pop()
            if node in seen:
                continue
            seen.add(node)
            written = getattr(node, "_forward_cls", None)  # which nodes of torch's own lack
            if written is not None and written is not _Stored:
                return False
            pending += [before for before, _ in node.next_functions if before is not None]
        return True


def is_autograd_function(value: Any) -> bool:
    """Whether it is a subclass of torch.autograd.Function."""
    return isinstance(value, type) and issubclass(value, torch.autograd.Function)  # noqa: TID251  # somebody else's


def called(function: Any) -> Any:
    """What is called with tensors: the apply of a torch.autograd.Function, anything else as it is."""
    return function.apply if is_autograd_function(function) else function


def by_autograd(
    function: Any, wanted: int | None = None, only: frozenset[int] | None = None
) -> tuple[Callable[..., Any], Callable[..., Any]]:
    """Forward and backward of a Function or of any callable, as torch's engine calls them.

    `wanted` is the number of outputs that the specification has: what else forward returns, without gradient, or
    beside them as (outputs, saved), is kept for backward and not compared.  `only` has the places of the arguments
    that ask for a gradient; by default every one of floating point does.
    """
    call = called(function)

    def forward(*arguments: Any) -> tuple[Any, Any]:
        with torch.inference_mode(False), torch.enable_grad():
            watched = [
                a.detach().clone().requires_grad_() if _real(a) and (only is None or place in only) else a
                for place, a in enumerate(arguments)
            ]
            handed = [_handed(leaf, a) for leaf, a in zip(watched, arguments, strict=True)]
            before = list(map(_recorded, handed))
            try:
                found = call(*handed)
            except RuntimeError as error:
                if _OVERLAPS not in str(error):
                    raise
                handed = [leaf.clone() if _real(leaf) else leaf for leaf in watched]
                before = list(map(_recorded, handed))
                found = call(*handed)
        outputs = outputs_of(found, wanted)
        _show_changes(arguments, handed, outputs, before)
        plain = [u.detach() if isinstance(u, torch.Tensor) else u for u in outputs]
        several = isinstance(found, tuple | list) and len(outputs) != 1
        return tuple(plain) if several else plain[0], Recorded(outputs, watched)

    def backward(recorded: Recorded, *grads: Any) -> tuple[Any, ...]:
        real = [a for a in recorded.watched if _carries(a)]
        arriving = dict(zip(range(len(recorded.outputs)), grads, strict=False))
        live = {n: u for n, u in enumerate(recorded.outputs) if _carries(u)}
        consumed = {n: u for n, u in live.items() if arriving.get(n) is not None}
        found = _pulled(list(consumed.values()), real, [arriving[n] for n in consumed])
        pulled = dict(zip(map(id, real), found, strict=True))
        recorded.none |= {n for n, a in enumerate(recorded.watched) if pulled.get(id(a), a) is None}
        every = [
            torch.zeros_like(a) if g is None or g._is_zerotensor() else g for a, g in zip(real, found, strict=True)
        ]
        rest = iter(every)
        return tuple(next(rest) if _carries(a) else None for a in recorded.watched if isinstance(a, torch.Tensor))

    return forward, backward


def _real(value: Any) -> bool:
    return isinstance(value, torch.Tensor) and value.is_floating_point()


def _recorded(value: Any) -> Any:
    """What torch has recorded as the origin of a tensor."""
    return value.grad_fn if isinstance(value, torch.Tensor) else None


def _carries(value: Any) -> bool:
    return isinstance(value, torch.Tensor) and value.requires_grad


def outputs_of(found: Any, wanted: int | None) -> tuple[Any, ...]:
    """The outputs among what forward returned."""
    if not isinstance(found, tuple | list):
        return (found,)
    if wanted is None or len(found) <= wanted:
        return tuple(found)
    real = [u for u in found if isinstance(u, torch.Tensor) and u.is_floating_point()]
    if len(real) == wanted and all(isinstance(u, torch.Tensor) for u in found):  # beside positions and masks
        return tuple(real)
    if len(found) == 2 and (wanted == 1 or isinstance(found[0], tuple | list)):  # (outputs, saved)
        return tuple(found[0]) if isinstance(found[0], tuple | list) else (found[0],)
    return tuple(found) if any(map(_carries, found[wanted:])) else tuple(found[:wanted])


def _pulled(outputs: Sequence[Any], inputs: Sequence[Any], grads: Sequence[Any]) -> list[Any]:
    """The gradients of the inputs; None for one on which none of the outputs depends."""
    if not outputs:
        return [None] * len(inputs)
    return list(
        torch.autograd.grad(outputs, inputs, grads, retain_graph=True, allow_unused=True)  # noqa: TID251  # examined
    )


def _handed(leaf: Any, given: Any) -> Any:
    """What the function gets: no leaf, as in a network, so that it may be changed in place; stored as it was given."""
    if not _real(leaf):
        return given
    if leaf.stride() == given.stride():
        return leaf.clone()
    return _Stored.apply(leaf, given)  # type: ignore[no-untyped-call]


def _show_changes(
    arguments: Sequence[Any], handed: Sequence[Any], outputs: Sequence[Any], before: Sequence[Any]
) -> None:
    """What was changed in place is changed in the argument, too, where it is seen; not an output that torch knows of.

    Where torch has recorded the change (an operation in place, mark_dirty), the tensor has another grad_fn than before.
    """
    if _get_current_dispatch_mode_stack():  # it is executed exactly, and may not be looked at
        return
    results = {u.untyped_storage().data_ptr() for u in outputs if isinstance(u, torch.Tensor)}
    for given, copy, recorded in zip(arguments, handed, before, strict=True):
        if not _real(given) or copy is given:
            continue
        known = not _carries(copy) or copy.grad_fn is not recorded
        if not (known and copy.untyped_storage().data_ptr() in results):
            now = copy.detach()
            if not torch.equal(now.nan_to_num(), given.nan_to_num()) and not given.is_inference():
                with contextlib.suppress(RuntimeError), torch.no_grad():  # an expanded tensor cannot be written to
                    given.copy_(now)


class _Stored(torch.autograd.Function):  # noqa: TID251  # how a tensor of autograd gets other strides
    """The values of a tensor in memory that is laid out as that of another one, which has the same values."""

    @staticmethod
    def forward(ctx: Any, values: torch.Tensor, like: torch.Tensor) -> torch.Tensor:
        """A copy of the whole storage."""
        storage: Any = like.untyped_storage()
        return torch.empty(0, dtype=like.dtype).set_(storage.clone(), like.storage_offset(), like.size(), like.stride())

    @staticmethod
    def backward(ctx: Any, *grads: Any) -> Any:
        """The gradient of the copy."""
        return grads[0], None
