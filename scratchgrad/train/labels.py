"""Class numbers as one-hot rows: y = 2 of four classes is (0, 0, 1, 0)."""

from __future__ import annotations

import torch
from torch import Tensor

__all__ = ["LabelMismatch", "one_hot"]


class LabelMismatch(ValueError):
    """Class numbers that the target has no place for, or targets of another shape."""


def one_hot(labels: Tensor, classes: int, dtype: torch.dtype = torch.float32) -> Tensor:
    """Row n is 1 at labels[n] and 0 elsewhere.  labels: [n] integers from 0, the result: [n, classes]."""
    labels = torch.as_tensor(labels)
    if labels.is_floating_point() or labels.ndim != 1:
        raise LabelMismatch(f"one_hot: expected class numbers [n], got {labels.dtype} {list(labels.shape)}")
    if labels.numel() and not 0 <= int(labels.min()) <= int(labels.max()) < classes:
        outside = int(labels.max()) if int(labels.min()) >= 0 else int(labels.min())
        raise LabelMismatch(f"one_hot: expected class numbers from 0 to {classes - 1}, found {outside}")
    return torch.zeros(len(labels), classes, dtype=dtype).scatter_(1, labels.to(torch.int64).unsqueeze(1), 1)
