"""How long it takes to reach an accuracy on Fashion-MNIST: seconds of wall time and epochs, ours beside torch's.

    python benchmarks/accuracy.py [--seeds 0,1,2] [--epochs 10] [--json]

784-256-10, batches of 64, momentum 0.9, a rate of 0.05 that loses a quarter every epoch; one thread, a process for
each run.  Everybody starts from the same numbers and sees the same batches in the same order, so the paths differ by
rounding alone; a run whose last accuracy is more than a point away from eager's does not count.  Eager and
torch.compile are written as torch's own tutorial has them (a module, cross_entropy, optim.SGD, lr_scheduler.StepLR;
torch.compile of the module); ours is net.fit.  Seconds are those of training, planning and compiling included, with
what compilers keep on disk in place; the test after each epoch is not timed.
"""

from __future__ import annotations

import argparse
import json
import os
import statistics
import subprocess
import sys
import time
import warnings
from typing import Any

CONTESTANTS = ("eager", "torch.compile", "program", "native")
GOALS = (0.87, 0.88)
LR, MOMENTUM, FACTOR, BATCH, HIDDEN = 0.05, 0.9, 0.75, 64, 256


def network(data: Any, seed: int) -> Any:
    """The network of ours, with the numbers that everybody starts from."""
    from scratchgrad.tape import Sequential

    X = data.train[0]
    layers = (("linear", HIDDEN), "relu", ("linear", 10))
    return Sequential(X.shape[1], *layers, loss="softmax_cross_entropy", seed=seed, dtype=X.dtype)


def by_fit(data: Any, seed: int, epochs: int, backend: str) -> tuple[list[float], list[float]]:
    """Seconds and test accuracy of each epoch, by net.fit."""
    from scratchgrad.program.runner import NativeFallback
    from scratchgrad.train import SGD
    from scratchgrad.train.schedule import Step

    sgd = SGD(LR, MOMENTUM, Step(1, FACTOR))
    with warnings.catch_warnings():
        warnings.simplefilter("error", NativeFallback)
        history = network(data, seed).fit(
            data, epochs=epochs, batch_size=BATCH, optimizer=sgd, backend=backend, seed=seed, progress=False
        )
    return history["seconds"], history["test_accuracy"]


def by_autograd(data: Any, seed: int, epochs: int, *, compiled: bool) -> tuple[list[float], list[float]]:
    """Seconds and test accuracy of each epoch, by torch's autograd and its optimiser."""
    import torch
    from torch import nn

    from scratchgrad.train.data import Batches

    (X, y), (X_test, y_test) = data.train, data.test
    module = nn.Sequential(nn.Linear(X.shape[1], HIDDEN), nn.ReLU(), nn.Linear(HIDDEN, 10)).to(X.dtype)
    net = network(data, seed)
    with torch.no_grad():
        for parameter, name in zip(module.parameters(), net.names("parameter"), strict=True):
            parameter.copy_(net.value(name))
    called = torch.compile(module) if compiled else module
    loss_function = nn.CrossEntropyLoss()
    optimizer = torch.optim.SGD(module.parameters(), lr=LR, momentum=MOMENTUM)
    scheduler = torch.optim.lr_scheduler.StepLR(optimizer, step_size=1, gamma=FACTOR)
    batches = Batches(X, y, BATCH, seed)
    seconds, accuracy = [], []
    for epoch in range(epochs):
        began = time.perf_counter()
        for x, labels in batches.epoch(epoch):
            loss = loss_function(called(x), labels)
            loss.backward()
            optimizer.step()
            optimizer.zero_grad()
        scheduler.step()
        seconds.append(time.perf_counter() - began)
        with torch.no_grad():
            accuracy.append(float((module(X_test).argmax(1) == y_test).double().mean()))
    return seconds, accuracy


def trained(name: str, data: Any, seed: int, epochs: int) -> tuple[list[float], list[float]]:
    """Seconds and test accuracy of each epoch of this contestant."""
    if name in ("eager", "torch.compile"):
        return by_autograd(data, seed, epochs, compiled=name == "torch.compile")
    return by_fit(data, seed, epochs, {"program": "torch"}.get(name, name))


def reached(seconds: list[float], accuracy: list[float], goal: float) -> tuple[float, int] | None:
    """Seconds and epochs until the test accuracy is first at the goal; None where it never is."""
    for epoch, found in enumerate(accuracy, 1):
        if found >= goal:
            return sum(seconds[:epoch]), epoch
    return None


def run(name: str, seed: int, epochs: int) -> dict[str, Any]:
    """One run in a process of its own: seconds and accuracy by epoch, or the failure."""
    command = [sys.executable, __file__, "--one", name, "--seeds", str(seed), "--epochs", str(epochs)]
    environment = os.environ | {"OMP_NUM_THREADS": "1", "MKL_NUM_THREADS": "1"}
    done = subprocess.run(command, capture_output=True, text=True, check=False, env=environment)
    if done.returncode:
        return {"failure": (done.stderr.strip().splitlines() or ["the process ended"])[-1]}
    found: dict[str, Any] = json.loads(done.stdout.splitlines()[-1])
    return found


def measured(seeds: list[int], epochs: int) -> dict[str, Any]:
    """By contestant and goal: median, least and most seconds, and epochs, over the seeds; or why there are none."""
    runs: dict[str, list[dict[str, Any]]] = {}
    failures: dict[str, str] = {}
    for seed in seeds:
        for name in CONTESTANTS:
            found = run(name, seed, epochs)
            print(f"accuracy, {name}, seed {seed}: {summary(found)}", file=sys.stderr, flush=True)
            if name == "eager":
                last = found.get("accuracy", [0.0])[-1]
            elif "failure" not in found and abs(found["accuracy"][-1] - last) > 0.01:
                found = {"failure": f"{100 * abs(found['accuracy'][-1] - last):.1f} points away from eager"}
            if "failure" in found:
                failures[name] = found["failure"]
            else:
                runs.setdefault(name, []).append(found)
    table: dict[str, Any] = {}
    for name in CONTESTANTS:
        if name in failures:
            table[name] = {"failure": failures[name]}
            continue
        table[name] = {"best": [max(r["accuracy"]) for r in runs[name]]}
        for goal in GOALS:
            hits = [reached(r["seconds"], r["accuracy"], goal) for r in runs[name]]
            table[name][f"{100 * goal:.0f} %"] = None if None in hits else spread(hits)
    return {"seeds": len(seeds), "epochs": epochs, "table": table}


def spread(hits: list[Any]) -> dict[str, float]:
    """The median, least and most seconds, and the median of the epochs."""
    seconds = [s for s, _ in hits]
    return {
        "median": statistics.median(seconds),
        "least": min(seconds),
        "most": max(seconds),
        "epochs": statistics.median(e for _, e in hits),
    }


def summary(found: dict[str, Any]) -> str:
    """A run in a line."""
    if "failure" in found:
        return str(found["failure"])
    return f"{sum(found['seconds']):.1f} s, {' '.join(f'{100 * a:.2f}' for a in found['accuracy'])} %"


def main() -> None:
    """Print the table, or as JSON; with --one, a single run in this process."""
    from scratchgrad.train.data import load_data
    from scratchgrad.train.data.places import DataNotFound

    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--seeds", default="0,1,2")
    parser.add_argument("--epochs", type=int, default=10)
    parser.add_argument("--json", action="store_true", help="one line of JSON instead of a table")
    parser.add_argument("--one", choices=CONTESTANTS, help=argparse.SUPPRESS)
    arguments = parser.parse_args()
    try:
        data = load_data("fashion-mnist")
    except DataNotFound as missing:
        raise SystemExit(str(missing)) from missing
    seeds = [int(s) for s in arguments.seeds.split(",")]
    if arguments.one:
        import torch

        torch.set_num_threads(1)
        seconds, accuracy = trained(arguments.one, data, seeds[0], arguments.epochs)
        print(json.dumps({"seconds": seconds, "accuracy": accuracy}))
        return
    found = measured(seeds, arguments.epochs)
    if arguments.json:
        print(json.dumps(found))
        return
    for name, row in found["table"].items():
        print(f"{name:<16}{row}")


if __name__ == "__main__":
    main()
