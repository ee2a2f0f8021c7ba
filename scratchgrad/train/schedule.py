"""Schedules: the factor by which the learning rate is multiplied, as a function of the training's position.

The position is counted in epochs and passes through their fractions: 2.5 is the middle of the third epoch.  A schedule
is a function of it and has no memory, so that a resumed run goes on where it was.
"""

from __future__ import annotations

import math
from collections.abc import Callable
from dataclasses import dataclass

from scratchgrad.train.settings import number

__all__ = ["Constant", "Cosine", "Schedule", "Step"]

Schedule = Callable[[float], float]


@dataclass(frozen=True)
class Constant:
    """Always 1."""

    def __call__(self, epoch: float) -> float:
        """The factor at this position: 1."""
        return 1.0


@dataclass(frozen=True)
class Step:
    """`factor` to the power of the number of times that `every` epochs have passed."""

    every: float
    factor: float = 0.1

    def __post_init__(self) -> None:
        """Raises InvalidSetting where `every` is not positive, or `factor` negative."""
        number("Step", "every", self.every, "every > 0 epochs", lambda epochs: epochs > 0)
        number("Step", "factor", self.factor, "factor >= 0", lambda factor: factor >= 0)

    def __call__(self, epoch: float) -> float:
        """The factor at this position."""
        return self.factor ** math.floor(epoch / self.every)


@dataclass(frozen=True)
class Cosine:
    """From 1 down to `floor` along half a cosine, in `epochs` epochs (Loshchilov and Hutter, ICLR 2017)."""

    epochs: float
    floor: float = 0.0

    def __post_init__(self) -> None:
        """Raises InvalidSetting where `epochs` is not positive, or `floor` negative."""
        number("Cosine", "epochs", self.epochs, "epochs > 0", lambda epochs: epochs > 0)
        number("Cosine", "floor", self.floor, "floor >= 0", lambda floor: floor >= 0)

    def __call__(self, epoch: float) -> float:
        """The factor at this position; `floor` beyond the end."""
        return self.floor + (1 - self.floor) * (1 + math.cos(math.pi * min(1.0, epoch / self.epochs))) / 2
