"""What a step costs all in: `net.fit` beside its program's bare step, and beside eager torch in a loop by hand.

    python benchmarks/fit.py [--samples 1438] [--sizes 64 32 10] [--batch 32] [--epochs 20] [--rounds 30]

All-in means from the data to the history: shuffling, batches, labels, the step, loss and accuracy, and for fit also
planning and checks.  The bare step is the program's call on batches that are ready.  The eager loops do what their
documentation recommends, with the same order of samples: one takes rows by a permutation's indices, one has a
DataLoader of a TensorDataset.  No bars, no test part, no checkpoints anywhere.

One thread; contestants take turns in shuffled order, processor time, 10th percentile over the rounds (RUNTIME.md).
Before anything is timed, all of them train in float64 and end at the same parameters.
"""

from __future__ import annotations

import argparse
import gc
import random
import time
from collections.abc import Callable
from dataclasses import dataclass
from typing import Any

import torch
from torch import Tensor

import scratchgrad as sg
from scratchgrad.program import Runner
from scratchgrad.train.feed import Feed
from scratchgrad.train.prepared import Prepared

LR, MOMENTUM, DECAY, SEED = 0.05, 0.9, 1e-4, 0


@dataclass
class Work:
    """The data, the network's sizes, and how long to train."""

    X: Tensor
    y: Tensor
    sizes: list[int]
    batch: int
    epochs: int

    @property
    def source(self) -> sg.Batches:
        """The batches that everybody trains on."""
        return sg.Batches(self.X, self.y, self.batch, SEED)

    @property
    def steps(self) -> int:
        """The number of steps of a run."""
        return self.epochs * len(self.source)

    def network(self) -> sg.Sequential:
        """The network, with starting values that are always the same."""
        layers: list[Any] = []
        for size in self.sizes[1:]:
            layers += [("linear", size), "relu"]
        return sg.Sequential(
            self.sizes[0], *layers[:-1], loss="softmax_cross_entropy", weight_decay=DECAY, dtype=self.X.dtype
        )

    @staticmethod
    def names(net: sg.Network) -> list[str]:
        """Its weights and biases, layer by layer."""
        return [name for op in net.operations if op.layer.name == "linear" for name in op.inputs[1:]]


class Fit:
    """net.fit, all in."""

    def __init__(self, work: Work, backend: str) -> None:
        """A network of its own."""
        self.work, self.backend, self.net = work, backend, work.network()

    def run(self) -> None:
        """Train, from where the network is."""
        work = self.work
        self.net.fit(
            (work.X, work.y),
            epochs=work.epochs,
            batch_size=work.batch,
            seed=SEED,
            optimizer=sg.SGD(LR, MOMENTUM),
            backend=self.backend,
            validation=False,
            progress=False,
        )

    def parameters(self) -> list[Tensor]:
        """What was trained."""
        return [self.net.value(name) for name in self.work.names(self.net)]


class Bare(Fit):
    """The program's call alone, on batches that are ready."""

    def __init__(self, work: Work, backend: str) -> None:
        """Batches, programs and rate are ready from here on."""
        super().__init__(work, backend)
        self.runner = Runner(
            self.net,
            sg.SGD(LR, MOMENTUM),
            values=("v",),
            unit_rows=("y",),
            backend=backend,  # type: ignore[arg-type]
        )
        prepared = Prepared(work.source, Feed.of(self.net), counted=False)
        with torch.inference_mode():
            self.calls = []
            for epoch in range(work.epochs):
                for batch in prepared.epoch(epoch):
                    program = self.runner.program(batch.rows)
                    program.set_rate(LR)
                    self.calls.append((program.run, *batch.given.values()))

    def run(self) -> None:
        """The calls, and nothing else."""
        with torch.inference_mode():
            for call, x, y in self.calls:
                call(x, y)


class Eager:
    """torch with autograd and optim.SGD; rows by a permutation's indices."""

    def __init__(self, work: Work, *, loader: bool) -> None:
        """The same network as modules of torch."""
        self.work, self.loader = work, loader
        net, modules = work.network(), []
        values = [net.value(name) for name in work.names(net)]
        for W, b in zip(values[::2], values[1::2], strict=True):
            linear = torch.nn.Linear(W.shape[1], W.shape[0], dtype=W.dtype)
            with torch.no_grad():
                linear.weight.copy_(W)
                linear.bias.copy_(b)
            modules += [linear, torch.nn.ReLU()]
        self.net = torch.nn.Sequential(*modules[:-1])
        self.linear = [m for m in modules if isinstance(m, torch.nn.Linear)]
        self.optimizer = torch.optim.SGD(self.net.parameters(), LR, MOMENTUM)
        self.samples = torch.utils.data.TensorDataset(work.X, work.y)
        self.losses: list[float] = []

    def batches(self, epoch: int) -> Any:
        """The epoch's batches, in the order of `Batches`."""
        order = self.work.source.order(epoch)
        if self.loader:
            return torch.utils.data.DataLoader(self.samples, self.work.batch, sampler=order.tolist())
        return ((self.work.X[rows], self.work.y[rows]) for rows in order.split(self.work.batch))

    def run(self) -> None:
        """Train, from where the network is."""
        for epoch in range(self.work.epochs):
            total, right = 0.0, 0
            for x, y in self.batches(epoch):
                self.optimizer.zero_grad(set_to_none=True)
                v = self.net(x)
                decay = sum(linear.weight.square().sum() for linear in self.linear)
                loss = torch.nn.functional.cross_entropy(v, y) + DECAY * decay
                loss.backward()
                self.optimizer.step()
                total += loss.item() * len(x)
                right += int((v.argmax(1) == y).sum())
            self.losses.append(total / len(self.work.X))

    def parameters(self) -> list[Tensor]:
        """What was trained."""
        return [p.detach() for linear in self.linear for p in (linear.weight, linear.bias)]


CONTESTANTS: dict[str, Callable[[Work], Any]] = {
    "native: fit": lambda work: Fit(work, "native"),
    "native: its step alone": lambda work: Bare(work, "native"),
    "torch: fit": lambda work: Fit(work, "torch"),
    "torch: its step alone": lambda work: Bare(work, "torch"),
    "tape: fit": lambda work: Fit(work, "tape"),
    "eager, permutation by hand": lambda work: Eager(work, loader=False),
    "eager, DataLoader": lambda work: Eager(work, loader=True),
}


def validate(sizes: list[int]) -> None:
    """SystemExit where two contestants do not end at the same parameters."""
    X, y = data(150, sizes, torch.float64)
    work = Work(X, y, sizes, 32, 2)
    wanted = Eager(work, loader=False)
    wanted.run()
    for name, make in CONTESTANTS.items():
        contestant = make(work)
        contestant.run()
        for got, want in zip(contestant.parameters(), wanted.parameters(), strict=True):
            if not float((got - want).abs().max()) < 1e-9:
                raise SystemExit(f"{name}: its parameters are not those of the loop by hand")


def data(samples: int, sizes: list[int], dtype: torch.dtype) -> tuple[Tensor, Tensor]:
    """Random inputs and labels."""
    generator = torch.Generator().manual_seed(SEED)
    X = torch.rand(samples, sizes[0], generator=generator, dtype=dtype)
    return X, torch.randint(sizes[-1], (samples,), generator=generator)


def main() -> None:
    """Print microseconds a step, and the multiple of the program's own step."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--samples", type=int, default=1438)
    parser.add_argument("--sizes", type=int, nargs="+", default=[64, 32, 10])
    parser.add_argument("--batch", type=int, default=32)
    parser.add_argument("--epochs", type=int, default=20)
    parser.add_argument("--rounds", type=int, default=30)
    asked = parser.parse_args()
    torch.set_num_threads(1)
    validate(asked.sizes)
    work = Work(*data(asked.samples, asked.sizes, torch.float32), asked.sizes, asked.batch, asked.epochs)
    contestants = {name: make(work) for name, make in CONTESTANTS.items()}
    times: dict[str, list[float]] = {name: [] for name in contestants}
    for contestant in contestants.values():
        contestant.run()
    for _ in range(asked.rounds):
        for name in random.sample(list(contestants), len(contestants)):
            gc.collect()
            began = time.process_time()
            contestants[name].run()
            times[name].append((time.process_time() - began) / work.steps)
    shown = "-".join(map(str, asked.sizes))
    print(f"{shown} B{asked.batch}, {asked.samples} samples, {asked.epochs} epochs: microseconds a step, all in")
    low = {name: 1e6 * sorted(found)[len(found) // 10] for name, found in times.items()}
    for name, found in low.items():
        bare = low.get(f"{name.partition(':')[0]}: its step alone")
        multiple = f"   {found / bare:4.1f} times its step alone" if bare is not None and bare != found else ""
        print(f"{name:<28} {found:8.1f}{multiple}")


if __name__ == "__main__":
    main()
