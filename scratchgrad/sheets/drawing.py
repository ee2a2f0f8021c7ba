"""A drawing as data: boxes, circles, paths and labels at places in centimetres, y upwards.

One drawing is written twice, as TikZ and as SVG, so both formats show the same figure.
"""

from __future__ import annotations

from dataclasses import dataclass

__all__ = ["Box", "Circle", "Dot", "Drawing", "Label", "Path", "Point"]

Point = tuple[float, float]


@dataclass(frozen=True)
class Box:
    """A box around lines of text; a line between dollars is a formula.  Rounded: a signal from outside."""

    centre: Point
    width: float
    height: float
    lines: tuple[str, ...]
    rounded: bool = False


@dataclass(frozen=True)
class Circle:
    """A circle around one formula."""

    centre: Point
    latex: str
    radius: float = 0.32
    strong: bool = False


@dataclass(frozen=True)
class Path:
    """A line through the points, its corners rounded, with an arrow at its end."""

    points: tuple[Point, ...]
    arrow: bool = True
    strong: bool = False


@dataclass(frozen=True)
class Dot:
    """A point at which a signal branches."""

    centre: Point


@dataclass(frozen=True)
class Label:
    """A formula centred at a place, on the paper's colour where a line would run through it."""

    centre: Point
    latex: str
    strong: bool = False
    width: float = 0.5
    height: float = 0.4


Part = Box | Circle | Path | Dot | Label


@dataclass(frozen=True)
class Drawing:
    """The parts, drawn in this order."""

    parts: tuple[Part, ...]
    margin: float = 0.1

    @property
    def bounds(self) -> tuple[float, float, float, float]:
        """Left, bottom, right, top of everything, with the margin."""
        places = [(x, y, dx, dy) for part in self.parts for x, y, dx, dy in _reach(part)] or [(0.0, 0.0, 0.0, 0.0)]
        return (
            min(x - dx for x, _, dx, _ in places) - self.margin,
            min(y - dy for _, y, _, dy in places) - self.margin,
            max(x + dx for x, _, dx, _ in places) + self.margin,
            max(y + dy for _, y, _, dy in places) + self.margin,
        )

    @property
    def width(self) -> float:
        """The width in centimetres."""
        left, _, right, _ = self.bounds
        return right - left


def _reach(part: Part) -> list[tuple[float, float, float, float]]:
    """Places that the part covers, each with the reach to its sides."""
    if isinstance(part, Path):
        return [(x, y, 0.0, 0.0) for x, y in part.points]
    if isinstance(part, Dot):
        return [(*part.centre, 0.05, 0.05)]
    if isinstance(part, Circle):
        return [(*part.centre, part.radius, part.radius)]
    return [(*part.centre, part.width / 2, part.height / 2)]
