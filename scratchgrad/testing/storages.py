"""The same values, stored otherwise: transposed, as a slice with steps, behind an offset, with stride 0."""

from __future__ import annotations

import torch

__all__ = ["STORAGES", "stored"]

STORAGES = ("contiguous", "transposed", "sliced", "expanded", "offset")
"""How a drawn tensor may be stored; the first one is the simplest."""


def stored(tensor: torch.Tensor, storage: str) -> torch.Tensor:
    """The same values, stored otherwise; with stride 0, the first row stands for all."""
    if storage == "transposed" and tensor.ndim > 1:
        return tensor.mT.contiguous().mT
    if storage == "sliced":
        wide = tensor.new_zeros((*tensor.shape[:-1], 2 * tensor.shape[-1]))
        wide[..., ::2] = tensor
        return wide[..., ::2]
    if storage == "expanded":  # as many numbers are drawn as for the others, or it would count as simpler than them
        return tensor[:1].expand(tensor.shape)
    if storage == "offset":
        return torch.cat([tensor.new_zeros(1), tensor.reshape(-1)])[1:].reshape(tensor.shape)
    return tensor
