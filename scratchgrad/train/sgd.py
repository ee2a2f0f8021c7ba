"""SGD: gradient descent with momentum, on mini-batches.

    velocity <- momentum * velocity + grad_W
    W        <- W - lr * velocity

The velocity starts at 0 (so the first step is a plain one), as in Sutskever et al., ICML 2013, in the form that torch
uses.  There is no weight decay here: it is the term lambda ||W||^2 of the objective, whose gradient comes along its
own path of the figure.
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

import torch
from torch import Tensor

from scratchgrad.train.schedule import Constant, Schedule

__all__ = ["SGD"]


class SGD:
    """Changes parameters in place; keeps one velocity for each while momentum is not 0."""

    def __init__(self, lr: float = 0.05, momentum: float = 0.0, schedule: Schedule | None = None) -> None:
        """The learning rate at position e is lr * schedule(e); ValueError where lr or momentum is out of range."""
        if not lr >= 0:
            raise ValueError(f"SGD: expected lr >= 0, got {lr}")
        if not 0 <= momentum < 1:
            raise ValueError(f"SGD: expected 0 <= momentum < 1, got {momentum}")
        self.lr, self.momentum = lr, momentum
        self.schedule = Constant() if schedule is None else schedule
        self.velocities: dict[str, Tensor] = {}

    def reset(self) -> None:
        """Forget the velocities: a new run begins."""
        self.velocities = {}

    def rate(self, epoch: float) -> float:
        """The learning rate at this position, counted in epochs."""
        return self.lr * self.schedule(epoch)

    def update(self, parameters: Mapping[str, Tensor], gradients: Mapping[str, Tensor], epoch: float = 0.0) -> None:
        """Each parameter moves against its velocity by the learning rate."""
        rate = self.rate(epoch)
        for name, parameter in parameters.items():
            direction = gradients[name]
            if self.momentum:
                velocity = self.velocities.get(name)
                if velocity is None:
                    velocity = self.velocities[name] = torch.zeros_like(parameter)
                direction = velocity.mul_(self.momentum).add_(direction)
            parameter.sub_(direction, alpha=rate)

    def __repr__(self) -> str:
        """The settings, by which a checkpoint recognises the optimiser that it belongs to."""
        schedule: Any = self.schedule
        text = getattr(schedule, "__qualname__", None) or repr(schedule)
        return f"SGD(lr={self.lr!r}, momentum={self.momentum!r}, schedule={text})"
