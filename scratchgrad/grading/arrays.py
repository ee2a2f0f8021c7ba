"""Between torch, in which we certify, and the arrays that a file works with.

In   tensors; the library that the file imports
Out  what its functions take; what they return, as tensors again

numpy arrays share their memory with the tensors, so that a function that changes its input is seen to do so.
"""

from __future__ import annotations

import numbers
from types import ModuleType
from typing import Any

import numpy as np
import torch

__all__ = ["Unreadable", "given", "library_of", "returned"]


class Unreadable(TypeError):
    """A value that is no array."""


def library_of(module: ModuleType) -> str:
    """The library of a module's arrays: "torch" where it imports it, else "numpy"."""
    values = vars(module).values()
    names = {v.__name__.partition(".")[0] for v in values if isinstance(v, ModuleType)}
    names |= {str(getattr(v, "__module__", "")).partition(".")[0] for v in values if callable(v)}
    return "torch" if "torch" in names else "numpy"


def given(tensor: torch.Tensor, library: str) -> Any:
    """The tensor as the library has it."""
    return tensor if library == "torch" else tensor.numpy()


def returned(value: Any, like: torch.Tensor) -> torch.Tensor:
    """What a function returned, as a tensor; real numbers come in the dtype of `like`.

    Raises Unreadable for anything that is no array and no number.
    """
    if isinstance(value, torch.Tensor):
        tensor = value.detach()
    elif isinstance(value, np.ndarray) and value.dtype.kind in "biuf":
        tensor = torch.from_numpy(np.ascontiguousarray(value)).reshape(value.shape)
    elif isinstance(value, numbers.Real | np.generic) and not isinstance(value, complex):
        tensor = torch.tensor(float(value), dtype=torch.float64)
    else:
        raise Unreadable(f"a {type(value).__name__} where an array was expected")
    return tensor.to(like.dtype) if tensor.dtype != like.dtype and not tensor.is_complex() else tensor
