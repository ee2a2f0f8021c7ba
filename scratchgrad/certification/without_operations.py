"""Gradients of a torch function that is the specification, with one operation left out, or its result held constant.

In   Observed, of a torch function
Out  pairs (words, prediction)

The function runs as it is under a torch function mode, which changes what one of its calls gives.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping
from dataclasses import replace
from typing import Any

import torch
from torch.overrides import TorchFunctionMode

from scratchgrad.certification.float_reference import FloatReference
from scratchgrad.certification.observed import Observed, Predict, Seen
from scratchgrad.certification.reference import Undefined

__all__ = ["without_operations"]

_CALLS = 24
"""Functions of more calls are not looked at."""

Array = Any


def without_operations(observed: Observed) -> Iterator[tuple[str, Predict]]:
    """Each call of the function in turn: held constant, then left out."""
    function = observed.specification.function
    if function is None or observed.stage != "backward":
        return
    names = _calls(observed)
    if not 0 < len(names) <= _CALLS:
        return
    for number, name in enumerate(names):
        shown = name if names.count(name) == 1 else f"{name} (call {number + 1})"
        words = f"yours is right if the result of {shown} is held constant: a path through it is missing"
        yield words, _prediction(observed, number, _held)
    for number, name in enumerate(names):
        shown = name if names.count(name) == 1 else f"{name} (call {number + 1})"
        yield f"yours is the gradient of the same without {shown}", _prediction(observed, number, _left_out)


def _held(result: Any, arguments: tuple[Any, ...]) -> Any:
    return result.detach() if isinstance(result, torch.Tensor) else result


def _left_out(result: Any, arguments: tuple[Any, ...]) -> Any:
    """The first argument where it could stand for the result."""
    first = arguments[0] if arguments else None
    if not (isinstance(result, torch.Tensor) and isinstance(first, torch.Tensor)):
        return result
    return first if (first.shape, first.dtype) == (result.shape, result.dtype) else result


class _Changed(TorchFunctionMode):
    """Calls are counted; what one of them gives is changed."""

    def __init__(self, number: int, change: Callable[[Any, tuple[Any, ...]], Any]) -> None:
        super().__init__()
        self.number, self.change = number, change
        self.names: list[str] = []

    def __torch_function__(
        self, func: Any, types: Any, args: tuple[Any, ...] = (), kwargs: Mapping[str, Any] | None = None
    ) -> Any:
        """The call's own result, but for one call."""
        result = func(*args, **(kwargs or {}))
        name = getattr(func, "__name__", str(func)).strip("_")
        if name == "get" or not isinstance(result, torch.Tensor) or not result.is_floating_point():
            return result
        self.names.append(name)
        return self.change(result, args) if len(self.names) - 1 == self.number else result


def _calls(observed: Observed) -> list[str]:
    """The names of the function's calls."""
    function = observed.specification.function
    assert function is not None  # asked before
    point = observed.usual[0].point
    counting = _Changed(-1, _held)
    tensors = [torch.tensor(point.tensors[role.name]) for role in observed.specification.inputs]
    with counting, torch.no_grad():
        function.call(tensors)
    return counting.names


def _prediction(observed: Observed, number: int, change: Callable[[Any, tuple[Any, ...]], Any]) -> Predict:
    spec = observed.specification
    function = spec.function
    assert function is not None  # asked before

    def changed(*arguments: Any) -> Any:
        with _Changed(number, change):
            return function.function(*arguments)

    reference = FloatReference(replace(spec, function=replace(function, function=changed)))

    def predict(s: Seen) -> Array | None:
        try:
            return reference.at(s.point)[observed.name].high
        except Undefined:
            return None

    return predict
