"""The rules of losses that torch computes in one operation, and torch's own words for those that read values."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from typing import Any

import numpy as np
import torch

from scratchgrad.certification.exact.arrangement import concrete
from scratchgrad.certification.exact.arrays import Arrays
from scratchgrad.certification.exact.rules import rule

__all__ = ["REWRITTEN"]

Array = Any
_MEAN, _SUM = 1, 2


@rule("multilabel_margin_loss_forward")
def _multilabel_margin(on: Arrays, x: Array, target: Array, reduction: int) -> tuple[Array, None]:
    """The sum of max(0, 1 - x_t + x_k) over the labels t before the first -1, and over all k that are no label."""
    rows, labels = np.atleast_2d(on.of(x)), np.atleast_2d(concrete(target))
    losses = []
    for row, every in zip(rows, labels.tolist(), strict=True):
        wanted = every[: every.index(-1)] if -1 in every else every
        others = [k for k in range(len(row)) if k not in wanted]
        parts = [on.maximum(on.add(on.sub(1, row[t]), row[k]), 0) for t in wanted for k in others]
        losses.append(on.div(on.sum(np.stack(parts)) if parts else on.of(0), len(row)))
    found = np.stack(losses)
    if reduction == _MEAN:
        return on.mean(found), None
    return (on.sum(found) if reduction == _SUM else found.reshape(np.shape(x)[:-1])), None


def _one_hot(index: torch.Tensor, classes: int = -1) -> torch.Tensor:
    """Without torch's look at the largest index."""
    return (index.unsqueeze(-1) == torch.arange(classes)).long()


def _gaussian_nll(
    x: torch.Tensor, target: torch.Tensor, var: Any, full: bool = False, eps: float = 1e-6, reduction: str = "mean"
) -> torch.Tensor:
    """Without torch's look for a variance below 0."""
    if not isinstance(var, torch.Tensor):
        var = torch.full_like(x, var)
    elif var.shape != x.shape and var.shape == x.shape[:-1]:
        var = var.unsqueeze(-1)
    var = var.clone()
    with torch.no_grad():
        var.clamp_(min=eps)
    found: torch.Tensor = 0.5 * (var.log() + (x - target) ** 2 / var)
    if full:
        found = found + 0.5 * float(np.log(2 * np.pi))
    if reduction == "none":
        return found
    return found.mean() if reduction == "mean" else found.sum()


REWRITTEN: Mapping[str, Callable[..., torch.Tensor]] = {"one_hot": _one_hot, "gaussian_nll_loss": _gaussian_nll}
"""Functions of torch that look at values before they compute, in operations that do not."""
