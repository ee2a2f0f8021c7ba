"""What a layer can say without its target: the outputs that do not depend on it.

softmax_cross_entropy gives the classifications o and the loss L; without y only o is known.  A kernel does not say
which output depends on what, so it is asked: an output counts as independent of the missing inputs if it stays the
same, bit for bit, when these are not-a-number, and when they are two different draws of random numbers.
"""

from __future__ import annotations

import torch
from torch import Tensor

from scratchgrad.tape.entry import Entry

__all__ = ["independent_outputs"]


def independent_outputs(
    entry: Entry, arguments: list[Tensor | None], shapes: list[tuple[int, ...]], batch: int | None
) -> tuple[Tensor | None, ...]:
    """The outputs of the entry, None for each that depends on an argument that is None.

    A single output is taken to depend on everything, and an integer-valued input cannot be varied: None for all.
    """
    missing = [k for k, argument in enumerate(arguments) if argument is None]
    if len(entry.outputs) == 1 or any(entry.layer.signature.inputs[k].integer for k in missing):
        return (None,) * len(entry.outputs)
    known = next((a for a in arguments if a is not None and a.is_floating_point()), None)
    if known is None:
        return (None,) * len(entry.outputs)
    random = torch.Generator().manual_seed(0)
    runs = []
    for attempt in range(3):
        filled = [
            (
                torch.full(shape, torch.nan, dtype=known.dtype)
                if attempt == 0
                else torch.randn(shape, generator=random, dtype=known.dtype)
            )
            if argument is None
            else argument
            for argument, shape in zip(arguments, shapes, strict=True)
        ]
        runs.append(entry.forward(filled, batch)[0])
    return tuple(
        output if all(_same(output, other) for other in others) else None for output, *others in zip(*runs, strict=True)
    )


def _same(one: Tensor, other: Tensor) -> bool:
    return torch.equal(one.isnan(), other.isnan()) and torch.equal(one.nan_to_num(), other.nan_to_num())
