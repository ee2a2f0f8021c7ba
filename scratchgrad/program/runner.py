"""Runner: the steps of a training, each by the program for its batch size.

In   a Network, an optimiser
Out  step(values): the parameters have followed; values, gradients and the objective can be read from the program

A program is planned when a batch size comes for the first time, and kept.  Whoever changes the graph, a constant, the
precision or the parameters in between changes what is planned: the runner notices and plans anew.
"""

from __future__ import annotations

import math
import re
import warnings
from collections.abc import Callable, Mapping
from dataclasses import replace
from typing import TYPE_CHECKING, Any, Literal

import torch
from torch import Tensor

from scratchgrad.program.compared import ensure_compared
from scratchgrad.program.flat import Flat
from scratchgrad.program.planning import Plan, Request, everything, planned
from scratchgrad.program.program import Program
from scratchgrad.program.remembered import plan_of
from scratchgrad.program.updates import Update

if TYPE_CHECKING:
    from scratchgrad.tape.network import Network

__all__ = ["Backend", "GivenMismatch", "NativeFallback", "Runner", "UnknownDevice", "check_device"]

Backend = Literal["torch", "native", "auto"]


class UnknownDevice(ValueError):
    """A device that is not here, or none at all."""


class GivenMismatch(ValueError):
    """A tensor whose shape or type is not that of its signal."""


# TRUST: native-fallback
class NativeFallback(UserWarning):
    """A program that was to run compiled, and does not."""


Seen = Callable[[Program, int], None]


class Runner:
    """Steps of one network with one optimiser."""

    def __init__(
        self,
        net: Network,
        optimizer: Any,
        *,
        values: tuple[str, ...] = (),
        gradients: tuple[str, ...] = (),
        objective: bool = True,
        unit_rows: tuple[str, ...] = (),
        backend: Backend = "torch",
        recompute: bool = False,
        device: str = "cpu",
    ) -> None:
        """`values` and `gradients` name what can be read after a step; what nobody reads may never be computed.

        `unit_rows` names targets all of whose rows sum to 1.  `backend` "native" and "auto" run the program compiled if
        there is a compiler, and if every call has a form in C; else there is one warning, NativeFallback, and the torch
        program runs ("auto" is silent where there is no compiler).  A program that does not do what the tape does, or
        compiled what the torch program does, stops the run: ProgramDiffers, before the first step.
        `recompute` saves memory: pieces of forward are computed again when the reverse sweep needs them.  `device` may
        be a CUDA device: parameters and states live there, and `synchronize` brings the parameters back.
        """
        if backend not in ("torch", "native", "auto"):
            raise ValueError(f"backend: expected 'torch', 'native' or 'auto', got {backend!r}")
        check_device(device)
        self.backend, self.device = backend, device
        self._warned = False
        self.net, self.optimizer = net, optimizer
        self._update = _plan(optimizer)
        self._request = Request(None, self._update, values, gradients, objective, unit_rows, recompute=recompute)
        self._programs: dict[Request, Program] = {}
        self._by_batch: dict[int | None, Program] = {}
        self._stamp: tuple[Any, ...] = ()
        self._flat: Flat | None = None
        self._states: dict[str, Tensor] = {}

    def watch(self, *signals: Any) -> None:
        """From the next step on the gradients of these signals, or names, can be read, and are not fused away."""
        names = tuple(self.net.signal(s if isinstance(s, str) else s.name).name for s in signals)
        gradients = tuple(dict.fromkeys((*self._request.gradients, *names)))
        self._request, self._by_batch = replace(self._request, gradients=gradients), {}

    def step(
        self,
        given: Mapping[str, Tensor],
        batch: int | None,
        epoch: float = 0.0,
        *,
        parts: int = 1,
        seen: Seen | None = None,
    ) -> float | None:
        """One step; the objective before it, if it is to be computed.

        `parts` splits the batch: gradients are added up over micro-batches before the parameters follow.  `seen` is
        called after each of them with its program and the number of its first sample.
        """
        if not torch.is_inference_mode_enabled():  # entering it costs as much as a product
            with torch.inference_mode():
                return self._step(given, batch, epoch, parts, seen)
        return self._step(given, batch, epoch, parts, seen)

    def synchronize(self) -> None:
        """The network's own parameters are what the programs have made of them; nothing to do on the processor."""
        if self._flat is not None and self.device != "cpu":
            self._flat.give_back(self.net)
            self._stamp = (self.net.tape, self.net.revision, self.net.reduction)

    def program(self, batch: int | None, **changed: Any) -> Program:
        """The program for this number of samples, planned now if it was not."""
        self._refresh()
        assert self._flat is not None  # refreshed
        request = replace(self._request, batch=batch, **changed)
        if request not in self._programs:
            with torch.inference_mode():
                self._programs[request] = self._made(request, self._flat)
        return self._programs[request]

    # Inside

    def _step(
        self, given: Mapping[str, Tensor], batch: int | None, epoch: float, parts: int, seen: Seen | None
    ) -> float | None:
        if parts > 1 and batch is not None and batch > 1:
            return self._accumulated(given, batch, epoch, min(parts, batch), seen)
        self._refresh()
        program = self._by_batch.get(batch)
        if program is None:
            program = self._by_batch[batch] = self.program(batch)
        if self._update.kind == "descent":
            rate = self.optimizer.rate(epoch)
            if rate != program.rate:
                program.set_rate(rate)
        program.run(*self._fitting(program, given))
        self._follow(epoch)
        if seen is not None:
            seen(program, 0)
        return program.objective() if self._request.objective else None

    def _made(self, request: Request, flat: Flat) -> Program:
        kept = any(self.net.signal(name).role == "parameter" for name in request.gradients)
        if "grad" not in self._states and (kept or request.update.kind == "gradients"):
            self._states["grad"] = flat.zeros()
        if self.device != "cpu":
            from scratchgrad.program.cuda import CudaProgram

            return CudaProgram(self._planned(request, flat), flat, self._states)
        if self.backend != "torch":
            from scratchgrad.program.native import NativeUnavailable, compiler, native

            try:
                if self.backend == "native" or compiler() is not None:
                    compiled = replace(request, compiled=True)
                    return native(
                        self._planned(compiled, flat),
                        flat,
                        self._states,
                        lambda: planned(self.net.tape, flat, everything(self.net.tape, compiled)),
                    )
            except NativeUnavailable as reason:
                if not self._warned:
                    self._warned = True
                    line = f"network {self.net.name!r} runs as a torch program, not compiled: {reason}"
                    warnings.warn(line, NativeFallback, stacklevel=2)
        return Program(self._planned(request, flat), flat, self._states)

    def _planned(self, request: Request, flat: Flat) -> Plan:
        """The plan, compared with its tape when it is made for the first time on this machine."""
        plan = plan_of(self.net.tape, flat, request)
        ensure_compared(self.net.tape, plan, flat, self.optimizer)
        return plan

    def _refresh(self) -> None:
        net = self.net
        stamp = (net.tape, net.revision, net.reduction)
        if stamp == self._stamp:
            return
        with torch.inference_mode():
            if self._flat is None or not self._flat.holds(net) or self._flat.dtype != net.dtype:
                self._flat = Flat(net, self.device)
                bind = getattr(self.optimizer, "bind", None)
                self._states = dict(bind(self._flat)) if bind is not None else {}
        self._programs, self._by_batch = {}, {}
        self._stamp = (net.tape, net.revision, net.reduction)

    def _follow(self, epoch: float) -> None:
        """Let the optimiser do what the program has not."""
        flat, optimizer = self._flat, self.optimizer
        assert flat is not None  # the program has it
        if self._update.kind == "gradients":
            if hasattr(optimizer, "update_flat") and not _own_update(optimizer):
                optimizer.update_flat(flat.values, self._states["grad"], epoch)
            else:
                optimizer.update(flat.parameters, flat.views(self._states["grad"]), epoch)
        else:
            optimizer.steps += 1
        self.net.touch()

    def _accumulated(
        self, given: Mapping[str, Tensor], batch: int, epoch: float, parts: int, seen: Seen | None
    ) -> float | None:
        objectives, size, mean = [], math.ceil(batch / parts), self.net.reduction == "mean"
        for first in range(0, batch, size):
            part = {name: tensor[first : first + size] for name, tensor in given.items()}
            rows = min(size, batch - first)
            weight = rows / batch if mean else 1.0
            program = self.program(rows, update=Update("gradients", accumulate=first > 0), weight=weight)
            program.run(*self._fitting(program, part))
            objectives.append(weight * program.objective() if self._request.objective else 0.0)
            if seen is not None:
                seen(program, first)
        flat = self._flat
        assert flat is not None  # the programs have it
        if hasattr(self.optimizer, "update_flat") and not _own_update(self.optimizer):
            self.optimizer.update_flat(flat.values, self._states["grad"], epoch)
        else:
            self.optimizer.update(flat.parameters, flat.views(self._states["grad"]), epoch)
        self.net.touch()
        return sum(objectives) if self._request.objective else None

    def _fitting(self, program: Program, given: Mapping[str, Tensor]) -> list[Tensor]:
        tensors = []
        for name, shape, dtype in program.wanted:
            tensor = given.get(name)
            if tensor is None:
                raise GivenMismatch(f"step: {name!r} is missing; a program wants {', '.join(program.plan.given)}")
            if tensor.shape != shape or tensor.dtype != dtype:
                raise GivenMismatch(
                    f"step: expected {name!r} as {list(shape)} of {dtype}, got {list(tensor.shape)} of {tensor.dtype}"
                )
            tensors.append(tensor.contiguous())  # a CUDA program copies it to its device itself
        return tensors


def check_device(device: str) -> None:
    """UnknownDevice for what is not the processor, and no CUDA device that is here."""
    if device == "cpu":
        return
    if not isinstance(device, str) or not re.fullmatch(r"cuda(:\d+)?", device):
        raise UnknownDevice(f"device: expected 'cpu', 'cuda' or 'cuda:0', 'cuda:1', ..., got {device!r}")
    if not torch.cuda.is_available():
        raise UnknownDevice(f"device: expected 'cpu', got {device!r}, and torch sees no CUDA device here")
    number, count = int(device.partition(":")[2] or 0), torch.cuda.device_count()
    if number >= count:
        raise UnknownDevice(f"device: {device!r} is not here; torch sees {count} CUDA devices, counted from 0")


def _plan(optimizer: Any) -> Update:
    """What the program does of the update; an optimiser with an `update` of its own is given the gradients."""
    if not hasattr(optimizer, "plan") or _own_update(optimizer):
        return Update("gradients")
    update: Update = optimizer.plan()
    return update


def _own_update(optimizer: Any) -> bool:
    """Whether a subclass says itself what an update is."""
    for cls in type(optimizer).__mro__:
        if "update" in vars(cls):
            return "update_flat" not in vars(cls)
    return True
