"""The fact that a subject is right when it is first called at a size, and wrong in the next call there.

In   Observed
Out  a sentence, or None
"""

from __future__ import annotations

from scratchgrad.certification.observed import Observed

__all__ = ["remembers"]

_SIZES = ((6, 7, 5, 4), (7, 6, 4, 5))
"""Sizes that no probe has: the subject is called there for the first time."""


def remembers(observed: Observed) -> str | None:
    """That it remembers a first call: at new sizes point a is right and then b wrong, elsewhere b is right at first."""
    battery = observed.battery
    if battery.examples:
        return None
    first, second = (battery.sizes(numbers) for numbers in _SIZES)
    batches = (6, 7) if battery.specification.batched else (None, None)
    outcomes = []
    for batch, sizes, salts in ((batches[0], first, "ab"), (batches[1], second, "ba")):
        for salt in salts:
            seen = observed.fresh(battery.point("normal", batch, sizes, salt=f"remembering {salt}"))
            outcomes.append(seen is not None and seen.failed)
    if outcomes == [False, True, False, True]:
        return "right in the first call at a size, wrong in the next ones: does it remember something of the first?"
    return None
