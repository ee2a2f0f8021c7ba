"""Peak memory of training steps: python -m scratchgrad.bench.peak PROBLEM CONTESTANT, one process a contestant.

In   a problem's JSON, a contestant's name ("program, recomputed" among them)
Out  one JSON line: MiB above what the process had after its imports, without the batches; MiB of parameters

The kernel's own count (VmHWM of /proc, reset before the steps), so memory that torch does not know of counts as well.
"""

from __future__ import annotations

import gc
import json
import os
import subprocess
import sys
from dataclasses import asdict
from pathlib import Path

from scratchgrad.bench.problem import BATCHES, Problem

__all__ = ["peak"]

_MIB = 2**20


def peak(problem: Problem, contestant: str) -> dict[str, float]:
    """MiB at the peak of three steps and of the parameters, measured in a process of its own."""
    environment = os.environ | {
        "MALLOC_MMAP_THRESHOLD_": "65536",
        "PYTHONPATH": os.pathsep.join(p for p in sys.path if p),
    }
    command = [sys.executable, "-m", "scratchgrad.bench.peak", json.dumps(asdict(problem)), contestant]
    done = subprocess.run(command, stdout=subprocess.PIPE, text=True, check=True, env=environment)
    found: dict[str, float] = json.loads(done.stdout.splitlines()[-1])
    return found


def _status(key: str) -> float:
    lines = Path("/proc/self/status").read_text(encoding="utf-8").splitlines()
    return next(int(line.split()[1]) / 1024 for line in lines if line.startswith(key))


def _measured(problem: Problem, contestant: str) -> dict[str, float]:
    import torch

    from scratchgrad.bench.ours import OURS
    from scratchgrad.bench.peers import PEERS

    torch.set_num_threads(1)
    torch.mm(torch.ones(64, 64), torch.ones(64, 64))
    batches = BATCHES * problem.batch * (problem.sizes[0] + 2 * problem.sizes[-1]) * 4 / _MIB
    parameters = sum((i + 1) * o for i, o in zip(problem.sizes, problem.sizes[1:], strict=False)) * 4 / _MIB
    gc.collect()
    before = _status("VmRSS")
    trained = {**PEERS, **OURS}[contestant](problem)
    problem.__dict__.pop("_drawn", None)
    gc.collect()
    Path("/proc/self/clear_refs").write_text("5", encoding="utf-8")
    for k in range(3):
        trained.step(k % BATCHES)
    return {"peak": _status("VmHWM") - before - batches, "parameters": parameters}


if __name__ == "__main__":
    described = json.loads(sys.argv[1])
    described["sizes"] = tuple(described["sizes"])
    print(json.dumps(_measured(Problem(**described), sys.argv[2])))
