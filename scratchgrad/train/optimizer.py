"""Optimizer: what every optimiser shares: rate, clipping, state, and the same rule for one tensor or for all in one.

    update        parameters and gradients by name, as the tape has them
    update_flat   all parameters in one flat tensor, all gradients in another, as a program has them

Both apply `rule` to tensors of whatever shape, in place.  The state (velocities, moments) is kept by name, so that a
checkpoint does not depend on how it lay; `bind` moves it into one flat tensor a kind.

There is no weight decay in SGD and Adam: it is the term lambda ||W||^2 of the objective, whose gradient comes along its
own path of the figure.
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import TYPE_CHECKING, Any

import torch
from torch import Tensor

from scratchgrad.program.updates import Update
from scratchgrad.train.schedule import Constant, Schedule
from scratchgrad.train.settings import function, number

if TYPE_CHECKING:
    from scratchgrad.program.flat import Flat

__all__ = ["Optimizer"]


class Optimizer:
    """Changes parameters in place by their gradients."""

    kinds: tuple[str, ...] = ()
    """The names of the tensors that it keeps for each parameter."""

    def __init__(self, lr: float, schedule: Schedule | None = None, clip: float | None = None) -> None:
        """The learning rate at position e is lr * schedule(e); gradients are shortened to a norm of at most `clip`.

        The norm is that of all gradients together.  InvalidSetting (a ValueError) where lr or clip is out of range,
        WrongSettingType (a TypeError) where it is no number.
        """
        name = type(self).__name__
        number(name, "lr", lr, "lr >= 0", lambda rate: rate >= 0)
        if clip is not None:
            number(name, "clip", clip, "clip > 0", lambda length: length > 0)
        self.lr, self.clip = lr, clip
        self.schedule = Constant() if schedule is None else function(name, "schedule", schedule, "sg.Cosine(10)")
        self.steps = 0
        self._states: dict[str, dict[str, Tensor]] = {kind: {} for kind in self.kinds}
        self._flat: dict[str, Tensor] = {}
        self._scratch: dict[tuple[str, torch.Size, torch.dtype], Tensor] = {}

    def reset(self) -> None:
        """Forget the past: a new run begins."""
        self.steps, self._states = 0, {kind: {} for kind in self.kinds}
        self._flat, self._scratch = {}, {}

    def rate(self, epoch: float) -> float:
        """The learning rate at this position, counted in epochs."""
        return self.lr * self.schedule(epoch)

    def plan(self) -> Update:
        """What a program does itself; by default it leaves all gradients to `update_flat`."""
        return Update("gradients")

    def update(self, parameters: Mapping[str, Tensor], gradients: Mapping[str, Tensor], epoch: float = 0.0) -> None:
        """Each parameter follows the rule."""
        self.steps += 1
        norm = None
        if self.clip is not None:
            norms = [torch.linalg.vector_norm(gradients[name]) for name in parameters]
            norm = torch.linalg.vector_norm(torch.stack(norms)) if norms else None
        for name, parameter in parameters.items():
            state = {kind: self._state(kind, name, parameter) for kind in self.kinds}
            self.rule(parameter, self._clipped(gradients[name], norm), state, self.rate(epoch))

    def update_flat(self, parameters: Tensor, gradients: Tensor, epoch: float = 0.0) -> None:
        """All parameters follow the rule at once; what `bind` has bound is the state."""
        self.steps += 1
        norm = None
        if self.clip is not None:
            norm = torch.linalg.vector_norm(gradients, out=self.scratch("norm", gradients.new_empty(())))
        self.rule(parameters, self._clipped(gradients, norm), self._flat, self.rate(epoch))

    def rule(self, parameter: Tensor, gradient: Tensor, state: Mapping[str, Tensor], rate: float) -> None:
        """Change the parameter, and the state, in place."""
        raise NotImplementedError

    def bind(self, flat: Flat) -> dict[str, Tensor]:
        """Move the state into one tensor a kind, laid out as the parameters are; it is handed to the program."""
        self._flat = {kind: flat.zeros() for kind in self.kinds}
        for kind, tensor in self._flat.items():
            views = flat.views(tensor)
            for name, before in self._states[kind].items():
                views[name].copy_(before)
            self._states[kind] = views
        return self._flat

    def state(self) -> dict[str, Tensor]:
        """All that a resumed run needs, by names such as velocity/W."""
        found = {f"{kind}/{name}": t for kind, by_name in self._states.items() for name, t in by_name.items()}
        return found | {"steps": torch.tensor(self.steps)}

    def load_state(self, state: Mapping[str, Tensor]) -> None:
        """Go on from what `state` gave."""
        self.reset()
        for key, tensor in state.items():
            kind, _, name = key.partition("/")
            if key == "steps":
                self.steps = int(tensor)
            elif kind in self._states:
                self._states[kind][name] = tensor.clone()

    def scratch(self, name: str, like: Tensor) -> Tensor:
        """Memory of this shape that is there already from the second step on."""
        key = (name, like.shape, like.dtype)
        if key not in self._scratch:
            self._scratch[key] = torch.empty_like(like)
        return self._scratch[key]

    def _state(self, kind: str, name: str, parameter: Tensor) -> Tensor:
        held = self._states[kind].get(name)
        if held is None:
            held = self._states[kind][name] = torch.zeros_like(parameter)
        return held

    def _clipped(self, gradient: Tensor, norm: Tensor | None) -> Tensor:
        """The gradient times min(1, clip / norm); itself where nothing is clipped."""
        if norm is None or self.clip is None:
            return gradient
        length = float(norm)
        if length <= self.clip:
            return gradient
        return torch.mul(gradient, self.clip / length, out=self.scratch("clipped", gradient))

    def _settings(self) -> dict[str, Any]:
        return {"lr": self.lr}

    def __repr__(self) -> str:
        """The settings, by which a checkpoint recognises the optimiser that it belongs to."""
        schedule: Any = self.schedule
        settings = {key: repr(value) for key, value in self._settings().items()}
        settings["schedule"] = getattr(schedule, "__qualname__", None) or repr(schedule)
        if self.clip is not None:
            settings["clip"] = repr(self.clip)
        return f"{type(self).__name__}({', '.join(f'{k}={v}' for k, v in settings.items())})"
