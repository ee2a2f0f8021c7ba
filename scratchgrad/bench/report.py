"""Tables: what was measured, beside the slowest that counts and beside the floor.

In   Measured, of several problems
Out  a table as text or in Markdown: microseconds, times as fast as eager autograd, multiples of the matrix products
"""

from __future__ import annotations

import os
import platform
from collections.abc import Mapping, Sequence
from pathlib import Path

from scratchgrad.bench.harness import Measured

__all__ = ["ahead", "claims", "machine", "markdown", "table"]

_OTHERS = ("eager", "torch.compile", "JAX", "numpy")


def table(results: Sequence[Measured]) -> tuple[list[str], list[list[str]]]:
    """Heads and rows: contestant, time, times as fast as eager, seconds to build, or why there is no time.

    Where there is a floor, the multiple of it as well.
    """
    by_name = {r.contestant: r for r in results}
    floor = by_name.get("floor")
    rows = []
    for r in results:
        build = r.failure if r.microseconds is None else "" if r.build is None else f"{r.build:.1f} s"
        over = [] if floor is None else [_ratio(r, floor)]
        rows.append([r.contestant, _time(r.microseconds), _ratio(by_name.get("eager"), r), *over, build])
    return ["", "a step", "x eager", *([] if floor is None else ["/ floor"]), "to build"], rows


def markdown(groups: Sequence[Sequence[Measured]]) -> str:
    """A line a contestant, a column a problem: times as fast as eager / multiple of the floor (time of a step).

    Who is not there for any of the problems has no line; who is missing for a reason has it below the table.
    """
    names = list(dict.fromkeys(r.contestant for group in groups for r in group))
    lines = [f"| | {' | '.join(group[0].problem for group in groups)} |", f"|---{'|---' * len(groups)}|"]
    skipped: dict[tuple[str, str], list[str]] = {}
    for name in names:
        cells = []
        for group in groups:
            by_name = {r.contestant: r for r in group}
            r = by_name.get(name)
            if r is not None and r.failure:
                skipped.setdefault((name, r.failure), []).append(r.problem)
            cells.append(_cell(r, by_name))
        lines.append(f"| {name} | {' | '.join(cells)} |")
    reasons = [f"{name}: {why} ({', '.join(where)})." for (name, why), where in skipped.items()]
    return "\n".join([*lines, "", " ".join(reasons)]).rstrip()


def _cell(r: Measured | None, by_name: Mapping[str, Measured]) -> str:
    if r is None or r.microseconds is None:
        return "-"
    bold = "**" if r.contestant in ("program", "native") else ""
    floor = f" / {_ratio(r, by_name['floor'])}" if "floor" in by_name else ""
    return f"{bold}{_ratio(by_name.get('eager'), r)}{bold}{floor} ({_time(r.microseconds)})"


def machine() -> str:
    """Processor, cores and versions, in one line."""
    import numpy
    import torch

    model = platform.processor() or platform.machine()
    try:
        lines = Path("/proc/cpuinfo").read_text(encoding="utf-8").splitlines()
        model = next(line.partition(":")[2].strip() for line in lines if line.startswith("model name"))
    except (OSError, StopIteration):
        pass
    return (
        f"{model}, {os.cpu_count()} cores ({torch.backends.cpu.get_cpu_capability()}), {platform.system()}, "
        f"Python {platform.python_version()}, torch {torch.__version__}, numpy {numpy.__version__}"
    )


def _time(microseconds: float | None) -> str:
    if microseconds is None:
        return "-"
    for unit, size in (("s", 1e6), ("ms", 1e3)):
        if microseconds >= size:
            return f"{microseconds / size:.3g} {unit}"
    return f"{microseconds:.3g} us"


def _ratio(one: Measured | None, other: Measured | None) -> str:
    if one is None or other is None or not one.microseconds or not other.microseconds:
        return "-"
    ratio = one.microseconds / other.microseconds
    return f"{ratio:.1f}" if ratio >= 10 else f"{ratio:.2f}"


def claims(groups: Sequence[Sequence[Measured]]) -> str:
    """How far the native program is above the same products called from C, by network."""
    rows = []
    for group in groups:
        by_name = {r.contestant: r.microseconds for r in group}
        native, floor = by_name.get("native"), by_name.get("floor, from C")
        if native and floor:
            rows.append(f"{group[0].problem} {100 * (native / floor - 1):+.1f} %")
    return f"Native against the same products called from C: {'; '.join(rows)}." if rows else ""


def ahead(groups: Sequence[Sequence[Measured]]) -> str:
    """Who of the others is faster than the program, and than the native one, and where."""
    said = []
    for ours in ("program", "native"):
        faster: dict[str, list[str]] = {}
        compared = False
        for group in groups:
            times = {r.contestant: r.microseconds for r in group if r.microseconds is not None}
            compared |= ours in times
            for name, time in times.items():
                if name.startswith(_OTHERS) and time < times.get(ours, 0.0):
                    faster.setdefault(name, []).append(f"{times[ours] / time:.2f} times at {group[0].problem}")
        who = "; ".join(f"{name} ({', '.join(where)})" for name, where in faster.items())
        said += [f"Faster than {ours}: {who or 'nobody'}."] if compared else []
    return " ".join(said)
