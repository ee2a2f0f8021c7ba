"""What a worker does: build a contestant, hold its parameters against the witness's, run as many steps as it is told.

In   a problem, a contestant's name, the file with the witness's parameters; numbers of steps, line by line
Out  JSON lines: seconds to build, or why there is nothing to time; seconds of processor time for a step

The parameters are compared in float64 on a small problem of the same kind.  The witness is numpy by hand for linear
layers, torch with autograd for the others, and is never ours.
"""

from __future__ import annotations

import json
import sys
import time
from typing import Any

import numpy as np

from scratchgrad.bench.problem import BATCHES, Problem, Skipped

__all__ = ["built", "serve", "trajectory", "witness"]

_STEPS = 20
_TOLERANCE = 1e-8


def built(problem: Problem, name: str) -> Any:
    """The contestant, ready for its first step."""
    from scratchgrad.bench.peers import PEERS

    if name in PEERS:
        return PEERS[name](problem)
    from scratchgrad.bench.ours import OURS

    return OURS[name](problem)


def trajectory(problem: Problem, name: str, steps: int) -> list[Any]:
    """The contestant's parameters after these many steps."""
    contestant = built(problem, name)
    for k in range(steps // getattr(contestant, "inner", 1)):
        contestant.step(k % BATCHES)
    getattr(contestant, "finish", lambda: None)()
    return [np.asarray(p) for p in contestant.parameters()]


def witness(problem: Problem, name: str, file: str) -> None:
    """Write the parameters of the small problem after 20 steps and after 40, for those who make 40 at a time."""
    small = problem.small()
    found = {f"{steps}_{k}": p for steps in (20, 40) for k, p in enumerate(trajectory(small, name, steps))}
    np.savez(file, **found)


def serve(problem: Problem, name: str, file: str) -> None:
    """Say when it is ready, or why it never will be; then run as many steps as each line of the input says."""
    plain = name.removesuffix(", tuned malloc")
    try:
        began = time.perf_counter()
        contestant = built(problem, plain)
        build = time.perf_counter() - began
        wrong = objection(problem, plain, file, getattr(contestant, "inner", 1))
    except ImportError as error:
        wrong = f"not installed: {error.name}"
    except Skipped as reason:
        wrong = str(reason)
    except Exception as error:  # a compiler that gives up takes nobody else along
        wrong = f"does not build: {type(error).__name__}: {(str(error).splitlines() or [''])[0]}"
    if wrong:
        print(json.dumps({"failure": wrong}), flush=True)
        return
    print(json.dumps({"build": build}), flush=True)
    step, inner = contestant.step, getattr(contestant, "inner", 1)
    finish = getattr(contestant, "finish", lambda: None)
    for line in sys.stdin:
        n = int(line)
        began = time.process_time()
        for k in range(n):
            step(k % BATCHES)
        finish()
        print(json.dumps({"seconds": (time.process_time() - began) / n / inner}), flush=True)


def objection(problem: Problem, name: str, file: str, inner: int) -> str:
    """Why the contestant's parameters are not the witness's after some steps of a small problem; "" where they are."""
    if name == "floor":
        return ""
    steps = max(_STEPS, inner)
    found = trajectory(problem.small(), name, steps)
    if name == "floor, from C":
        wanted = trajectory(problem.small(), "floor", steps)
    else:
        with np.load(file) as kept:
            wanted = [kept[f"{steps}_{k}"] for k in range(len(found))]
    for got, want in zip(found, wanted, strict=True):
        error = float(np.abs(got - want).max() / max(1.0, float(np.abs(want).max())))
        if not error < _TOLERANCE:
            return f"its parameters are off by {error:.2g} after {steps} steps: not timed"
    return ""
