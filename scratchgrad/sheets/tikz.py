"""A drawing as TikZ, in the text's own fonts; wider than the page, it is scaled to fit."""

from __future__ import annotations

from scratchgrad.sheets.drawing import Box, Circle, Dot, Drawing, Label, Part, Path, Point
from scratchgrad.sheets.escaping import words

__all__ = ["to_tikz"]

_STYLES = r"""every node/.style={font=\small, inner sep=1pt, align=center},
  box/.style={draw, line width=0.5pt, fill=black!3},
  signal/.style={draw, line width=0.5pt, rounded corners=5pt, fill=white},
  circled/.style={draw, line width=0.5pt, circle, fill=white},
  line/.style={line width=0.5pt, rounded corners=4pt},
  strong/.style={draw=strong, text=strong, line width=1.1pt},
  >={Stealth[length=4.5pt]}"""


def to_tikz(drawing: Drawing, page: float) -> str:
    """A tikzpicture, scaled down where it is wider than `page` centimetres."""
    picture = "\n".join(
        (f"\\begin{{tikzpicture}}[{_STYLES}]", *(_part(part) for part in drawing.parts), "\\end{tikzpicture}")
    )
    scale = page / drawing.width
    return picture if scale >= 1 else f"\\scalebox{{{scale:.3f}}}{{%\n{picture}}}"


def _at(point: Point) -> str:
    return f"({_number(point[0])},{_number(point[1])})"


def _number(value: float) -> str:
    return f"{value:.3f}".rstrip("0").rstrip(".") if abs(value) >= 0.0005 else "0"


def _part(part: Part) -> str:
    if isinstance(part, Box):
        style = "signal" if part.rounded else "box"
        text = r"\\".join(words(line) for line in part.lines)
        size = f"minimum width={_number(part.width)}cm, minimum height={_number(part.height)}cm"
        return rf"\node[{style}, {size}] at {_at(part.centre)} {{{text}}};"
    if isinstance(part, Circle):
        style = "circled, strong" if part.strong else "circled"
        return rf"\node[{style}, minimum size={_number(2 * part.radius)}cm] at {_at(part.centre)} {{${part.latex}$}};"
    if isinstance(part, Path):
        style = ", ".join(["line"] + ["->"] * part.arrow + ["strong"] * part.strong)
        return rf"\draw[{style}] {' -- '.join(map(_at, part.points))};"
    if isinstance(part, Dot):
        return rf"\fill {_at(part.centre)} circle[radius=1.4pt];"
    assert isinstance(part, Label)
    return rf"\node[{'text=strong, ' if part.strong else ''}fill=white] at {_at(part.centre)} {{${part.latex}$}};"
