"""The harness: one process a contestant, woken one at a time, for short blocks in shuffled order.

In   problems, contestants
Out  for each: the time of a step (a low quantile of the processor time over all rounds), compile time, or why not

Every contestant is validated before it is timed: after some steps its parameters are the witness's (see serving).  A
worker sleeps in a pipe's read while another one runs, so that threads of one library never meet those of another.
Processor time and low quantiles, because the machine may have other work.
"""

from __future__ import annotations

import json
import os
import random
import subprocess
import sys
import tempfile
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from scratchgrad.bench.kinds import applicable
from scratchgrad.bench.problem import Problem

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
    contestants: Sequence[str],
    *,
    rounds: int = 30,
    block: float = 0.02,
    restarts: int = 2,
    python: dict[str, str] | None = None,
) -> list[Measured]:
    """All contestants that there are for the problem.

    `python` names another interpreter for some (JAX in its own environment).  CalledProcessError where the witness
    itself does not run.
    """
    names = applicable(problem, contestants)
    with tempfile.TemporaryDirectory() as folder:
        file = str(Path(folder) / "witness.npz")
        subprocess.run(
            [*_command(sys.executable), "witness", problem.described(), problem.witness, file],
            check=True,
            env=_environment("", sys.executable),
        )
        return _measured(problem, names, file, rounds=rounds, block=block, restarts=restarts, python=python or {})


def _measured(
    problem: Problem,
    names: list[str],
    file: str,
    *,
    rounds: int,
    block: float,
    restarts: int,
    python: dict[str, str],
) -> list[Measured]:
    times: dict[str, list[float]] = {name: [] for name in names}
    results = {name: Measured(str(problem), name) for name in names}
    for _ in range(restarts):
        workers = []
        starting = [
            _Worker(problem, name, python.get(name, sys.executable), file)
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

    def __init__(self, problem: Problem, name: str, python: str, file: str) -> None:
        self.name, self.n, self.failure, self.build = name, 1, "", 0.0
        self._process = subprocess.Popen(
            [*_command(python), "serve", problem.described(), name, file],
            stdin=subprocess.PIPE,
            stdout=subprocess.PIPE,
            stderr=subprocess.DEVNULL,
            text=True,
            env=_environment(name, python),
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


def _command(python: str) -> list[str]:
    return [python, "-m", "scratchgrad.bench.worker"]


def _environment(name: str, python: str) -> dict[str, str]:
    environment = os.environ | {"OMP_NUM_THREADS": "1", "MKL_NUM_THREADS": "1", "OPENBLAS_NUM_THREADS": "1"}
    environment["PYTHONWARNINGS"] = "ignore"
    environment["XLA_FLAGS"] = "--xla_cpu_multi_thread_eigen=false"
    environment["PYTHONPATH"] = os.pathsep.join(p for p in sys.path if p)
    if python != sys.executable:  # its own libraries, our files
        environment["PYTHONPATH"] = str(Path(__file__).resolve().parents[2])
    return environment | (_TUNED if name.endswith(", tuned malloc") else {})
