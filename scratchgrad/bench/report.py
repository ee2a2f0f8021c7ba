"""Tables: what was measured, beside the slowest that counts and beside the floor.

In   Measured, of several problems
Out  a table as text or in Markdown: microseconds, times as fast as eager autograd, multiples of the matrix products
"""

from __future__ import annotations

import os
import platform
from collections.abc import Sequence
from pathlib import Path

from scratchgrad.bench.harness import Measured

__all__ = ["machine", "markdown", "table"]


def table(results: Sequence[Measured]) -> list[tuple[str, str, str, str, str]]:
    """Rows: contestant, time, times as fast as eager, multiple of the floor, seconds to build or the failure."""
    by_name = {r.contestant: r for r in results}
    rows = []
    for r in results:
        if r.microseconds is None:
            rows.append((r.contestant, "-", "-", "-", r.failure))
            continue
        rows.append(
            (
                r.contestant,
                _time(r.microseconds),
                _ratio(by_name.get("eager"), r),
                _ratio(r, by_name.get("floor")),
                f"{r.build:.1f} s" if r.build is not None else "",
            )
        )
    return rows


def markdown(groups: Sequence[Sequence[Measured]]) -> str:
    """A line a contestant, a column a problem: times as fast as eager / multiple of the floor (time of a step)."""
    names = list(dict.fromkeys(r.contestant for group in groups for r in group))
    heads = [group[0].problem for group in groups]
    lines = [f"| | {' | '.join(heads)} |", f"|---{'|---' * len(heads)}|"]
    skipped: dict[str, str] = {}
    for name in names:
        cells = []
        for group in groups:
            by_name = {r.contestant: r for r in group}
            r = by_name.get(name)
            if r is None or r.microseconds is None:
                cells.append("-")
                if r is not None:
                    skipped[name] = r.failure
                continue
            bold = "**" if name in ("program", "native") else ""
            ratio, floor = _ratio(by_name.get("eager"), r), _ratio(r, by_name.get("floor"))
            cells.append(f"{bold}{ratio}{bold} / {floor} ({_time(r.microseconds)})")
        lines.append(f"| {name} | {' | '.join(cells)} |")
    lines += ["", *(f"{name}: {failure}." for name, failure in skipped.items())]
    return "\n".join(lines).rstrip()


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


def _time(microseconds: float) -> str:
    for unit, size in (("s", 1e6), ("ms", 1e3)):
        if microseconds >= size:
            return f"{microseconds / size:.3g} {unit}"
    return f"{microseconds:.3g} us"


def _ratio(one: Measured | None, other: Measured | None) -> str:
    if one is None or other is None or not one.microseconds or not other.microseconds:
        return "-"
    ratio = one.microseconds / other.microseconds
    return f"{ratio:.1f}" if ratio >= 10 else f"{ratio:.2f}"
