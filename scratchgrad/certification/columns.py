"""Whether a pair of functions is right for batches whose samples are columns.

In   a subject that does not take batches whose samples are rows
Out  the same functions, given transposed samples, as a subject that does
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import replace
from typing import Any

import torch

from scratchgrad.certification.subject import Subject

__all__ = ["in_columns"]


def in_columns(subject: Subject, *, bias_as_column: bool) -> Subject:
    """The subject, given every batch with its samples as columns; shared vectors perhaps as columns, too."""
    spec = subject.specification

    def turned(value: Any, sample: bool) -> Any:
        if not isinstance(value, torch.Tensor):
            return value
        if sample and value.ndim == 2:
            return value.mT
        return value.unsqueeze(-1) if not sample and bias_as_column and value.ndim == 1 else value

    def back(value: Any, sample: bool) -> Any:
        if (
            isinstance(value, torch.Tensor)
            and not sample
            and bias_as_column
            and value.ndim == 2
            and value.shape[1] == 1
        ):
            return value.squeeze(-1)
        return value.mT if isinstance(value, torch.Tensor) and sample and value.ndim == 2 else value

    def columns(function: Callable[..., Any] | None, given: Sequence[bool], taken: Sequence[bool]) -> Any:
        if function is None:
            return None

        def call(*arguments: Any) -> Any:
            turned_ones = [
                turned(a, s) if not isinstance(a, tuple) else tuple(turned(x, True) for x in a)
                for a, s in zip(arguments, given, strict=False)
            ]
            found = function(*turned_ones, *arguments[len(given) :])
            if isinstance(found, tuple | list) and len(found) == len(taken):
                return tuple(back(value, s) for value, s in zip(found, taken, strict=True))
            return back(found, taken[0])

        return call

    inputs = [role.sample for role in spec.inputs]
    outputs = [role.sample for role in spec.outputs]
    upstream = [True] if spec.several and not subject.protocol else outputs
    return replace(
        subject,
        forward_function=columns(subject.forward_function, inputs, outputs),
        backward_function=None
        if subject.protocol
        else columns(subject.backward_function, [*upstream, *inputs], inputs),
    )
