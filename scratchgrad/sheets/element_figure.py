r"""The element graph of a layer: every element a circle, the chosen element's paths in another colour.

In   the layer's written-out equations, with W_12 chosen
Out  circles x_1, x_2, x_3, then u_1, u_2, then J; the lines x_2 to u_1 and u_1 to J stand out, W_12 beside the first
"""

from __future__ import annotations

from collections.abc import Sequence

import sympy as sp

from scratchgrad.calculus.chosen import ChosenElement
from scratchgrad.calculus.derivation import ElementForm
from scratchgrad.notation.binding import tensor_name
from scratchgrad.notation.definition import Definition
from scratchgrad.sheets.blocks import Block, Figure
from scratchgrad.sheets.drawing import Circle, Drawing, Label, Part, Path, Point
from scratchgrad.sheets.gradient_section import Paper, listed

__all__ = ["element_figure"]

_ACROSS, _DOWN, _RADIUS = 2.9, 0.95, 0.32
_MOST = 6


def element_figure(definition: Definition, forms: Sequence[ElementForm], paper: Paper) -> list[Block]:
    """The figure, where the layer has one equation whose elements can be drawn and a chosen element; else nothing."""
    chosen = [f.chosen for f in forms if f.chosen is not None]
    if len(definition.assignments) != 1 or not chosen:
        return []
    # The matrix's element is the instructive one; without a matrix, the first.
    picked = max(chosen, key=lambda c: len(c.element.indices))
    outputs = [left for left, _ in picked.equations]
    nodes = _vectors(picked, definition)
    if not nodes or len(nodes) > _MOST or len(outputs) > _MOST:
        return []
    drawing = _drawing(picked, nodes, outputs, paper)
    sizes = listed([f"${paper.tex(size)} = {count}$" for size, count in picked.sizes.items()])
    here = paper.tex(picked.element)
    touched = listed([f"${paper.tex(t.output)}$" for t in picked.touched])
    caption = f"The layer's elements for {sizes}; in colour, how ${here}$ reaches ${paper.name('J')}$."
    described = (
        f"Circles for the elements, arrows for what depends on what. The chosen element {here} acts through {touched}."
    )
    return [Figure(drawing, caption, described.replace("$", ""))]


def _vectors(chosen: ChosenElement, definition: Definition) -> list[sp.Expr]:
    """The elements of the vectors that the equations use; not matrices, nor what is only added, unless it is chosen."""
    found: dict[sp.Expr, None] = {}
    for _, right in chosen.equations:
        for e in sorted(right.atoms(sp.Indexed), key=str):
            added = isinstance(right, sp.Add) and e in right.args
            if not all(i.is_Integer for i in e.indices):  # x[t[0]]: which element that is, the values of t say
                return []
            if len(e.indices) == 1 and (not added or tensor_name(e) == tensor_name(chosen.element)):
                found[e] = None
    order = [t.name for t in definition.inputs]
    return sorted(found, key=lambda e: (order.index(tensor_name(e)), int(e.indices[0])))


def _drawing(chosen: ChosenElement, nodes: list[sp.Expr], outputs: list[sp.Expr], paper: Paper) -> Drawing:
    touched = {t.output for t in chosen.touched}
    left = dict(zip(nodes, _column(0.0, len(nodes)), strict=True))
    middle = dict(zip(outputs, _column(_ACROSS, len(outputs)), strict=True))
    objective = (_ACROSS + 2.2, 0.0)
    weak: list[Part] = []
    strong: list[Part] = []
    labels: list[Part] = []
    for output, right in chosen.equations:
        for node in nodes:
            if not right.has(node):
                continue
            through = node == chosen.element or (chosen.element not in left and _beside(right, node, chosen.element))
            on = output in touched and through
            (strong if on else weak).append(_line(left[node], middle[output], strong=on))
            if on and node != chosen.element:
                labels.append(_label(left[node], middle[output], paper.tex(chosen.element)))
        if len(outputs) > 1 or str(output) != "J":
            on = output in touched
            (strong if on else weak).append(_line(middle[output], objective, strong=on))
    circles: list[Part] = [Circle(at, paper.tex(e), _RADIUS, e == chosen.element) for e, at in left.items()]
    circles += [Circle(at, paper.tex(e), _RADIUS) for e, at in middle.items()]
    circles.append(Circle(objective, paper.name("J"), _RADIUS))
    return Drawing((*weak, *strong, *circles, *labels))


def _beside(right: sp.Expr, node: sp.Expr, chosen: sp.Expr) -> bool:
    """Whether the chosen element, which has no circle, acts along the line from node: it is a factor beside it."""
    terms = sp.Add.make_args(right)
    return any(chosen in t.atoms(sp.Indexed) and node in t.atoms(sp.Indexed) for t in terms)


def _column(x: float, count: int) -> list[Point]:
    return [(x, _DOWN * ((count - 1) / 2 - n)) for n in range(count)]


def _line(start: Point, end: Point, *, strong: bool) -> Path:
    """From circle to circle, ending at their rims."""
    dx, dy = end[0] - start[0], end[1] - start[1]
    length = (dx * dx + dy * dy) ** 0.5
    ux, uy = dx / length * _RADIUS, dy / length * _RADIUS
    gap = 1.06
    return Path(((start[0] + ux, start[1] + uy), (end[0] - ux * gap, end[1] - uy * gap)), strong=strong)


def _label(start: Point, end: Point, latex: str) -> Label:
    """Beside the line, a third of the way along, where lines have not yet met."""
    at = 0.36
    slope = (end[1] - start[1]) / (end[0] - start[0])
    return Label(
        (start[0] + at * (end[0] - start[0]), start[1] + at * (end[1] - start[1]) + 0.24 + 0.1 * abs(slope)),
        latex,
        strong=True,
    )
