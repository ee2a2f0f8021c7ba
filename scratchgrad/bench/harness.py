"""The harness: one process a contestant, woken one at a time, for short blocks in shuffled order.

In   problems, contestants
Out  for each: the time of a step (a low quantile of the processor time over all rounds), compile time, or why not

Every contestant is validated before it is timed: after some steps its parameters are those of numpy by hand.  A worker
sleeps in a pipe's read while another one runs, so that threads of one library never meet those of another.  Processor
time and low quantiles, because the machine may have other work.
"""

from __future__ import annotations

import json
import os
import random
import subprocess
import sys
import time
from collections.abc import Iterable
from dataclasses import asdict, dataclass
from typing import Any

from scratchgrad.bench.problem import BATCHES, Problem

__all__ = ["Measured", "measure"]

_TUNED = {  # glibc's malloc keeps what it was given, instead of handing pages back and faulting them in again
    "MALLOC_MMAP_THRESHOLD_": str(1 << 32),
    "MALLOC_TRIM_THRESHOLD_": str(1 << 34),
    "MALLOC_TOP_PAD_": str(1 << 28),
}


@dataclass
class Measured:
    """One contestant on one problem: microseconds a step at the 10th percentile, or the reason why there are none."""

    problem: str
    contestant: str
    microseconds: float | None = None
    median: float | None = None
    build: float | None = None
    rounds: int = 0
    failure: str = ""


def measure(
    problem: Problem,
    contestants: Iterable[str],
    *,
    rounds: int = 30,
    block: float = 0.02,
    restarts: int = 2,
    python: dict[str, str] | None = None,
) -> list[Measured]:
    """All contestants on the problem.  `python` names another interpreter for some (JAX in its own environment)."""
    names = list(contestants)
    times: dict[str, list[float]] = {name: [] for name in names}
    results = {name: Measured(str(problem), name) for name in names}
    for _ in range(restarts):
        workers = []
        starting = [
            _Worker(problem, name, (python or {}).get(name, sys.executable))
            for name in names
            if not results[name].failure
        ]
        for worker in starting:
            worker.wait()
            if worker.failure:
                results[worker.name].failure = worker.failure
                continue
            results[worker.name].build = worker.build
            worker.n = max(1, round(block / max(worker.run(1), 1e-7)))
            worker.n = max(1, round(block / max(worker.run(worker.n), 1e-7)))
            workers.append(worker)
        for _ in range(-(-rounds // restarts)):
            for worker in random.sample(workers, len(workers)):
                times[worker.name].append(worker.run(worker.n))
        for worker in workers:
            worker.close()
    for name, found in times.items():
        if found:
            ordered = sorted(found)
            results[name].microseconds = 1e6 * ordered[len(ordered) // 10]
            results[name].median = 1e6 * ordered[len(ordered) // 2]
            results[name].rounds = len(ordered)
    return list(results.values())


class _Worker:
    """A process that has one contestant ready."""

    def __init__(self, problem: Problem, name: str, python: str) -> None:
        self.name, self.n, self.failure, self.build = name, 1, "", 0.0
        environment = os.environ | {"OMP_NUM_THREADS": "1", "MKL_NUM_THREADS": "1", "OPENBLAS_NUM_THREADS": "1"}
        environment["PYTHONWARNINGS"] = "ignore"
        environment["XLA_FLAGS"] = "--xla_cpu_multi_thread_eigen=false"
        if name.endswith(", tuned malloc"):
            environment |= _TUNED
        environment["PYTHONPATH"] = os.pathsep.join(p for p in sys.path if p)
        if python != sys.executable:  # its own libraries, our files
            environment["PYTHONPATH"] = os.path.dirname(os.path.dirname(os.path.dirname(os.path.abspath(__file__))))
        self._process = subprocess.Popen(
            [python, "-m", "scratchgrad.bench.worker", json.dumps(asdict(problem)), name],
            stdin=subprocess.PIPE,
            stdout=subprocess.PIPE,
            stderr=subprocess.DEVNULL,
            text=True,
            env=environment,
        )

    def wait(self) -> None:
        """Until it is ready, or says why it never will be."""
        line = self._read()
        if "failure" in line:
            self.failure = line["failure"]
            self.close()
        else:
            self.build = line["build"]

    def run(self, n: int) -> float:
        """Seconds of processor time for one of n steps."""
        assert self._process.stdin is not None  # a pipe
        self._process.stdin.write(f"{n}\n")
        self._process.stdin.flush()
        return float(self._read()["seconds"])

    def close(self) -> None:
        """Let the process end."""
        assert self._process.stdin is not None and self._process.stdout is not None  # pipes
        try:
            self._process.stdin.close()
        except BrokenPipeError:  # it has ended by itself
            pass
        self._process.wait()
        self._process.stdout.close()

    def _read(self) -> dict[str, Any]:
        assert self._process.stdout is not None  # a pipe
        for line in self._process.stdout:
            if line.startswith("{"):
                found: dict[str, Any] = json.loads(line)
                return found
        return {"failure": "the process ended"}


def serve(problem: Problem, name: str) -> None:
    """What a worker does: build, validate, then run as many steps as each line of its input says."""
    began = time.perf_counter()
    try:
        contestant = _built(problem, name.removesuffix(", tuned malloc"))
    except ImportError as error:
        print(json.dumps({"failure": f"not installed: {error.name}"}), flush=True)
        return
    build = time.perf_counter() - began
    wrong = _objection(problem, name.removesuffix(", tuned malloc"))
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


def _built(problem: Problem, name: str) -> Any:
    from scratchgrad.bench.peers import PEERS

    if name in PEERS:
        return PEERS[name](problem)
    from scratchgrad.bench.ours import OURS

    return OURS[name](problem)


def _objection(problem: Problem, name: str) -> str:
    """Why the contestant's parameters are not those of numpy by hand after some steps of a small problem."""
    import numpy as np

    from scratchgrad.bench.peers import Numpy

    if name == "floor":
        return ""
    small = Problem(
        tuple(min(n, 24) for n in problem.sizes[:4]) + problem.sizes[-1:], min(problem.batch, 16), "float64"
    )
    contestant, witness = _built(small, name), Numpy(small)
    calls = 1 if getattr(contestant, "inner", 1) > 1 else 20
    for k in range(calls):
        contestant.step(k % BATCHES)
    for k in range(calls * getattr(contestant, "inner", 1)):
        witness.step(k % BATCHES)
    getattr(contestant, "finish", lambda: None)()
    for got, want in zip(contestant.parameters(), witness.parameters(), strict=True):
        error = float(np.abs(np.asarray(got) - want).max())
        if not error < 1e-8:
            return f"its parameters are off by {error:.2g} after {calls} steps: not timed"
    return ""
