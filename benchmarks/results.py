"""The results page: python benchmarks/results.py [--all] [--jax PYTHON], which writes benchmarks/RESULTS.md and .svg.

    step      time of a step on five networks, against eager autograd, JAX, numpy, the floor
    memory    peak of a network of 64 layers of 1024 at batch 1024       (--all, or --memory)
    lowering  from a network to its program; starting, see startup.py
    scaling   how a step grows with batch, width and depth                (--all, or --scaling)

Without options it takes some three minutes on an idle machine.  --all adds torch.compile, the other forms of optim.SGD
and the two long sections.  Parts that are not measured keep what the page said before.
"""

from __future__ import annotations

import argparse
import json
import statistics
import subprocess
import sys
import time
from collections.abc import Iterator
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

from scratchgrad.bench.harness import Measured, measure
from scratchgrad.bench.peak import peak
from scratchgrad.bench.problem import NETWORKS, Problem, named
from scratchgrad.bench.report import machine, markdown

HERE = Path(__file__).parent
PAGE, PLOT, KEPT = HERE / "RESULTS.md", HERE / "results.svg", HERE / "results.json"
OURS = ("tape", "program", "program, J unread", "native", "floor")
CORE = ("eager", "eager, tuned malloc", "JAX jit", "JAX, 40 steps in a scan", "numpy by hand")
NOT_LONG = ("JAX, 40 steps in a scan", "tape", "program, J unread", "eager, foreach", "torch.compile")
MORE = ("eager, foreach", "eager, fused", "torch.compile")

LOWERING = """
import sys, time
import torch
torch.set_num_threads(1)
from scratchgrad.bench.ours import network
from scratchgrad.bench.problem import named
from scratchgrad.program import Runner
from scratchgrad.train import SGD
net = network(named(sys.argv[1]))
net.tape
runner = Runner(net, SGD(0.05), unit_rows=("y",))
runner._refresh()
began = time.process_time()
runner.program(named(sys.argv[1]).batch)
print(1000 * (time.process_time() - began), "sympy" in sys.modules)
"""


def steps(
    everyone: bool, rounds: int, python: dict[str, str], names: list[str]
) -> Iterator[tuple[str, list[Measured]]]:
    """The networks one by one; c, whose step takes half a second, with fewer rounds and fewer contestants."""
    for name in names:
        problem, long = named(name), name == "c"
        who = [n for n in (*CORE, *(MORE if everyone else ()), *OURS) if not (long and n in NOT_LONG)]
        group = measure(problem, who, rounds=4 if long else rounds, restarts=1, python=python)
        print(f"{problem}: {', '.join(f'{r.contestant} {r.microseconds or r.failure}' for r in group)}", flush=True)
        yield name, group


def memory() -> list[tuple[str, float, float]]:
    """Peak MiB above the imports, and of it the parameters."""
    rows = []
    for name in ("eager", "tape", "program", "program, recomputed"):
        found = peak(named("m"), name)
        rows.append((name, found["peak"], found["parameters"]))
        print(f"memory, {name}: {found}", flush=True)
    return rows


def lowering() -> list[tuple[str, float]]:
    """Milliseconds of processor time from a tape to its program, in fresh processes."""
    rows = []
    for name in ("a", "b1", "d", "m"):
        found = []
        for _ in range(3):
            done = subprocess.run([sys.executable, "-c", LOWERING, name], stdout=subprocess.PIPE, text=True, check=True)
            milliseconds, sympy = done.stdout.split()
            assert sympy == "False"
            found.append(float(milliseconds))
        rows.append((str(named(name)), statistics.median(found)))
    return rows


def scaling() -> dict[str, list[tuple[int, dict[str, float]]]]:
    """Microseconds of a step as one size grows and the others stay."""
    sweeps = {
        "batch": [(b, Problem((784, 256, 10), b)) for b in (4, 16, 64, 256, 1024)],
        "width": [(w, Problem((w, w, w, 10), 64)) for w in (32, 64, 128, 256, 512, 1024)],
        "depth": [(d, Problem((*[64] * d, 10), 32)) for d in (2, 4, 8, 16, 32)],
    }
    found: dict[str, list[tuple[int, dict[str, float]]]] = {}
    for what, points in sweeps.items():
        for size, problem in points:
            results = measure(problem, ("eager", "program", "native", "floor"), rounds=8, restarts=1)
            times = {r.contestant: r.microseconds for r in results if r.microseconds}
            found.setdefault(what, []).append((size, times))
            print(f"{what} {size}: {times}", flush=True)
    return found


def draw(kept: dict[str, Any]) -> None:
    """The plot: times as fast as eager by network, and the sweeps beside the floor."""
    import matplotlib.pyplot as plt

    sweeps = kept.get("scaling", {})
    figure, axes = plt.subplots(1, 1 + len(sweeps), figsize=(4.2 * (1 + len(sweeps)), 3.6), layout="constrained")
    first, *others = axes if sweeps else [axes]
    groups = [kept["steps"][name] for name in NETWORKS if name in kept["steps"]]
    names = [r["contestant"] for r in groups[0] if r["contestant"] != "eager"]
    for k, name in enumerate(names):
        ratios = []
        for group in groups:
            by_name = {r["contestant"]: r["microseconds"] for r in group}
            ratios.append(by_name["eager"] / by_name[name] if by_name.get(name) else float("nan"))
        first.bar([g + 0.8 * k / len(names) for g in range(len(groups))], ratios, 0.8 / len(names), label=name)
    first.set_xticks([g + 0.4 for g in range(len(groups))], [group[0]["problem"] for group in groups], fontsize=6)
    first.set_yscale("log")
    first.set_title("times as fast as eager autograd", fontsize=9)
    first.legend(fontsize=5)
    for axis, (what, points) in zip(others, sweeps.items(), strict=False):
        for name in ("eager", "program", "native", "floor"):
            axis.plot([p[0] for p in points], [p[1].get(name) for p in points], marker=".", label=name)
        axis.set(xscale="log", yscale="log", xlabel=what)
        axis.set_title("microseconds a step", fontsize=9)
        axis.legend(fontsize=6)
    figure.savefig(PLOT, metadata={"Date": None})


def page(kept: dict[str, Any]) -> str:
    """The page, from everything that was measured so far."""
    groups = [[Measured(**r) for r in kept["steps"][name]] for name in NETWORKS if name in kept["steps"]]
    parts = [
        "# Measured",
        "Made by `python benchmarks/results.py`; do not edit.",
        "## Time of a step",
        f"{kept['when']}. {kept['machine']}.",
        "One thread; 10th percentile of processor time over shuffled blocks, one process a contestant, each validated "
        "before it is timed. Each cell: times as fast as torch eager autograd with optim.SGD, then the multiple of the "
        "matrix products alone (the floor: the same products through `torch.mm(out=)`), then the time. Processor time "
        "and a low quantile, because other work may share the machine; where it does, ratios of one column stay "
        "comparable, times less so.",
        markdown(groups),
        "`program` computes the objective's value in every step, `J unread` does not. The native program calls BLAS "
        "from C, so it can be below a floor that is called from Python. Eager takes class numbers, the programs "
        "one-hot rows made of them once; both as they come from the data.",
        "![times as fast as eager autograd](results.svg)",
    ]
    if "memory" in kept:
        rows = [f"| {n} | {p:.0f} | {p - own:.0f} |" for n, p, own in kept["memory"]]
        parts += [
            "## Peak memory",
            "64 layers of 1024, batch 1024, float32: MiB at the peak of three steps (VmHWM), without imports and "
            "batches. What must live at the same time is 256 MiB of activations.",
            "| | peak | above the parameters |\n|---|---|---|\n" + "\n".join(rows),
        ]
    if "lowering" in kept:
        rows = [f"| {n} | {ms:.0f} ms |" for n, ms in kept["lowering"]]
        parts += [
            "## From a network to its program",
            "Processor time, fresh process, SymPy not loaded. `python benchmarks/startup.py` times what comes before.",
            "| network | lowering |\n|---|---|\n" + "\n".join(rows),
        ]
    if "scaling" in kept:
        parts += ["## How a step grows", sweep_table(kept["scaling"]), estimate(kept["scaling"])]
    return "\n\n".join(parts) + "\n"


def sweep_table(sweeps: dict[str, Any]) -> str:
    """Microseconds by size."""
    lines = ["| | size | eager | program | native | floor |", "|---|---|---|---|---|---|"]
    for what, points in sweeps.items():
        for size, times in points:
            cells = " | ".join(f"{times.get(n, float('nan')):.4g}" for n in ("eager", "program", "native", "floor"))
            lines.append(f"| {what} | {size} | {cells} |")
    return "\n".join(
        [*lines, "", "Microseconds a step: batch at 784-256-10, width w at w-w-w-10 B64, depth of 64 B32."]
    )


def estimate(sweeps: dict[str, Any]) -> str:
    """Where this design stops being the right one, from what was measured and from counted bytes and operations."""
    (narrow, small), *_ = sweeps["width"]
    widest, large = sweeps["width"][-1]
    glue = small["program"] - small["floor"]
    products = 2 * 64 * (2 * widest * widest * 3 - widest * widest) / (large["floor"] * 1e-6)
    rate = products / 1e9
    return f"""### Where this design stops being the right one

Measured here: {glue:.0f} us of glue in the program of w-w-w-10 at w = {narrow}, products at {rate:.0f} GFLOP/s at
w = {widest}. Counted:

- A layer of width w on B samples costs 6 B w^2 operations in products, and moves 4 B w values in entrywise calls (bias
  and ReLU, its mask, the row sum): at 4 bytes a value and 10 GB/s that is as long as the products where
  6 B w^2 / {rate:.0f}e9 = 16 B w / 10e9, at w = {16 / 10 * rate / 6:.0f}. Below that width a compiler that fuses
  entrywise calls into one pass (as the native backend does for bias and ReLU) gains more than anything that is planned
  here; above it the products are all that is left, and nobody who calls the same BLAS gains more than the distance to
  the floor in the table.
- A call costs 1 to 2 us in torch, 0.02 to 0.1 us in C. So the torch program is within 5 % of the floor where its
  products take 20 times its glue, {20 * glue / 1000:.1f} ms a step for three layers; below that the native backend is
  the right one, and below some 5 us a step the Python call around it is what costs, and many steps would have to run
  in one call.
- The arena is as small as what lives at the same time, and recomputing brings it to about 2 sqrt(n) of n layers. A
  network whose parameters and sqrt(n) activations do not fit one device needs tensors that are spread over devices,
  which a list of calls on one memory does not describe.
- One program is for one batch shape. Data whose shapes change with every batch (ragged sequences) would be lowered
  again and again, at the times of the table above, which pays only after hundreds of steps a shape. They want padding
  to a few shapes, or a compiler with symbolic ones.
"""


def main() -> None:
    """Measure what is asked for, keep it beside what was measured before, write the page."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--all", action="store_true", help="everyone, and every section")
    parser.add_argument("--memory", action="store_true")
    parser.add_argument("--scaling", action="store_true")
    parser.add_argument("--no-steps", action="store_true", help="leave the first table as it is")
    parser.add_argument("--networks", default="a,b1,b2,d,c")
    parser.add_argument("--rounds", type=int, default=24)
    parser.add_argument("--jax", help="a Python that has JAX, if this one does not")
    arguments = parser.parse_args()
    kept = json.loads(KEPT.read_text(encoding="utf-8")) if KEPT.exists() else {}
    began = time.perf_counter()
    python = {n: arguments.jax for n in CORE if n.startswith("JAX")} if arguments.jax else {}
    if not arguments.no_steps:
        networks = arguments.networks.split(",")
        kept["when"], kept["machine"] = f"{datetime.now(UTC):%Y-%m-%d}", machine()
        for name, group in steps(arguments.all, arguments.rounds, python, networks):
            kept.setdefault("steps", {})[name] = [vars(r) for r in group]
            KEPT.write_text(json.dumps(kept, indent=1) + "\n", encoding="utf-8")
    kept["lowering"] = lowering()
    if arguments.all or arguments.memory:
        kept["memory"] = memory()
    if arguments.all or arguments.scaling:
        kept["scaling"] = scaling()
    KEPT.write_text(json.dumps(kept, indent=1) + "\n", encoding="utf-8")
    draw(kept)
    PAGE.write_text(page(kept), encoding="utf-8")
    print(f"{PAGE.name}: {time.perf_counter() - began:.0f} s")


if __name__ == "__main__":
    main()
