"""How long it takes to start: `import scratchgrad`, what starting to train adds to `import torch`, the first step.

    python benchmarks/startup.py [--rounds 9] [--json]

Every figure is the median over fresh interpreters, in milliseconds, timed inside the interpreter (so that Python's own
start is not in it).  Before anything is timed, it is checked that neither start loads SymPy.  The targets are those of
the README: 100 ms and 500 ms.
"""

from __future__ import annotations

import argparse
import json
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
# All that, the graph, the plan, and one batch of 32; compiled, with the library that an earlier run has left.
FIRST = """
import scratchgrad as sg
net = sg.Sequential(64, ("linear", 32), "relu", ("linear", 10), loss="softmax_cross_entropy", weight_decay=1e-4)
net.fit((torch.zeros(32, 64), torch.zeros(32, dtype=torch.int64)), epochs=1, progress=False, backend={backend!r})
"""
CASES: dict[str, tuple[str, str, float | None]] = {
    "import scratchgrad": ("", IMPORT, 100.0),
    "import torch": ("", "import torch", None),
    "starting to train, beside torch": ("import torch", TRAIN, 500.0),
    "to the end of the first step, beside torch": ("import torch", FIRST.format(backend="torch"), None),
    "the same, compiled": ("import torch", FIRST.format(backend="native"), None),
}


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
    """Print the figures beside their targets."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--rounds", type=int, default=9)
    parser.add_argument("--json", action="store_true", help="one line of JSON: milliseconds and target by label")
    arguments = parser.parse_args()
    found = {}
    for label, (before, timed, target) in CASES.items():
        milliseconds(before, timed, rounds=1)  # for the caches of the file system, and for what must not be loaded
        found[label] = (milliseconds(before, timed, rounds=arguments.rounds), target)
    if arguments.json:
        print(json.dumps(found))
        return
    for label, (time, target) in found.items():
        shown = "" if target is None else f"   target < {target:.0f} ms"
        print(f"{label:<44} {time:7.1f} ms{shown}")


if __name__ == "__main__":
    main()
