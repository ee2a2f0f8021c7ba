r"""A drawing as SVG: no script, no font, no reference outside itself; its colours follow the page.

A label such as b^{(1)}_{i} becomes text with raised and lowered parts, which every browser and drawing program shows.
"""

from __future__ import annotations

import html
from collections.abc import Iterator, Sequence
from dataclasses import dataclass

from scratchgrad.sheets.blocks import pieces
from scratchgrad.sheets.drawing import Box, Circle, Dot, Drawing, Part, Path, Point
from scratchgrad.sheets.latex import Fence, Grid, Group, Macro, Node, Scripts, Symbol, parse
from scratchgrad.sheets.width import measure

__all__ = ["SCALE", "Run", "runs", "to_svg"]

SCALE = 40.0  # user units to a centimetre
_SIZE = 14.5
_LINE = 17.0
_CORNER = 0.14

_SIGNS = dict(
    pair.split()
    for pair in (
        "alpha α,beta β,gamma γ,delta δ,epsilon ϵ,varepsilon ε,zeta ζ,eta η,theta θ,iota ι,kappa κ,lambda λ,mu μ,nu ν,"
        "xi ξ,pi π,rho ρ,sigma σ,tau τ,upsilon υ,phi ϕ,varphi φ,chi χ,psi ψ,omega ω,Gamma Γ,Delta Δ,Theta Θ,Lambda Λ,"
        "Xi Ξ,Pi Π,Sigma Σ,Phi Φ,Psi Ψ,Omega Ω,partial ∂,ell ℓ,infty ∞,nabla ∇,top ⊤,prime ′,cdot ⋅,times ×,odot ⊙,"
        "sum ∑,dots …,ldots …,le ≤,leq ≤,ge ≥,geq ≥,ne ≠,to →,in ∈,lVert ‖,rVert ‖,circ ∘,pm ±,{ {,} }"
    ).split(",")
)
_UPRIGHT_GREEK = set("ΓΔΘΛΞΠΣΦΨΩ∂∞∇⊤′⋅×⊙∑…≤≥≠→∈‖∘±{}")
_ACCENTS = {
    "hat": "\u0302",
    "widehat": "\u0302",
    "bar": "\u0304",
    "overline": "\u0304",
    "tilde": "\u0303",
    "dot": "\u0307",
    "vec": "\u20d7",
}


@dataclass(frozen=True)
class Run:
    """Letters in one style: `raise_` in em above the baseline, `size` relative; `back` moves left first."""

    text: str
    italic: bool
    bold: bool = False
    raise_: float = 0.0
    size: float = 1.0
    back: float = 0.0


def runs(latex: str) -> list[Run]:
    """The formula of a label as runs of letters."""
    return list(_runs(parse(latex), Run("", True)))


def to_svg(drawing: Drawing, title: str, description: str, name: str = "figure") -> str:
    """The <svg> element, with a title and a description for those who cannot see it; `name` makes its ids unique."""
    left, bottom, right, top = drawing.bounds
    width, height = (right - left) * SCALE, (top - bottom) * SCALE
    head = (
        f'<svg xmlns="http://www.w3.org/2000/svg" role="img" aria-labelledby="{name}-title {name}-desc" '
        f'viewBox="0 0 {_n(width)} {_n(height)}" width="{_n(width)}" height="{_n(height)}" '
        f'font-size="{_SIZE}" text-anchor="middle" fill="currentColor">'
    )
    marker = "".join(
        f'<marker id="{name}-{kind}" class="{kind}" viewBox="0 0 10 8" refX="9.5" refY="4" '
        f'markerWidth="9" markerHeight="7" markerUnits="userSpaceOnUse" orient="auto">'
        '<path d="M0 0 L10 4 L0 8 L2.5 4 Z"/></marker>'
        for kind in ("plain", "strong")
    )
    texts = (
        f'<title id="{name}-title">{html.escape(title)}</title><desc id="{name}-desc">{html.escape(description)}</desc>'
    )

    def at(point: Point) -> Point:
        return ((point[0] - left) * SCALE, (top - point[1]) * SCALE)

    body = "\n".join(_part(part, at, name) for part in drawing.parts)
    return f"{head}\n{texts}\n<defs>{marker}</defs>\n{body}\n</svg>"


def _n(value: float) -> str:
    return f"{value:.2f}".rstrip("0").rstrip(".") if abs(value) >= 0.005 else "0"


def _part(part: Part, at: object, name: str) -> str:
    place = at
    assert callable(place)
    if isinstance(part, Path):
        return _path([place(p) for p in part.points], part, name)
    x, y = place(part.centre)
    if isinstance(part, Box):
        w, h = part.width * SCALE, part.height * SCALE
        corner = ' rx="9"' if part.rounded else ""
        kind = "signal" if part.rounded else "box"
        first = y - _LINE * (len(part.lines) - 1) / 2
        shape = (
            f'<rect class="{kind}" x="{_n(x - w / 2)}" y="{_n(y - h / 2)}" width="{_n(w)}" height="{_n(h)}"{corner} '
            'fill="none" stroke="currentColor"/>'
        )
        return shape + "".join(_text(line, x, first + _LINE * n) for n, line in enumerate(part.lines))
    if isinstance(part, Circle):
        kind = "strong" if part.strong else "circle"
        r = _n(part.radius * SCALE)
        return f'<circle class="{kind}" cx="{_n(x)}" cy="{_n(y)}" r="{r}" fill="none" stroke="currentColor"/>' + _text(
            f"${part.latex}$", x, y, kind
        )
    if isinstance(part, Dot):
        return f'<circle cx="{_n(x)}" cy="{_n(y)}" r="2.4"/>'
    return _text(f"${part.latex}$", x, y, "label strong" if part.strong else "label")


def _path(points: list[Point], part: Path, name: str) -> str:
    """Straight pieces, with the corners between them rounded."""
    corner = _CORNER * SCALE
    text = f"M{_n(points[0][0])} {_n(points[0][1])}"
    for before, here, after in zip(points, points[1:], points[2:], strict=False):
        start, end = _towards(here, before, corner), _towards(here, after, corner)
        text += f" L{_n(start[0])} {_n(start[1])} Q{_n(here[0])} {_n(here[1])} {_n(end[0])} {_n(end[1])}"
    text += f" L{_n(points[-1][0])} {_n(points[-1][1])}"
    kind = "strong" if part.strong else "plain"
    marker = f' marker-end="url(#{name}-{kind})"' if part.arrow else ""
    return f'<path class="line {kind}" d="{text}" fill="none" stroke="currentColor"{marker}/>'


def _towards(here: Point, there: Point, most: float) -> Point:
    dx, dy = there[0] - here[0], there[1] - here[1]
    length = (dx * dx + dy * dy) ** 0.5 or 1.0
    share = min(most, length / 2) / length
    return (here[0] + dx * share, here[1] + dy * share)


def _text(line: str, x: float, y: float, kind: str = "") -> str:
    spans = ""
    for piece, kind_of_piece in pieces(line):
        spans += _spans(runs(piece)) if kind_of_piece == "formula" else html.escape(piece)
    style = f' class="{kind}"' if kind else ""
    return f'<text{style} x="{_n(x)}" y="{_n(y + 0.32 * _SIZE)}">{spans}</text>'


def _spans(found: Sequence[Run]) -> str:
    text, height = "", 0.0
    for run in found:
        shift = (height - run.raise_) * _SIZE
        height = run.raise_
        attributes = (f' dx="{_n(-run.back * _SIZE)}"' if run.back else "") + (f' dy="{_n(shift)}"' if shift else "")
        attributes += (' font-style="italic"' if run.italic else "") + (' font-weight="bold"' if run.bold else "")
        attributes += f' font-size="{_n(run.size * _SIZE)}"' if run.size != 1 else ""
        text += f"<tspan{attributes}>{html.escape(run.text)}</tspan>"
    return text


def _runs(nodes: Sequence[Node], style: Run) -> Iterator[Run]:
    for node in nodes:
        yield from _node(node, style)


def _styled(style: Run, text: str, **change: object) -> Run:
    values = {
        "italic": style.italic,
        "bold": style.bold,
        "raise_": style.raise_,
        "size": style.size,
        "back": 0.0,
    } | change
    return Run(text, **values)  # type: ignore[arg-type]  # the values come from a Run and from the call


def _node(node: Node, style: Run) -> Iterator[Run]:
    if isinstance(node, Symbol):
        sign = _SIGNS.get(node.text[1:], " ") if node.text[0] == "\\" else node.text
        letter = sign.isalpha() and sign not in _UPRIGHT_GREEK
        yield _styled(style, {"-": "−", "*": "∗"}.get(sign, sign), italic=style.italic and letter)
    elif isinstance(node, Group):
        yield from _runs(node.children, style)
    elif isinstance(node, Scripts):
        yield from _node(node.base, style)
        small = style.size * 0.72
        sub = (
            list(_node(node.sub, _styled(style, "", raise_=style.raise_ - 0.28 * style.size, size=small)))
            if node.sub
            else []
        )
        sup = (
            list(_node(node.sup, _styled(style, "", raise_=style.raise_ + 0.42 * style.size, size=small)))
            if node.sup
            else []
        )
        yield from sub
        if sub and sup:  # the superscript stands above the subscript, not behind it
            back = measure((node.sub,), "S").width * style.size if node.sub else 0.0
            first = sup[0]
            yield Run(first.text, first.italic, first.bold, first.raise_, first.size, back)
            yield from sup[1:]
        else:
            yield from sup
    elif isinstance(node, Fence):
        yield _styled(style, node.left.removeprefix("\\").replace(".", ""), italic=False)
        yield from _runs(node.children, style)
        yield _styled(style, node.right.removeprefix("\\").replace(".", ""), italic=False)
    elif isinstance(node, Macro):
        yield from _macro(node, style)
    elif isinstance(node, Grid):
        for row in node.rows:
            for cell in row:
                yield from _runs(cell, style)


def _macro(node: Macro, style: Run) -> Iterator[Run]:
    if node.name in ("frac", "dfrac", "tfrac"):
        yield from _runs(node.arguments[0].children, style)
        yield _styled(style, "/", italic=False)
        yield from _runs(node.arguments[1].children, style)
        return
    upright = node.name in ("text", "mathrm", "operatorname", "operatorname*", "mathbf", "mathsf", "textbf", "mathbb")
    inner = list(
        _runs(
            node.arguments[-1].children,
            _styled(
                style,
                "",
                italic=style.italic and not upright,
                bold=style.bold or node.name in ("mathbf", "textbf", "boldsymbol", "mathbb"),
            ),
        )
    )
    accent = _ACCENTS.get(node.name, "")
    for position, run in enumerate(inner):
        yield _styled(run, run.text + accent, back=run.back) if position == 0 else run
