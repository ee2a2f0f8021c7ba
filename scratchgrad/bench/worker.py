"""A worker's process: python -m scratchgrad.bench.worker serve|witness PROBLEM CONTESTANT FILE."""

from __future__ import annotations

import sys

from scratchgrad.bench.kinds import restored
from scratchgrad.bench.serving import serve, witness

if __name__ == "__main__":
    task, described, name, file = sys.argv[1:]
    if not name.startswith(("JAX", "numpy")):
        import torch

        torch.set_num_threads(1)
    (serve if task == "serve" else witness)(restored(described), name, file)
