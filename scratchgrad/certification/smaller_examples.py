"""A smaller example of the same form, for an example so large that exact numbers would take minutes.

In   examples
Out  the same ones cut: each long length is replaced by a short one, the same everywhere; None where that cannot be done

Who accepts the functions at the smaller sizes, with proof and all probes, has then to compare them at the example's own
sizes, too.  Functions that are written for those sizes alone are examined there, as any others.
"""

from __future__ import annotations

import math
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from scratchgrad.certification.battery import Battery, Example
from scratchgrad.certification.function_specification import as_array
from scratchgrad.certification.large_shapes import ROWS
from scratchgrad.certification.region import domain_of

__all__ = ["OfExamples", "OwnSizes", "smaller_examples"]

# TRUST: large-examples
_LARGE = 2000
"""An example of more numbers is examined at smaller sizes, and then at its own."""

_LONG = 16
"""Longer axes are cut."""

_SHORT = (5, 6, 7, 9, 10, 11, 13, 14)


@dataclass(frozen=True)
class OfExamples(Mapping[str, int]):
    """The sizes of examples, in the place of sizes that are named."""

    examples: Sequence[Example]

    def __getitem__(self, name: str) -> int:
        """No size has a name here."""
        raise KeyError(name)

    def __iter__(self) -> Iterator[str]:
        """No names."""
        return iter(())

    def __len__(self) -> int:
        """No names."""
        return 0


class OwnSizes(dict[Any, int]):
    """The sizes of an example as a Battery names them, with the example's arrays."""

    def __init__(self, battery: Battery, examples: Sequence[Example]) -> None:
        """Raises ExampleMismatch where the example does not fit."""
        self.arrays = [battery.arrays(example) for example in examples]
        super().__init__(battery.example_sizes(self.arrays[0]))
        if battery.specification.batched:
            self[ROWS] = battery.example_batch(self.arrays[0]) or battery.batch or 1


def smaller_examples(examples: Sequence[Example]) -> list[Example] | None:
    """The examples, cut to short lengths; None where they are small, hold whole numbers, or lose their domain."""
    if not examples or any(not _is_cuttable(value) for one in examples for value in one):
        return None
    if sum(math.prod(value.shape) for value in examples[0] if _is_array(value)) <= _LARGE:
        return None
    lengths = sorted({n for value in examples[0] if _is_array(value) for n in value.shape})
    free = [n for n in _SHORT if n not in lengths]
    long = [n for n in lengths if n > _LONG]
    if not long or len(long) > len(free):
        return None
    short = dict(zip(long, free, strict=False))
    cut = [tuple(_cut(value, short) for value in one) for one in examples]
    places = [place for place, value in enumerate(examples[0]) if _is_array(value)]
    for place in places:
        before, after = (domain_of(as_array(one[place]) for one in of) for of in (examples, cut))
        if before != after:
            return None
    return cut


def _is_array(value: Any) -> bool:
    return hasattr(value, "shape") and hasattr(value, "dtype")


def _is_cuttable(value: Any) -> bool:
    """Whether it is no tensor, or one of floats."""
    return not _is_array(value) or "float" in str(value.dtype)


def _cut(value: Any, short: dict[int, int]) -> Any:
    """The first entries along every long axis."""
    if not _is_array(value):
        return value
    part = value[tuple(slice(short.get(n, n)) for n in value.shape)]
    copy = getattr(part, "clone", None) or getattr(part, "copy", None)
    return part if copy is None else copy()
