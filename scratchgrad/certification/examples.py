"""Examples as they are given, and as tensors and arrays: what is complex, or no array at all, is told apart.

In   a tuple of arrays of any library, or a function seed -> such a tuple
Out  the examples, with arrays of other libraries as NumPy's
"""

from __future__ import annotations

import contextlib
import inspect
from collections.abc import Callable, Sequence
from typing import Any

import numpy as np
import torch

from scratchgrad.certification.battery import Example
from scratchgrad.certification.libraries import as_numpy, is_foreign
from scratchgrad.certification.specification import ExampleMismatch

__all__ = ["as_examples", "given_examples"]

_COMPLEX = (torch.complex32, torch.complex64, torch.complex128, np.dtype("complex64"), np.dtype("complex128"))


def given_examples(example: Any) -> Sequence[Example]:
    """The examples with the arrays that they have.  Raises ExampleMismatch where a function takes no seed."""
    if example is None:
        return ()
    if callable(example):
        _takes_a_seed(example)
    found = [example(seed) for seed in range(3)] if callable(example) else [example]
    return [tuple(one) if isinstance(one, tuple | list) else (one,) for one in found]


def _takes_a_seed(example: Callable[..., Any]) -> None:
    signature = None
    with contextlib.suppress(ValueError):  # written in C, it tells nothing
        signature = inspect.signature(example)
    try:
        if signature is not None:
            signature.bind(0)
    except TypeError as error:
        raise ExampleMismatch(f"an example that is a function is called with a seed, example(0): {error}") from error


def as_examples(given: Sequence[Example]) -> Sequence[Example]:
    """The examples with tensors and NumPy's arrays.  Raises ExampleMismatch where one is complex."""
    examples = [tuple(as_numpy(value) if is_foreign(value) else value for value in one) for one in given]
    for place, value in enumerate(examples[0] if examples else (), 1):
        if getattr(value, "dtype", None) in _COMPLEX:
            raise ExampleMismatch(
                f"argument {place} of the example is complex ({value.dtype}), which is not supported; give its "
                "real and imaginary parts as tensors"
            )
    return examples
