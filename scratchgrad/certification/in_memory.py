"""Tensors as an examination handles them: made of values, read as values, compared bit for bit."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

import torch

__all__ = ["array_of", "bytes_of", "memory_of", "tensor_of", "tensors_in"]

Array = Any


def memory_of(tensor: torch.Tensor) -> int:
    """Where the tensor's storage begins."""
    return int(tensor.untyped_storage().data_ptr())


def tensor_of(values: Array, dtype: str) -> torch.Tensor:
    """The values as a tensor of the dtype; integers and truth values stay."""
    tensor = torch.tensor(values)
    return tensor.to(getattr(torch, dtype)) if tensor.is_floating_point() else tensor


def array_of(tensor: torch.Tensor) -> Array:
    """The values as float64, whatever the dtype."""
    return tensor.detach().cpu().to(torch.float64).numpy()


def bytes_of(tensors: Sequence[tuple[str, torch.Tensor]]) -> dict[str, bytes]:
    """The contents of the tensors, bit for bit."""
    return {name: _plain(tensor.detach().cpu().contiguous()).numpy().tobytes() for name, tensor in tensors}


def _plain(tensor: torch.Tensor) -> torch.Tensor:
    """Numpy has no bfloat16."""
    return tensor.float() if tensor.dtype == torch.bfloat16 else tensor


def tensors_in(saved: Any, name: str = "saved") -> list[tuple[str, torch.Tensor]]:
    """All tensors in what forward saved, each with its place."""
    if isinstance(saved, torch.Tensor):
        return [(name, saved)]
    if isinstance(saved, Mapping):
        return [found for key, value in saved.items() for found in tensors_in(value, f"{name}[{key!r}]")]
    if isinstance(saved, tuple | list):
        return [found for position, value in enumerate(saved) for found in tensors_in(value, f"{name}[{position}]")]
    return (
        [found for key, value in vars(saved).items() for found in tensors_in(value, f"{name}.{key}")]
        if hasattr(saved, "__dict__")
        else []
    )
