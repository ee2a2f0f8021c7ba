"""The plots of the results page: times as fast as eager autograd by network, and how a step grows.

In   what was measured, section by section
Out  results.svg, architectures.svg, scaling.svg, as far as their sections are there
"""

from __future__ import annotations

from pathlib import Path
from typing import Any

OURS, FLOORS = ("tape", "program", "program, J unread", "native"), ("floor", "floor, from C")
COLOURS = {"ours": "#1f6fb4", "floor": "#9a9a9a", "others": "#d98a3d"}
TICKS = (0.2, 0.5, 1, 2, 5, 10, 20, 50, 100, 200)
LINES = {
    "eager": ("#d98a3d", "o-"),
    "program": ("#1f6fb4", "o-"),
    "native": ("#12406b", "s-"),
    "floor": ("#9a9a9a", "o--"),
    "floor, from C": ("#555555", "s:"),
}
TITLES = {
    "batch": ("784-256-10", "batch"),
    "width": ("w-w-w-10, batch 64", "width w"),
    "depth": ("layers of 64, batch 32", "layers"),
}


def draw(kept: dict[str, Any], folder: Path) -> None:
    """Write the plots of the sections that are there."""
    if "steps" in kept:
        bars(list(kept["steps"]["found"].values()), folder / "results.svg", columns=3)
    if "architectures" in kept:
        bars(list(kept["architectures"]["found"].values()), folder / "architectures.svg", columns=3)
    if "scaling" in kept:
        sweeps(kept["scaling"]["found"], folder / "scaling.svg")


def bars(groups: list[list[dict[str, Any]]], path: Path, columns: int) -> None:
    """A panel a network, a bar a contestant: its name at the left, times as fast as eager at the bar's end."""
    names = list(dict.fromkeys(r["contestant"] for group in groups for r in group if r["contestant"] != "eager"))
    names.sort(key=lambda n: (n in FLOORS, n in OURS))  # others, ours, floors; else as they come
    rows = -(-len(groups) // columns)
    figure = _figure((3.1 * columns + 1.2, rows * (0.19 * len(names) + 0.75)))
    axes = figure.subplots(rows, columns, squeeze=False, sharey=True)
    for axis, group in zip(axes.flat, groups, strict=False):
        times = {r["contestant"]: r["microseconds"] for r in group if r["microseconds"]}
        ratios = [times["eager"] / times[n] if n in times and "eager" in times else 0.0 for n in names]
        kinds = ["floor" if n in FLOORS else "ours" if n in OURS else "others" for n in names]
        axis.barh(range(len(names)), [max(r, 1e-9) for r in ratios], color=[COLOURS[k] for k in kinds], height=0.72)
        low, high = 0.8 * min([0.7, *(r for r in ratios if r)]), 2.6 * max([1.0, *ratios])
        for place, ratio in enumerate(ratios):
            text = f" {ratio:.1f}" if ratio >= 10 else f" {ratio:.2f}" if ratio else " -"
            axis.text(max(ratio, low), place, text, va="center", fontsize=7)
        axis.set(xscale="log", xlim=(low, high), yticks=range(len(names)), yticklabels=names)
        axis.set_xticks([t for t in TICKS if low <= t <= high], minor=False)
        axis.set_xticks([], minor=True)
        axis.invert_yaxis()
        axis.axvline(1, color=LINES["eager"][0], linewidth=0.8)
        axis.tick_params(labelsize=7)
        axis.xaxis.set_major_formatter("{x:g}")
        axis.set_title(group[0]["problem"], fontsize=9)
        axis.spines[["top", "right"]].set_visible(False)
    if axes.size:
        axes.flat[0].set_ylim(len(names) - 0.4, -0.6)
    for axis in axes.flat[len(groups) :]:
        axis.set_visible(False)
    figure.supxlabel("times as fast as torch eager autograd with optim.SGD", fontsize=8)
    figure.savefig(path, metadata={"Date": None})


def sweeps(found: dict[str, Any], path: Path) -> None:
    """A panel a size, the floors beside; one legend for all."""
    figure = _figure((3.4 * len(found), 3.3))
    axes = figure.subplots(1, len(found), squeeze=False)[0]
    for axis, (what, points) in zip(axes, found.items(), strict=True):
        for name, (colour, style) in LINES.items():
            line = [(size, times[name]) for size, times in points if name in times]
            if line:
                axis.plot(*zip(*line, strict=True), style, color=colour, label=name, markersize=3.5, linewidth=1.3)
        title, label = TITLES[what]
        axis.set(xscale="log", yscale="log")
        axis.set_xticks([size for size, _ in points], [str(size) for size, _ in points])
        axis.set_xticks([], minor=True)
        axis.tick_params(labelsize=7)
        axis.set_xlabel(label, fontsize=8)
        axis.set_title(title, fontsize=9)
        axis.grid(visible=True, alpha=0.3)
        axis.spines[["top", "right"]].set_visible(False)
    axes[0].set_ylabel("microseconds a step", fontsize=8)
    handles, labels = axes[0].get_legend_handles_labels()
    figure.legend(handles, labels, loc="outside lower center", ncols=len(labels), fontsize=8, frameon=False)
    figure.savefig(path, metadata={"Date": None})


def _figure(size: tuple[float, float]) -> Any:
    from matplotlib.backends.backend_agg import FigureCanvasAgg  # pyplot would choose a window
    from matplotlib.figure import Figure

    figure = Figure(figsize=size, layout="constrained")
    FigureCanvasAgg(figure)
    return figure
