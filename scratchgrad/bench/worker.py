"""A worker's process: python -m scratchgrad.bench.worker PROBLEM CONTESTANT."""

from __future__ import annotations

import json
import sys

from scratchgrad.bench.harness import serve
from scratchgrad.bench.problem import Problem

if __name__ == "__main__":
    described = json.loads(sys.argv[1])
    described["sizes"] = tuple(described["sizes"])
    if "torch" in sys.modules or not sys.argv[2].startswith(("JAX", "numpy")):
        import torch

        torch.set_num_threads(1)
    serve(Problem(**described), sys.argv[2])
