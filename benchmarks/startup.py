"""How long it takes to start: `import scratchgrad`, and what starting to train adds to `import torch`.

    python benchmarks/startup.py [--rounds 9]

Every figure is the median over fresh interpreters, in milliseconds, timed inside the interpreter (so that Python's own
start is not in it).  Before anything is timed, it is checked that neither start loads SymPy.  The targets are those of
the README: 100 ms and 500 ms.
"""

from __future__ import annotations

import argparse
import statistics
import subprocess
import sys

IMPORT = "import scratchgrad"
# What a training script does before its first step: the runtime, the data, the certified kernels.
TRAIN = """
from scratchgrad import registry, tape, train
from scratchgrad.train.data import load_data
load_data("digits")
for name in ("linear", "relu", "softmax_cross_entropy", "squared_norm", "add"):
    registry.kernel(name)
"""
TARGETS = {"import scratchgrad": 100.0, "import torch": None, "starting to train, beside torch": 500.0}


def milliseconds(before: str, timed: str, rounds: int) -> float:
    """The median time of `timed` in fresh interpreters that have already run `before`."""
    code = f"""
import sys, time
{before}
start = time.perf_counter()
exec({timed!r})
print(1000 * (time.perf_counter() - start))
print("sympy" in sys.modules)
"""
    times = []
    for _ in range(rounds):
        done = subprocess.run([sys.executable, "-c", code], stdout=subprocess.PIPE, text=True, check=True)
        time, sympy = done.stdout.split()
        if sympy == "True":
            raise SystemExit(f"SymPy was loaded by:\n{before}\n{timed}")
        times.append(float(time))
    return statistics.median(times)


def main() -> None:
    """Print the three figures beside their targets."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--rounds", type=int, default=9)
    rounds = parser.parse_args().rounds
    cases = (("", IMPORT), ("", "import torch"), ("import torch", TRAIN))
    for case in cases:  # once for the caches of the file system, and for what must not be loaded
        milliseconds(*case, rounds=1)
    for (label, target), case in zip(TARGETS.items(), cases, strict=True):
        shown = "" if target is None else f"   target < {target:.0f} ms"
        print(f"{label:<32} {milliseconds(*case, rounds=rounds):7.1f} ms{shown}")


if __name__ == "__main__":
    main()
