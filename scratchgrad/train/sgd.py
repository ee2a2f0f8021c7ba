"""SGD: gradient descent with momentum, on mini-batches.

    velocity <- momentum * velocity + grad_W
    W        <- W - lr * velocity                               Nesterov: W - lr * (grad_W + momentum * velocity)

The velocity starts at 0 (so the first step is a plain one), as in Sutskever et al., ICML 2013, in the form that torch
uses.  In a program the update happens inside the product that makes grad_W (program.updates), unless gradients are
clipped or the step looks ahead.
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

import torch
from torch import Tensor

from scratchgrad.program.updates import Update
from scratchgrad.train.optimizer import Optimizer
from scratchgrad.train.schedule import Schedule
from scratchgrad.train.settings import InvalidSetting, number

__all__ = ["SGD"]


class SGD(Optimizer):
    """Keeps one velocity for each parameter while momentum is not 0."""

    def __init__(
        self,
        lr: float = 0.05,
        momentum: float = 0.0,
        schedule: Schedule | None = None,
        *,
        nesterov: bool = False,
        clip: float | None = None,
    ) -> None:
        """The learning rate at position e is lr * schedule(e); InvalidSetting where a setting is out of range."""
        number("SGD", "momentum", momentum, "0 <= momentum < 1", lambda share: 0 <= share < 1)
        if nesterov and not momentum:
            raise InvalidSetting("SGD: expected momentum > 0 with nesterov=True, got 0")
        self.momentum, self.nesterov = momentum, nesterov
        self.kinds = ("velocity",) if momentum else ()
        super().__init__(lr, schedule, clip)

    @property
    def velocities(self) -> dict[str, Tensor]:
        """The velocity of each parameter, by name."""
        return self._states.get("velocity", {})

    def plan(self) -> Update:
        """A program does all of it by itself, except clipping and looking ahead."""
        plain = self.clip is None and not self.nesterov
        return Update("descent", self.momentum) if plain else Update("gradients")

    def rule(self, parameter: Tensor, gradient: Tensor, state: Mapping[str, Tensor], rate: float) -> None:
        """The two lines above."""
        direction = gradient
        if self.momentum:
            direction = state["velocity"].mul_(self.momentum).add_(gradient)
        if self.nesterov:
            direction = torch.add(gradient, direction, alpha=self.momentum, out=self.scratch("ahead", gradient))
        parameter.sub_(direction, alpha=rate)

    def _settings(self) -> dict[str, Any]:
        settings = {"lr": self.lr, "momentum": self.momentum}
        return settings | {"nesterov": True} if self.nesterov else settings
