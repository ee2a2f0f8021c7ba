"""Our contestants: the plain tape, the program, the native program; and the floor, which is no contestant.

Each has step(k), one step on batch k, and parameters(), what it has trained.  The floor does the same matrix products
into memory that is there, and nothing else: no trainer that uses them can be faster.
"""

from __future__ import annotations

from itertools import pairwise
from typing import Any

import torch
from torch import Tensor

from scratchgrad.bench.problem import Problem
from scratchgrad.program import Runner
from scratchgrad.program.runner import Backend
from scratchgrad.tape import Network, Sequential
from scratchgrad.train import SGD, one_hot

__all__ = ["OURS", "network"]


def network(problem: Problem) -> Network:
    """The problem's network, with its weights."""
    layers: list[Any] = []
    for size in problem.sizes[1:]:
        layers += [("linear", size), "relu"]
    net = Sequential(
        problem.sizes[0],
        *layers[:-1],
        loss="softmax_cross_entropy",
        weight_decay=problem.decay / 2,
        dtype=getattr(torch, problem.dtype),
    )
    weights = [op.inputs[1:] for op in net.operations if op.layer.name == "linear"]
    for (W, b), W0, b0 in zip(weights, problem.W, problem.b, strict=True):
        net.set(W, W0)
        net.set(b, b0)
    return net


class _Ours:
    """A network with its batches in memory, in inference mode from here on."""

    def __init__(self, problem: Problem) -> None:
        self.mode = torch.inference_mode()
        self.mode.__enter__()
        self.net = network(problem)
        self.X = [torch.from_numpy(x).clone() for x in problem.X]
        self.Y = [one_hot(torch.from_numpy(y), problem.sizes[-1], self.net.dtype) for y in problem.y]
        self.sgd = SGD(problem.lr)
        self.prepare(problem)

    def prepare(self, problem: Problem) -> None:
        """Whatever comes before the first step."""

    def parameters(self) -> list[Any]:
        """Weights and biases, layer by layer."""
        names = [n for op in self.net.operations if op.layer.name == "linear" for n in op.inputs[1:]]
        return [self.net.value(name).numpy() for name in names]


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


class Floor:
    """The matrix products of a step, into memory that is there, and nothing else."""

    def __init__(self, problem: Problem) -> None:
        self.mode = torch.inference_mode()
        self.mode.__enter__()
        dtype = getattr(torch, problem.dtype)
        h = [torch.randn(problem.batch, n, dtype=dtype) for n in problem.sizes]
        g = [torch.randn(problem.batch, n, dtype=dtype) for n in problem.sizes]
        W = [torch.randn(o, i, dtype=dtype) for i, o in pairwise(problem.sizes)]
        self.forward = [(h[k], W[k].t(), h[k + 1]) for k in range(len(W))]
        self.back = [(g[k + 1], W[k], g[k], W[k].addmm_, g[k + 1].t(), h[k]) for k in reversed(range(len(W)))]

    def step(self, k: int) -> None:
        mm, last = torch.mm, len(self.back) - 1
        for a, b, out in self.forward:
            mm(a, b, out=out)
        for number, (g, W, into, add, gT, h) in enumerate(self.back):
            if number != last:
                mm(g, W, out=into)
            add(gT, h, alpha=1e-30)

    def parameters(self) -> list[Tensor]:
        return []


OURS: dict[str, Any] = {
    "tape": Tape,
    "program": Program,
    "program, J unread": Unread,
    "program, recomputed": Recomputed,
    "native": Native,
    "floor": Floor,
}
