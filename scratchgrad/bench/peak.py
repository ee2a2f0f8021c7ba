"""Peak memory of training steps: python -m scratchgrad.bench.peak PROBLEM CONTESTANT, one process a contestant.

In   a problem, a contestant's name ("program, recomputed" among them)
Out  MiB above what the process had when it had trained a tiny network, without the batches; MiB of parameters; for a
     program the least that must live at the same time, by its plan

The kernel's own count (VmHWM of /proc, reset before the steps), so memory that torch does not know of counts as well.
The tiny network comes first, so that libraries and compilers that are loaded on the way count for nobody.
"""

from __future__ import annotations

import ctypes
import gc
import json
import os
import subprocess
import sys
from dataclasses import replace
from pathlib import Path
from typing import Any

from scratchgrad.bench.kinds import Mlp, restored
from scratchgrad.bench.problem import BATCHES, Problem, Skipped
from scratchgrad.bench.serving import built

__all__ = ["peak"]

_MIB = 2**20


def peak(problem: Problem, contestant: str, python: str | None = None) -> dict[str, Any]:
    """MiB at the peak of three steps, of the parameters, and perhaps "bound"; or "failure", the reason for none."""
    here = python is None or python == sys.executable
    environment = os.environ | {
        "MALLOC_MMAP_THRESHOLD_": "65536",
        "OMP_NUM_THREADS": "1",
        "PYTHONWARNINGS": "ignore",
        "PYTHONPATH": os.pathsep.join(p for p in sys.path if p) if here else str(Path(__file__).resolve().parents[2]),
    }
    command = [python or sys.executable, "-m", "scratchgrad.bench.peak", problem.described(), contestant]
    done = subprocess.run(command, stdout=subprocess.PIPE, text=True, check=False, env=environment)
    lines = [line for line in done.stdout.splitlines() if line.startswith("{")]
    found: dict[str, Any] = json.loads(lines[-1]) if lines else {"failure": "the process ended"}
    return found


def _status(key: str) -> float:
    lines = Path("/proc/self/status").read_text(encoding="utf-8").splitlines()
    return next(int(line.split()[1]) / 1024 for line in lines if line.startswith(key))


def _swept() -> None:
    """What nobody holds goes back to the system, where it can be told to."""
    gc.collect()
    trim = getattr(ctypes.CDLL(None), "malloc_trim", None)
    if trim is not None:
        trim(0)


def _trained(problem: Problem, name: str) -> Any:
    contestant = built(problem, name)
    problem.forget()
    _swept()
    Path("/proc/self/clear_refs").write_text("5", encoding="utf-8")
    for k in range(3):
        contestant.step(k % BATCHES)
    getattr(contestant, "finish", lambda: None)()
    return contestant


def _measured(problem: Mlp, name: str) -> dict[str, Any]:
    if not name.startswith(("JAX", "numpy")):
        import torch

        torch.set_num_threads(1)
    batches = BATCHES * problem.batch * (problem.sizes[0] + 2 * problem.sizes[-1]) * 4 / _MIB
    parameters = sum((i + 1) * o for i, o in zip(problem.sizes, problem.sizes[1:], strict=False)) * 4 / _MIB
    _trained(replace(problem, sizes=(*[16] * 3, 10), batch=8), name)
    _swept()
    before = _status("VmRSS")
    contestant = _trained(problem, name)
    found = {"peak": _status("VmHWM") - before - batches, "parameters": parameters}
    plan = getattr(getattr(contestant, "program", None), "plan", None)
    return found if plan is None else found | {"bound": plan.arena.bound / _MIB}


if __name__ == "__main__":
    wanted = restored(sys.argv[1])
    assert isinstance(wanted, Mlp)  # whose parameters and batches are counted above
    try:
        print(json.dumps(_measured(wanted, sys.argv[2])))
    except ImportError as error:
        print(json.dumps({"failure": f"not installed: {error.name}"}))
    except Skipped as reason:
        print(json.dumps({"failure": str(reason)}))
