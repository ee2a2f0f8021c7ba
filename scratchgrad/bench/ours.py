"""Our contestants: the plain tape, the program, the native program.

Each has step(k), one step on batch k, and parameters(), what it has trained.  A program that was to run compiled and
does not is no contestant: it would be the torch program under another name.
"""

from __future__ import annotations

import warnings
from typing import Any

import torch

from scratchgrad.bench.floor import Floor, FloorFromC
from scratchgrad.bench.problem import Problem, Skipped
from scratchgrad.program import Runner
from scratchgrad.program.runner import Backend, NativeFallback
from scratchgrad.tape import Network
from scratchgrad.train import SGD, one_hot

__all__ = ["OURS", "network"]


def network(problem: Problem) -> Network:
    """The problem's network, with the numbers that it starts from."""
    net = problem.network()
    for name, value in zip(net.names("parameter"), problem.P, strict=True):
        net.set(name, value)
    return net


class _Ours:
    """A network with its batches in memory, in inference mode from here on."""

    def __init__(self, problem: Problem) -> None:
        self.mode = torch.inference_mode()
        self.mode.__enter__()
        self.net = network(problem)
        self.X = [torch.from_numpy(x).clone() for x in problem.X]
        self.Y = [one_hot(torch.from_numpy(y), problem.classes, self.net.dtype) for y in problem.y]
        self.sgd = SGD(problem.lr)
        try:
            self.prepare(problem)
        except Skipped:
            self.mode.__exit__(None, None, None)
            raise

    def prepare(self, problem: Problem) -> None:
        """Whatever comes before the first step."""

    def parameters(self) -> list[Any]:
        """What it has trained, in the order of declaration."""
        return [self.net.value(name).numpy() for name in self.net.names("parameter")]


class Tape(_Ours):
    """The plain tape: one certified kernel after the other."""

    def step(self, k: int) -> None:
        tape = self.net.tape
        tape.forward({"x": self.X[k], "y": self.Y[k]}, len(self.X[k]))
        tape.backward()
        tape.step(self.sgd)
        tape.objective()


class Program(_Ours):
    """The planned program, in torch."""

    objective, recompute = True, False
    backend: Backend = "torch"

    def prepare(self, problem: Problem) -> None:
        runner = Runner(
            self.net,
            self.sgd,
            unit_rows=("y",),
            objective=self.objective,
            backend=self.backend,
            recompute=self.recompute,
        )
        self.program = runner.program(problem.batch)
        self.program.set_rate(problem.lr)
        self.run, self.runner = self.program.run, runner

    def step(self, k: int) -> None:
        self.run(self.X[k], self.Y[k])


class Unread(Program):
    """The planned program, where nobody reads the objective's value."""

    objective = False


class Recomputed(Program):
    """The planned program that computes values again instead of keeping them."""

    recompute = True


class Native(Program):
    """The planned program, compiled."""

    backend = "native"

    def prepare(self, problem: Problem) -> None:
        """Raises Skipped, with the reason, where the torch program would run instead."""
        with warnings.catch_warnings():
            warnings.simplefilter("error", NativeFallback)
            try:
                super().prepare(problem)
            except NativeFallback as fallback:
                raise Skipped(f"not compiled: {str(fallback).partition('not compiled: ')[2]}") from fallback


OURS: dict[str, Any] = {
    "tape": Tape,
    "program": Program,
    "program, J unread": Unread,
    "program, recomputed": Recomputed,
    "native": Native,
    "floor": Floor,
    "floor, from C": FloorFromC,
}
