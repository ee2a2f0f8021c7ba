"""What a user gives (numbers, lists, arrays, tensors) becomes a tensor of the network, checked by shape.

    rank axes      one sample: no signal gets a batch axis
    rank + 1 axes  a batch, one row a sample
Values are copied, one entry after the other in memory, and converted to the network's dtype (integers and floats of
another precision, too): a result depends on the numbers, not on how they lay.
"""

from __future__ import annotations

from typing import Any

import numpy as np
import torch

from scratchgrad.tape.signal import Signal

__all__ = ["BatchMismatch", "ValueMismatch", "exact_value", "own_copy", "sample_value", "to_tensor"]


def own_copy(tensor: torch.Tensor) -> torch.Tensor:
    """A copy that belongs to who asked: an ordinary tensor, which no later step changes, and which may be changed."""
    if not torch.is_inference_mode_enabled():
        return tensor.clone()
    with torch.inference_mode(False):
        return tensor.clone()


class ValueMismatch(ValueError):
    """A value that does not have the shape of its signal, or no numbers at all."""


class BatchMismatch(ValueError):
    """Values of one run that carry different numbers of samples."""


def to_tensor(value: Any, dtype: torch.dtype, name: str) -> torch.Tensor:
    """A copy of the value in this dtype; ValueMismatch, which begins with `name`, where it holds no real numbers."""
    if isinstance(value, torch.Tensor):
        if value.is_complex():
            raise ValueMismatch(f"{name}: expected real numbers, got a tensor of {value.dtype}")
        return value.detach().to(dtype=dtype, device="cpu", copy=True, memory_format=torch.contiguous_format)
    if isinstance(value, list | tuple) and any(isinstance(part, torch.Tensor) for part in value):
        return torch.stack([to_tensor(part, dtype, name) for part in value])
    try:
        array = np.array(value, order="C")
    except ValueError as error:
        raise ValueMismatch(f"{name}: expected an array, got {type(value).__name__}: {error}") from error
    if array.dtype.kind not in "biuf":
        raise ValueMismatch(f"{name}: expected real numbers, got {type(value).__name__} of {array.dtype}")
    if array.dtype.kind == "f" and array.dtype.itemsize > 8:
        array = array.astype(np.float64)
    elif not array.dtype.isnative:
        array = array.astype(array.dtype.newbyteorder("="))
    return torch.from_numpy(array).to(dtype)


def exact_value(value: Any, signal: Signal, dtype: torch.dtype) -> torch.Tensor:
    """The value of a parameter or a constant, which has exactly the signal's shape."""
    tensor = _converted(value, signal, dtype)
    if tuple(tensor.shape) != signal.shape:
        hint = "; give its transpose" if tuple(tensor.shape) == signal.shape[::-1] else ""
        raise ValueMismatch(
            f"{signal.role} {signal.name!r}: expected {_shape(signal.shape)}, got {_shape(tensor.shape)}{hint}"
        )
    return tensor


def sample_value(value: Any, signal: Signal, dtype: torch.dtype) -> tuple[torch.Tensor, int | None]:
    """The value of an input or a target, and how many samples it carries: None for a single one without batch axis.

    Raises ValueMismatch, which recognises samples in columns and class numbers in the place of one-hot rows.
    """
    tensor = _converted(value, signal, dtype)
    shape = tuple(tensor.shape)
    if shape == signal.shape:
        return tensor, None
    if shape[1:] == signal.shape and tensor.ndim == len(signal.shape) + 1:
        return tensor, shape[0]
    hint = ""
    if shape[:-1] == signal.shape and tensor.ndim == len(signal.shape) + 1:
        columns = "one column a sample" if shape[-1] > 1 else "a column vector"
        order = ", ".join(map(str, (tensor.ndim - 1, *range(tensor.ndim - 1))))
        axes = ".T" if tensor.ndim == 2 else f".permute({order})"
        hint = f"; this is {columns}, here samples are rows: give {signal.name}{axes}"
    elif signal.role == "target" and len(signal.shape) == 1 and tensor.ndim == 1 and not _is_floating(value):
        hint = f"; are these class numbers? Give one-hot rows: torch.nn.functional.one_hot(..., {signal.shape[0]})"
    raise ValueMismatch(
        f"{signal.role} {signal.name!r}: expected {_shape(('n', *signal.shape))} for a batch of n samples or "
        f"{_shape(signal.shape)} for one, got {_shape(shape)}{hint}"
    )


def _converted(value: Any, signal: Signal, dtype: torch.dtype) -> torch.Tensor:
    """The value in the signal's dtype; ValueMismatch where an integer-valued signal gets a fraction or counts below 0.

    A negative number would count from the end, as Python's indices do; in a definition such an element is 0.
    """
    if not signal.integer:
        return to_tensor(value, dtype, f"{signal.role} {signal.name!r}")
    tensor = to_tensor(value, torch.int64, f"{signal.role} {signal.name!r}")
    exact = to_tensor(value, torch.float64, signal.name) if _is_floating(value) else tensor
    wrong = exact[(exact != tensor) | (tensor < 0)]
    if len(wrong):
        raise ValueMismatch(
            f"{signal.role} {signal.name!r}: expected whole numbers from 0 on, got {wrong[0].item()}; "
            "they are places in another tensor"
        )
    return tensor


def _is_floating(value: Any) -> bool:
    return value.is_floating_point() if isinstance(value, torch.Tensor) else np.asarray(value).dtype.kind == "f"


def _shape(shape: Any) -> str:
    return f"[{', '.join(map(str, shape))}]" if len(shape) else "a single number"
