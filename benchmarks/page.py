"""The results page, from everything that was measured so far.

In   by section: what was found, when, on which machine
Out  RESULTS.md; a section that was never measured is left out, except for one that says how to get its data
"""

from __future__ import annotations

import math
from collections.abc import Callable
from typing import Any

from scratchgrad.bench.harness import Measured
from scratchgrad.bench.report import ahead, claims, markdown

AIMS: dict[str, tuple[float, float, float | None, float | None]] = {
    "64-32-10 B32": (11, 40, None, None),
    "784-256-10 B64": (2.4, 2.6, 0.15, 0.08),
    "784-512-256-10 B128": (1.5, 1.6, 0.15, 0.08),
    "32 layers of 64 B32": (5, 8, None, None),
    "4096-4096-4096-10 B256": (1.85, 2, 0.15, None),
}
"""Times as fast as eager for the program and the native one; shares above the floor, and above that from C."""


def page(kept: dict[str, Any]) -> str:
    """The page; date and machine stand where they differ from those of the section before."""
    parts = ["# Measured", "Made by `python benchmarks/results.py --all`; do not edit."]
    said = ""
    for name, (title, written) in SECTIONS.items():
        if name not in kept:
            parts += [f"## {title}", NO_DATA] if name == "accuracy" else []
            continue
        stamp = f"{kept[name]['when']}. {kept[name]['machine']}."
        parts += [f"## {title}", *([] if stamp == said else [stamp]), *written(kept[name]["found"])]
        said = stamp
    return "\n\n".join(part for part in parts if part) + "\n"


def rows(heads: list[str], lines: list[list[str]]) -> str:
    """A table in Markdown."""
    return "\n".join(f"| {' | '.join(line)} |" for line in [heads, ["---"] * len(heads), *lines])


def _groups(found: dict[str, Any]) -> list[list[Measured]]:
    return [[Measured(**r) for r in group] for group in found.values()]


def steps(found: dict[str, Any]) -> list[str]:
    """Linear layers."""
    groups = _groups(found)
    return [
        "One thread; 10th percentile of processor time over shuffled blocks, two processes a contestant (one at "
        "the last network), each validated "
        "before it is timed: against numpy by hand, in float64. Each cell: times as fast as torch eager autograd with "
        "optim.SGD, then the multiple of the matrix products alone (the floor: the same products through "
        "`torch.mm(out=)`), then the time. Processor time and a low quantile, because other work may share the "
        "machine; where it does, ratios of one column stay comparable, times less so.",
        markdown(groups),
        claims(groups),
        ahead(groups),
        aims(groups),
        "`program` computes the objective's value in every step, `J unread` does not. The native program calls BLAS "
        "from C, so it can be below a floor that is called from Python; `floor, from C` is the same products in one C "
        "function, through the same BLAS. Eager takes class numbers, the programs one-hot rows made of them once; both "
        "as they come from the data.",
        "![times as fast as eager autograd](results.svg)",
    ]


def aims(groups: list[list[Measured]]) -> str:
    """What was aimed at beside what was measured, as a table."""
    lines = []
    for group in groups:
        times = {r.contestant: r.microseconds for r in group if r.microseconds}
        wanted = AIMS.get(group[0].problem)
        if wanted is None or "eager" not in times:
            continue
        program, native = (
            _aimed(times, "eager", ours, aim) for ours, aim in zip(("program", "native"), wanted[:2], strict=True)
        )
        above = _aimed(times, "floor", "program", wanted[2]), _aimed(times, "floor, from C", "native", wanted[3])
        lines.append([group[0].problem, program, native, *above])
    heads = ["aim: measured", "program / eager", "native / eager", "program above floor", "native above floor, from C"]
    return rows(heads, lines) if lines else ""


def _aimed(times: dict[str, float], other: str, ours: str, aim: float | None) -> str:
    """The aim, the figure, and by how much it is missed: a speed-up over eager, or a share above a floor."""
    if aim is None or ours not in times or other not in times:
        return ""
    if other == "eager":
        found = times["eager"] / times[ours]
        return f"{aim:g}: {found:.3g}" + ("" if found >= aim else f", {100 * (1 - found / aim):.0f} % short")
    found = times[ours] / times[other] - 1
    return f"{100 * aim:.0f} %: {100 * found:.1f} %" + ("" if found <= aim else ", missed")


def architectures(found: dict[str, Any]) -> list[str]:
    """Other kinds."""
    groups = _groups(found)
    return [
        "README's convolutional network (8 and 16 channels, 8 x 8 images) and its transformer of one block (8 tokens "
        "of 32). Measured in the same way, the witness being torch's autograd in float64. Each cell: times as fast as "
        "eager, and the time. These are not products alone, so there is no floor.",
        markdown(groups),
        ahead(groups),
        "![times as fast as eager autograd](architectures.svg)",
    ]


def lowering(found: Any) -> list[str]:
    """Planning."""
    lines = [[name, f"{milliseconds:.0f} ms"] for name, milliseconds, *_ in found]
    loaded = [name for name, _, *sympy in found if any(sympy)]
    why = f" but for torch's own shape rules ({', '.join(loaded)})" if loaded else ""
    return [f"Processor time, fresh process, SymPy not loaded{why}.", rows(["network", "lowering"], lines)]


def memory(found: list[dict[str, Any]]) -> list[str]:
    """Peaks, and the least that there can be."""
    lines = []
    for r in found:
        if "failure" in r:
            lines.append([r["contestant"], "-", r["failure"], ""])
            continue
        above = f"{r['peak'] - r['parameters']:.0f}"
        lines.append([r["contestant"], f"{r['peak']:.0f}", above, f"{r['bound']:.0f}" if "bound" in r else ""])
    return [
        "64 layers of 1024, batch 1024, float32: MiB at the peak of three steps (VmHWM), above what the process had "
        "after it had trained a tiny network, so without imports, compilers and batches. The last column is what must "
        "live at the same time by the program's own plan, as its calls stand.",
        rows(["", "peak", "above the parameters", "must live at the same time"], lines),
    ]


def scaling(found: dict[str, Any]) -> list[str]:
    """Sweeps, and what follows from them."""
    names = list(dict.fromkeys(n for points in found.values() for _, times in points for n in times))
    lines = [
        [what, str(size), *(f"{times[n]:.4g}" if n in times else "-" for n in names)]
        for what, points in found.items()
        for size, times in points
    ]
    return [
        rows(["", "size", *names], lines),
        "Microseconds a step: batch at 784-256-10, width w at w-w-w-10 B64, depth of 64 B32.",
        "![microseconds a step](scaling.svg)",
        estimate(found),
    ]


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
  to a few shapes, or a compiler with symbolic ones."""


NO_DATA = (
    "Not measured so far; it needs the data set. On Debian and Ubuntu `apt install dataset-fashion-mnist`, elsewhere "
    "put the four files of https://github.com/zalandoresearch/fashion-mnist into a folder named by `$SCRATCHGRAD_DATA`."
)


def accuracy(found: dict[str, Any]) -> list[str]:
    """Seconds to each goal."""
    goals = list(dict.fromkeys(g for row in found["table"].values() for g in row if g.endswith("%")))
    lines = []
    for name, row in found["table"].items():
        if "failure" in row:
            lines.append([name, *["-"] * (2 * len(goals)), row["failure"]])
            continue
        cells = []
        for goal in goals:
            hit = row[goal]
            never = ["-", f"not in {found['epochs']}"]
            cells += never if hit is None else [_spread(hit), f"{hit['epochs']:g}"]
        lines.append([name, *cells, " ".join(f"{100 * best:.2f}" for best in row["best"])])
    heads = ["", *(head for goal in goals for head in (f"seconds to {goal}", "epochs"))]
    return [
        "784-256-10, batches of 64, momentum 0.9, rate 0.05 that loses a quarter every epoch, one thread. Wall time of "
        "training (planning and compiling included, compilers' caches in place; the test after each epoch left out) "
        f"until the test accuracy is first there: median of {found['seeds']} seeds, least and most in brackets. Same "
        "start, same batches in the same order for everybody. Eager and torch.compile as torch's tutorial has them; "
        "`program` and `native` are `net.fit`, which also counts the training accuracy of every batch.",
        rows([*heads, f"best in {found['epochs']} epochs, %"], lines),
    ]


def _spread(hit: dict[str, float]) -> str:
    return f"{hit['median']:.1f} ({hit['least']:.1f} to {hit['most']:.1f})"


def rooms(found: dict[str, Any]) -> list[str]:
    """Milliseconds and seconds by layer."""
    names = sorted({*found["derive"], *found["certify"]})
    derived, certified = sum(found["derive"].values()), sum(found["certify"].values())
    columns = 2
    height = math.ceil(len(names) / columns)
    lines = []
    for k in range(height):
        line = []
        for name in names[k::height]:
            line += [name, f"{1000 * found['derive'].get(name, math.nan):.0f}", f"{found['certify'][name]:.2f}"]
        lines.append(line + [""] * (3 * columns - len(line)))
    return [
        "Processor time, one thread: milliseconds to derive every gradient in element, vector and batched form; "
        "seconds to certify the kernel (battery of probes and proof). All "
        f"{len(names)}: {derived:.1f} s and {certified:.1f} s.",
        rows(["layer", "derive, ms", "certify, s"] * columns, lines),
    ]


def kernels(found: dict[str, Any]) -> list[str]:
    """Kernels beside autograd's."""
    ratios = [t["b"] / t["B"] for t in found.values()]
    lines = [
        [name, *(f"{1000 * t[k]:.4g}" for k in "fFbB"), f"{t['b'] / t['B']:.2f}", f"{t['largest']:.2f}"]
        for name, t in found.items()
    ]
    slower = [name for name, t in found.items() if t["b"] / t["B"] > 1.5]
    return [
        "Every layer's kernel beside what one would write in torch, differentiated by autograd: microseconds, 10th "
        "percentile of processor time, float32, one thread; validated in float64 before. The last column is the "
        "largest tensor that the kernel allocates over the largest that it takes or gives. Backward is faster than "
        f"torch's for {sum(r < 1 for r in ratios)} of {len(ratios)}; "
        f"more than 1.5 times as slow: {', '.join(slower) or 'none'}.",
        rows(["layer", "forward", "torch", "backward", "torch", "ratio", "largest"], lines),
    ]


def startup(found: dict[str, Any]) -> list[str]:
    """First things first."""
    lines = [[n, f"{ms:.0f} ms", "" if goal is None else f"{goal:.0f} ms"] for n, (ms, goal) in found.items()]
    return ["Wall time, median over fresh interpreters; SymPy is not loaded.", rows(["", "takes", "target"], lines)]


SECTIONS: dict[str, tuple[str, Callable[[Any], list[str]]]] = {
    "steps": ("Time of a step", steps),
    "architectures": ("A convolutional network and a transformer", architectures),
    "accuracy": ("Time to an accuracy on Fashion-MNIST", accuracy),
    "memory": ("Peak memory", memory),
    "lowering": ("From a network to its program", lowering),
    "startup": ("Starting", startup),
    "scaling": ("How a step grows", scaling),
    "rooms": ("Deriving and certifying", rooms),
    "kernels": ("Kernels", kernels),
}
