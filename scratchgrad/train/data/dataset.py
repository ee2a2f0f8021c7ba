"""Dataset: training and test samples as tensors, one row a sample.

In   arrays as people have them: images or rows, 8-bit or floating, labels of any integer type
Out  X [N, features] in one floating dtype, y [N] int64 class numbers (or floating targets, for regression)

8-bit integers (grey values) are divided by 255; any other number is taken as it is.
"""

from __future__ import annotations

import math
from dataclasses import dataclass
from typing import Any

import numpy as np
import torch

__all__ = ["DataMismatch", "Dataset", "Samples", "samples"]

Samples = tuple[torch.Tensor, torch.Tensor]


class DataMismatch(ValueError):
    """Inputs and labels, or training and test samples, that do not belong together."""


@dataclass(frozen=True)
class Dataset:
    """Samples to train on and, where there are any, samples to test on.

    `classes` is the number of classes, 0 where the targets are real numbers.  `credit` says whose data it is.
    """

    train: Samples
    test: Samples | None = None
    classes: int = 0
    name: str = "data"
    credit: str = ""

    @classmethod
    def of(
        cls,
        train: tuple[Any, Any],
        test: tuple[Any, Any] | None = None,
        *,
        dtype: torch.dtype = torch.float32,
        name: str = "data",
        credit: str = "",
    ) -> Dataset:
        """The data set of these arrays, checked: as many labels as inputs, one number of features, no class below 0."""
        parts = [samples(*train, dtype=dtype, name=f"{name}, training")]
        if test is not None:
            parts.append(samples(*test, dtype=dtype, name=f"{name}, test"))
            (X, y), (X_test, y_test) = parts
            if X.shape[1] != X_test.shape[1]:
                raise DataMismatch(f"{name}: training inputs have {X.shape[1]} features, test inputs {X_test.shape[1]}")
            if y.dtype != y_test.dtype or y.shape[1:] != y_test.shape[1:]:
                raise DataMismatch(
                    f"{name}: training labels are {_kind(y)}, test labels {_kind(y_test)}; give both the same form"
                )
        largest = [int(y.max()) for _, y in parts if not y.is_floating_point() and y.numel()]
        return cls(parts[0], parts[1] if len(parts) > 1 else None, max(largest, default=-1) + 1, name, credit)

    @property
    def features(self) -> int:
        """The length of one input row."""
        return self.train[0].shape[1]

    def __repr__(self) -> str:
        """The data set's name and sizes."""
        n_test = len(self.test[1]) if self.test is not None else 0
        what = f"{self.classes} classes" if self.classes else "real targets"
        return f"<Dataset {self.name}: {len(self.train[1])} + {n_test} samples, {self.features} features, {what}>"


def samples(X: Any, y: Any, *, dtype: torch.dtype, name: str = "data") -> Samples:
    """(X, y) as tensors: X [N, features] in `dtype`, 8-bit values divided by 255; y int64, or `dtype` if floating."""
    X, y = _tensor(X), _tensor(y)
    if X.ndim == 0 or y.ndim == 0:
        raise DataMismatch(f"{name}: expected X [N, ...] and y [N], got shapes {tuple(X.shape)} and {tuple(y.shape)}")
    if len(X) != len(y):
        hint = "; is X transposed (one column a sample)? Give X.T" if X.ndim == 2 and X.shape[1] == len(y) else ""
        raise DataMismatch(f"{name}: {len(X)} inputs but {len(y)} labels{hint}")
    grey = X.dtype == torch.uint8
    X = X.reshape(len(X), math.prod(X.shape[1:])).to(dtype)
    if grey:
        X = X / 255
    if y.is_floating_point():
        return X, y.to(dtype)
    if y.ndim == 2 and y.shape[1] == 1:
        y = y[:, 0]
    y = y.to(torch.int64)
    if y.ndim != 1:
        raise DataMismatch(
            f"{name}: expected one class number a sample, y [N], got integer labels of shape {tuple(y.shape)}; "
            "of one-hot rows give y.argmax(1)"
        )
    if y.numel() and int(y.min()) < 0:
        raise DataMismatch(f"{name}: class numbers count from 0, found {int(y.min())}")
    return X, y


def _kind(y: torch.Tensor) -> str:
    return f"{str(y.dtype).removeprefix('torch.')} of shape [N{''.join(f', {n}' for n in y.shape[1:])}]"


def _tensor(array: Any) -> torch.Tensor:
    if isinstance(array, torch.Tensor):
        return array.detach()
    array = np.asarray(array)
    # torch has no big-endian types, reads no negative strides and warns about read-only memory.
    if not array.dtype.isnative or not array.flags.writeable or any(step < 0 for step in array.strides):
        array = array.astype(array.dtype.newbyteorder("="), order="C", copy=True)
    return torch.from_numpy(array)
