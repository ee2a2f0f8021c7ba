"""Adam and AdamW: steps scaled by running moments of the gradient.

    m <- beta1 m + (1 - beta1) grad_W                m^ = m / (1 - beta1^t)
    v <- beta2 v + (1 - beta2) grad_W^2              v^ = v / (1 - beta2^t)
    W <- W - lr m^ / (sqrt(v^) + eps)                AdamW: W <- (1 - lr lambda) W first

Kingma and Ba, ICLR 2015, algorithm 1; Loshchilov and Hutter, ICLR 2019, algorithm 2 (the decay apart from the gradient,
for every parameter).
"""

from __future__ import annotations

import math
from collections.abc import Mapping
from typing import Any

import torch
from torch import Tensor

from scratchgrad.train.optimizer import Optimizer
from scratchgrad.train.schedule import Schedule
from scratchgrad.train.settings import WrongSettingType, number

__all__ = ["Adam", "AdamW"]


class Adam(Optimizer):
    """Keeps a first and a second moment for each parameter."""

    kinds = ("first", "second")

    def __init__(
        self,
        lr: float = 0.001,
        betas: tuple[float, float] = (0.9, 0.999),
        eps: float = 1e-8,
        schedule: Schedule | None = None,
        *,
        clip: float | None = None,
    ) -> None:
        """The learning rate at position e is lr * schedule(e); InvalidSetting where a setting is out of range."""
        name = type(self).__name__
        if not isinstance(betas, tuple | list) or len(betas) != 2:
            raise WrongSettingType(f"{name}: expected two numbers for betas, such as (0.9, 0.999), got {betas!r}")
        range_ = "0 <= beta < 1 for both betas"
        for beta in betas:
            number(name, "each of betas", beta, range_, lambda share: 0 <= share < 1)
        number(name, "eps", eps, "eps > 0", lambda small: small > 0)
        self.betas, self.eps = (float(betas[0]), float(betas[1])), eps
        super().__init__(lr, schedule, clip)

    def rule(self, parameter: Tensor, gradient: Tensor, state: Mapping[str, Tensor], rate: float) -> None:
        """The lines above; `steps` is t."""
        first, second = state["first"], state["second"]
        beta1, beta2 = self.betas
        first.lerp_(gradient, 1 - beta1)
        second.mul_(beta2).addcmul_(gradient, gradient, value=1 - beta2)
        root = torch.sqrt(second, out=self.scratch("root", second))
        root.div_(math.sqrt(1 - beta2**self.steps)).add_(self.eps)
        parameter.addcdiv_(first, root, value=-rate / (1 - beta1**self.steps))

    def _settings(self) -> dict[str, Any]:
        return {"lr": self.lr, "betas": self.betas, "eps": self.eps}


class AdamW(Adam):
    """Adam with a decay of all parameters by lr * weight_decay at each step."""

    def __init__(
        self,
        lr: float = 0.001,
        betas: tuple[float, float] = (0.9, 0.999),
        eps: float = 1e-8,
        weight_decay: float = 0.01,
        schedule: Schedule | None = None,
        *,
        clip: float | None = None,
    ) -> None:
        """As for Adam; InvalidSetting where weight_decay is negative."""
        number("AdamW", "weight_decay", weight_decay, "weight_decay >= 0", lambda decay: decay >= 0)
        self.weight_decay = weight_decay
        super().__init__(lr, betas, eps, schedule, clip=clip)

    def rule(self, parameter: Tensor, gradient: Tensor, state: Mapping[str, Tensor], rate: float) -> None:
        """The decay, then Adam."""
        parameter.mul_(1 - rate * self.weight_decay)
        super().rule(parameter, gradient, state, rate)

    def _settings(self) -> dict[str, Any]:
        return super()._settings() | {"weight_decay": self.weight_decay}
