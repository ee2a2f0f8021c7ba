"""The results page: python benchmarks/results.py [--all] [--jax PYTHON] writes benchmarks/RESULTS.md and its plots.

    steps          time of a step of linear layers, beside torch, JAX, numpy and the products alone
    architectures  the same of the small CNN and the one-block transformer
    lowering       from a network to its program
    memory         peak of a network of 64 layers of 1024 at batch 1024, and what must live at the same time
    scaling        how a step grows with batch, width and depth
    accuracy       time to an accuracy on Fashion-MNIST, see accuracy.py
    rooms          derivation and certification of every layer, see derive.py and certify.py
    kernels        kernels beside torch's own layers, see generated.py
    startup        importing and first steps, see startup.py

Without options: steps, without torch.compile and the other forms of optim.SGD, and lowering.  --all is everything, with
everybody; --only steps,memory chooses.  Sections that are not measured keep what the page said before.
"""

from __future__ import annotations

import argparse
import json
import statistics
import subprocess
import sys
import time
from collections.abc import Callable
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

from page import page
from plots import draw

from scratchgrad.bench.harness import measure
from scratchgrad.bench.kinds import Cnn, Mlp, Transformer, named
from scratchgrad.bench.peak import peak
from scratchgrad.bench.problem import Problem
from scratchgrad.bench.report import machine

HERE = Path(__file__).parent
PAGE, KEPT = HERE / "RESULTS.md", HERE / "results.json"
OURS = ("tape", "program", "program, J unread", "native", "floor", "floor, from C")
JAX = ("JAX jit", "JAX, 40 steps in a scan")
CORE = ("eager", "eager, tuned malloc", *JAX, "numpy by hand")
MORE = ("eager, foreach", "eager, fused", "torch.compile")
NETWORKS = ("a", "b1", "b2", "d", "c")
NOT_LONG = ("JAX, 40 steps in a scan", "tape", "program, J unread", "eager, foreach", "eager, fused")
MEMORY = ("eager", "torch.compile", "JAX jit", "tape", "program", "program, recomputed")
SWEPT = ("eager", "program", "native", "floor", "floor, from C")

LOWERING = """
import sys, time
import torch
torch.set_num_threads(1)
from scratchgrad.bench.kinds import named
from scratchgrad.bench.ours import network
from scratchgrad.program import Runner
from scratchgrad.train import SGD
problem = named(sys.argv[1])
net = network(problem)
net.tape
runner = Runner(net, SGD(0.05), unit_rows=("y",))
runner._refresh()
began = time.process_time()
runner.program(problem.batch)
print(1000 * (time.process_time() - began), "sympy" in sys.modules)
"""


def steps(options: argparse.Namespace) -> dict[str, Any]:
    """The networks of linear layers; c, whose step takes half a second, with fewer rounds and contestants."""
    found = {}
    for name in options.networks.split(","):
        who = [n for n in contestants(options) if not (name == "c" and n in NOT_LONG)]
        found[name] = timed(named(name), who, 4 if name == "c" else options.rounds, options)
    return found


def architectures(options: argparse.Namespace) -> dict[str, Any]:
    """Two other kinds of networks, at small batches."""
    problems = [kind(batch) for kind in (Cnn, Transformer) for batch in (8, 32, 128)]
    return {str(p): timed(p, contestants(options), max(6, options.rounds // 2), options) for p in problems}


def contestants(options: argparse.Namespace) -> list[str]:
    """Whom to time: everybody with --everyone."""
    return [*CORE[:2], *(MORE if options.everyone else ()), *CORE[2:], *OURS]


def timed(problem: Problem, who: list[str], rounds: int, options: argparse.Namespace) -> list[dict[str, Any]]:
    """One group of measurements; of short steps two processes each: memory lies better in some than in others."""
    python = {n: options.jax for n in JAX} if options.jax else {}
    group = measure(problem, who, rounds=rounds, restarts=1 if rounds < 6 else 2, python=python)
    said = (f"{r.contestant} {r.failure or f'{r.microseconds:.4g} us'}" for r in group)
    print(f"{problem}: {', '.join(said)}", flush=True)
    return [vars(r) for r in group]


def memory(options: argparse.Namespace) -> list[dict[str, Any]]:
    """Peak MiB above the imports, and of it the parameters; for a program, what must live at the same time."""
    rows = []
    for name in MEMORY:
        found = peak(named("m"), name, options.jax if name in JAX else None)
        rows.append({"contestant": name, **found})
        print(f"memory, {name}: {found}", flush=True)
    return rows


def lowering(options: argparse.Namespace) -> list[tuple[str, float, bool]]:
    """Milliseconds of processor time from a tape to its program, in fresh processes; whether SymPy came along."""
    rows = []
    for name in ("a", "b1", "d", "m", "cnn", "transformer"):
        found, loaded = [], False
        for _ in range(3):
            done = subprocess.run([sys.executable, "-c", LOWERING, name], stdout=subprocess.PIPE, text=True, check=True)
            milliseconds, sympy = done.stdout.split()
            loaded |= sympy == "True"
            found.append(float(milliseconds))
        rows.append((str(named(name)), statistics.median(found), loaded))
    return rows


def scaling(options: argparse.Namespace) -> dict[str, list[tuple[int, dict[str, float]]]]:
    """Microseconds of a step as one size grows and the others stay."""
    sweeps = {
        "batch": [(b, Mlp(b, sizes=(784, 256, 10))) for b in (4, 16, 64, 256, 1024)],
        "width": [(w, Mlp(64, sizes=(w, w, w, 10))) for w in (32, 64, 128, 256, 512, 1024)],
        "depth": [(d, Mlp(32, sizes=(*[64] * d, 10))) for d in (2, 4, 8, 16, 32)],
    }
    found: dict[str, list[tuple[int, dict[str, float]]]] = {}
    for what, points in sweeps.items():
        for size, problem in points:
            results = measure(problem, SWEPT, rounds=8, restarts=1)
            times = {r.contestant: r.microseconds for r in results if r.microseconds}
            found.setdefault(what, []).append((size, times))
            print(f"{what} {size}: {times}", flush=True)
    return found


def accuracy(options: argparse.Namespace) -> Any:
    """Time to an accuracy; None, with how to get the data said, where there are none."""
    return script("accuracy.py")


def rooms(options: argparse.Namespace) -> dict[str, Any]:
    """Seconds to derive and to certify every layer."""
    return {"derive": script("derive.py"), "certify": script("certify.py", "--every")}


def kernels(options: argparse.Namespace) -> Any:
    """Milliseconds of every kernel and of torch's own layer."""
    return script("generated.py", "--rounds", "10")


def startup(options: argparse.Namespace) -> Any:
    """Milliseconds of the first things."""
    return script("startup.py", "--rounds", "5")


def script(name: str, *arguments: str) -> Any:
    """What another script of this folder says with --json; None where it says why there is nothing."""
    command = [sys.executable, str(HERE / name), *arguments, "--json"]
    done = subprocess.run(command, stdout=subprocess.PIPE, text=True, check=False)
    return json.loads(done.stdout.splitlines()[-1]) if done.returncode == 0 else None


SECTIONS: dict[str, Callable[[argparse.Namespace], Any]] = {
    f.__name__: f for f in (steps, architectures, lowering, memory, scaling, accuracy, rooms, kernels, startup)
}
USUAL = ("steps", "lowering")


def where(options: argparse.Namespace) -> str:
    """Machine and versions, JAX's included."""
    code = "import jax; print(f', JAX {jax.__version__}')"
    done = subprocess.run([options.jax or sys.executable, "-c", code], capture_output=True, text=True, check=False)
    return machine() + (done.stdout.strip("\n") if done.returncode == 0 else "")


def chosen(text: str) -> list[str]:
    """The sections of this list; ArgumentTypeError where it has another."""
    names = [name.strip() for name in text.split(",") if name.strip()]
    for name in names:
        if name not in SECTIONS:
            raise argparse.ArgumentTypeError(f"no section {name!r}; there are {', '.join(SECTIONS)}")
    return names


def beside(before: dict[str, Any], found: dict[str, Any]) -> dict[str, Any]:
    """Networks that were measured now, and those that were before, in the usual order."""
    together = {**before, **found}
    return {name: together[name] for name in sorted(together, key=(*NETWORKS, *together).index)}


def main() -> None:
    """Measure what is asked for, keep it beside what was measured before, write the page."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--all", action="store_true", help="every section, with everybody")
    parser.add_argument("--only", type=chosen, metavar="SECTIONS", help="these, with everybody, separated by commas")
    parser.add_argument("--networks", default=",".join(NETWORKS), help="of the section steps")
    parser.add_argument("--rounds", type=int, default=24)
    parser.add_argument("--jax", metavar="PYTHON", help="a Python that has JAX, if this one does not")
    parser.add_argument("--page", action="store_true", help="measure nothing; write the page from what is kept")
    options = parser.parse_args()
    options.everyone = options.all or options.only is not None
    kept = json.loads(KEPT.read_text(encoding="utf-8")) if KEPT.exists() else {}
    names = [] if options.page else list(SECTIONS) if options.all else options.only or USUAL
    for name in names:
        began = time.perf_counter()
        print(f"--- {name}", flush=True)
        found = SECTIONS[name](options)
        if found is None:
            print(f"--- {name}: not measured; the page keeps what it said", flush=True)
            continue
        if name == "steps":
            found = beside(kept.get(name, {}).get("found", {}), found)
        kept[name] = {
            "when": f"{datetime.now(UTC):%Y-%m-%d}",
            "machine": where(options),
            "seconds": round(time.perf_counter() - began),
            "found": found,
        }
        KEPT.write_text(json.dumps(kept, indent=1) + "\n", encoding="utf-8")
        print(f"--- {name}: {kept[name]['seconds']} s", flush=True)
    draw(kept, HERE)
    PAGE.write_text(page(kept), encoding="utf-8")


if __name__ == "__main__":
    main()
