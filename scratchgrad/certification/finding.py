"""A finding: one thing that is wrong about a kernel, and where it was seen."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

from scratchgrad.certification.probes import Probe

__all__ = ["Finding"]


@dataclass(frozen=True)
class Finding:
    """What is wrong: at which stage, of which kind, about which tensor, seen at which probe.

    `entry` is a place in the tensor, `yours` the number there, `right` the exact one; None where no number is wrong.
    """

    stage: str
    kind: str
    tensor: str
    words: str
    probe: Probe
    entry: tuple[int, ...] | None = None
    yours: float | None = None
    right: Any = None
