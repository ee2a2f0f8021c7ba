"""What was covered by the probes, in plain words, read off the probes themselves.

In   a Battery
Out  sentences for an accepted verdict: values, upstream gradients, memory, dtypes, batches; and what nothing is said of
"""

from __future__ import annotations

from typing import Any

import numpy as np

from scratchgrad.certification.battery import Battery
from scratchgrad.certification.probes import Probe

__all__ = ["covered"]

_BEYOND = "nothing is said about other dtypes, other devices, and sizes far beyond these"

Array = Any


def covered(battery: Battery) -> list[str]:
    """One sentence about what was probed, one about what was not."""
    probes = battery.probes
    parts = [f"probed: {_numbers(probes)}"]
    batches = sorted({p.point.batch for p in probes if p.point.batch is not None})
    if batches:
        parts.append(f"batches of {', '.join(map(str, batches))}")
    upstream = _kinds(p for p in probes if p.group == "upstream")
    if upstream:
        parts.append(f"upstream gradients random, {', '.join(upstream)}")
    layouts = dict.fromkeys(layout.name for p in probes for layout in p.layouts.values())
    if layouts:
        parts.append(f"memory {', '.join(name.removesuffix(' (stride 0)') for name in layouts)}")
    parts.append(" and ".join(dict.fromkeys(p.point.dtype for p in probes)))
    return ["; ".join(parts), _BEYOND]


def _numbers(probes: tuple[Probe, ...]) -> str:
    """The range of the inputs' sizes, and whether there are zeros among them."""
    inputs = [a.ravel() for p in probes for a in p.point.tensors.values() if a.dtype.kind == "f"]
    every: Array = np.abs(np.concatenate([np.zeros(0), *inputs]))
    finite = every[np.isfinite(every) & (every > 0)]
    if not finite.size:
        return "no numbers but 0"
    zeros = " and exact zeros" if (every == 0).any() else ""
    return f"numbers of size {_power(finite.min())} to {_power(finite.max())}{zeros}"


def _power(number: float) -> str:
    """1e-3 for a thousandth."""
    digits, power = f"{number:.0e}".split("e")
    return f"{digits}e{int(power)}"


def _kinds(probes: Any) -> list[str]:
    """What the upstream gradients are; how they lie in memory is said with the memory."""
    return list(dict.fromkeys(p.name.removeprefix("upstream gradients ").partition(",")[0] for p in probes))
