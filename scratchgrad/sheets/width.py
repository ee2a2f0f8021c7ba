r"""How wide a formula will be, in em of the text font.

In   r"\sum_{j=1}^{n} W_{ij} x_{j}"
Out  about 4.9

A small model of how TeX sets a formula: the widths of Latin Modern's letters, the styles (display, text, script), the
spaces between the classes of atoms (TeXbook, ch. 18), limits, fractions, delimiters that grow.  It errs to the wide
side, because what it decides is where lines break; tests/sheets/test_width.py compares it with TeX's own widths.
A command whose width is not known here is refused, so that no formula can do anything but be set.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from functools import lru_cache

from scratchgrad.sheets.blocks import pieces
from scratchgrad.sheets.latex import OPERATORS, Fence, Grid, Group, LatexUnreadable, Macro, Node, Scripts, Symbol, parse

__all__ = ["Box", "formula_width", "measure", "text_width"]

# Latin Modern at 10.95 pt, in thousandths of an em.
_ITALIC = {
    **dict(zip("abcdefghijklm", (529, 429, 433, 520, 466, 597, 513, 576, 345, 469, 552, 318, 878), strict=True)),
    **dict(zip("nopqrstuvwxyz", (600, 485, 503, 482, 479, 469, 361, 572, 521, 743, 572, 526, 509), strict=True)),
    **dict(zip("ABCDEFGHIJKLM", (750, 809, 786, 856, 796, 782, 786, 912, 518, 651, 921, 681, 1079), strict=True)),
    **dict(zip("NOPQRSTUVWXYZ", (912, 791, 781, 791, 767, 671, 723, 792, 806, 1083, 907, 803, 754), strict=True)),
}
_UPRIGHT = {
    **dict(zip("abcdefghijklm", (500, 556, 444, 556, 444, 306, 500, 556, 278, 306, 528, 278, 833), strict=True)),
    **dict(zip("nopqrstuvwxyz", (556, 500, 556, 528, 392, 394, 389, 556, 528, 722, 528, 528, 444), strict=True)),
    **dict(zip("ABCDEFGHIJKLM", (750, 708, 722, 764, 681, 653, 785, 750, 361, 514, 778, 625, 917), strict=True)),
    **dict(zip("NOPQRSTUVWXYZ", (750, 778, 681, 778, 736, 556, 722, 750, 750, 1028, 750, 750, 611), strict=True)),
    **dict.fromkeys(" .,:;!'|[]", 334),
    **dict.fromkeys("()-`", 389),
    **dict.fromkeys("+<=>@", 778),
    "—": 1000,
}


def _table(text: str) -> dict[str, int]:
    parts = text.split()
    return dict(zip(parts[::2], map(int, parts[1::2]), strict=True))


_GREEK = _table("""
    alpha 643 beta 618 gamma 573 delta 482 epsilon 406 varepsilon 466 zeta 511 eta 532 theta 497 iota 354 kappa 576
    lambda 583 mu 603 nu 558 xi 484 pi 606 rho 517 sigma 607 tau 550 upsilon 576 phi 596 varphi 654 chi 626 psi 687
    omega 658 Gamma 625 Delta 833 Theta 778 Lambda 694 Xi 667 Pi 750 Sigma 722 Phi 722 Psi 778 Omega 722
    partial 586 ell 417 infty 1000 nabla 833 top 778 forall 556 exists 556 prime 275 emptyset 500 neg 667 vdots 278
""")
_LIMITED = {"max", "min", "det", "sup", "inf", "lim", "operatorname*"}
_BINARY = _table(r"""
    + 778 - 778 \odot 778 \oplus 778 \otimes 778 \times 778 \div 778 \pm 778 \mp 778
    * 500 \circ 500 \star 500 \ast 500 \land 667 \lor 667 \cup 667 \cap 667 \cdot 278
""")
_RELATION = _table(r"""
    = 778 < 778 > 778 \le 778 \leq 778 \ge 778 \geq 778 \ne 778 \neq 778 \approx 778 \equiv 778 \sim 778 \propto 778
    \in 667 \notin 667 \to 1000 \rightarrow 1000 \leftarrow 1000 \mapsto 1000 \Rightarrow 1000 \Leftrightarrow 1000
    \Longrightarrow 1800 \Longleftrightarrow 1800 : 278 \mid 278 \parallel 500
""")
_BIG = {"\\sum": (1444, 1056), "\\prod": (1278, 945), "\\int": (1000, 667)}
_SPACES = {"\\,": 167, "\\:": 222, "\\;": 278, "\\!": -167, "\\quad": 1000, "\\qquad": 2000, "\\ ": 333, "~": 333}
_ESCAPED = ("\\_", "\\%", "\\#", "\\&", "\\$", "\\|")
_OPENING = ("(", "[", "\\{", "\\langle", "\\lVert", "\\lvert", "\\lfloor", "\\lceil", "\\lbrace")
_CLOSING = (")", "]", "\\}", "\\rangle", "\\rVert", "\\rvert", "\\rfloor", "\\rceil", "\\rbrace", "!")
# The width of a delimiter at the height of one line, and of the tallest.
_DELIMITER = {
    "(": (389, 875),
    ")": (389, 875),
    "[": (283, 667),
    "]": (283, 667),
    "{": (500, 889),
    "}": (500, 889),
    "|": (278, 340),
}
_SCALE = {"D": 1.0, "T": 1.0, "S": 0.79, "s": 0.69}
_DOWN = {"D": "S", "T": "S", "S": "s", "s": "s"}
_FRACTION = {"D": "T", "T": "S", "S": "s", "s": "s"}

# Spaces between classes, in eighteenths of an em: rows left, columns right.  Negative: not in scripts.
_CLASSES = ("ord", "op", "bin", "rel", "open", "close", "punct", "inner")
_BETWEEN = {
    "ord": (0, 3, -4, -5, 0, 0, 0, -3),
    "op": (3, 3, 0, -5, 0, 0, 0, -3),
    "bin": (-4, -4, 0, 0, -4, 0, 0, -4),
    "rel": (-5, -5, 0, 0, -5, 0, 0, -5),
    "open": (0, 0, 0, 0, 0, 0, 0, 0),
    "close": (0, 3, -4, -5, 0, 0, 0, -3),
    "punct": (-3, -3, 0, -3, -3, -3, -3, -3),
    "inner": (-3, 3, -4, -5, -3, 0, -3, -3),
}


@dataclass(frozen=True)
class Box:
    """What a part of a formula takes: its width, its height (both in em) and its class."""

    width: float
    height: float = 1.0
    kind: str = "ord"
    limits: bool = False


@lru_cache(maxsize=1 << 12)  # a sheet asks for the same formulas in tables, rows and lines
def formula_width(latex: str, style: str = "D") -> float:
    """The width of the formula in em, in display style (`D`) or text style (`T`)."""
    return measure(parse(latex), style).width


def text_width(text: str, *, size: float = 1.0, style: str = "T") -> float:
    """The width in em of a text with formulae between dollars (in the given style) and code between backticks.

    `size` is that of the type, 1 for the text's own.
    """
    widths = {
        "text": lambda piece: sum(_UPRIGHT.get(c, 500) for c in piece) / 1000,
        "formula": lambda piece: formula_width(piece, style),
        "code": lambda piece: 0.525 * len(piece),
    }
    return size * sum(widths[kind](piece) for piece, kind in pieces(text))


def measure(nodes: Sequence[Node], style: str) -> Box:
    """The box of a row of nodes."""
    boxes: list[Box] = [_box(node, style) for node in nodes]
    width, height, before = 0.0, 0.0, None
    for position, box in enumerate(boxes):
        height = max(height, box.height)
        if box.kind == "space":
            width += box.width
            continue
        kind = box.kind
        if kind == "bin":
            after = next((b.kind for b in boxes[position + 1 :] if b.kind != "space"), None)
            if before in (None, "bin", "op", "rel", "open", "punct") or after in (None, "rel", "close", "punct"):
                kind = "ord"
        if before is not None:
            space = _BETWEEN[before][_CLASSES.index(kind)]
            if space > 0 or style in "DT":
                width += abs(space) / 18
        width += box.width
        before = kind
    only = boxes[0] if len(boxes) == 1 else None
    return Box(width, height or 1.0, only.kind if only else "ord", bool(only and only.limits))


def _box(node: Node, style: str) -> Box:
    if isinstance(node, Symbol):
        return _symbol(node.text, style)
    if isinstance(node, Group):
        inner = measure(node.children, style)
        return Box(inner.width, inner.height)
    if isinstance(node, Scripts):
        return _scripts(node, style)
    if isinstance(node, Fence):
        inner = measure(node.children, style)
        sides = sum(_delimiter(d, inner.height) for d in (node.left, node.right))
        return Box(inner.width + sides * _SCALE[style], inner.height + 0.1, "inner")
    if isinstance(node, Grid):
        return _grid(node, style)
    assert isinstance(node, Macro)
    return _macro(node, style)


def _symbol(token: str, style: str) -> Box:
    scale = _SCALE[style] / 1000
    name = token[1:]
    if token in _SPACES:
        return Box(_SPACES[token] / 1000, 0, "space")
    if token in _ITALIC:
        return Box(_ITALIC[token] * scale)
    if token in _BIG:
        display, text = _BIG[token]
        return Box(
            (display if style == "D" else text) * (1 if style in "DT" else 0.9) / 1000,
            1.4 if style == "D" else 1.0,
            "op",
            style == "D" and token != "\\int",
        )
    for table, kind in ((_BINARY, "bin"), (_RELATION, "rel")):
        if token in table:
            return Box(table[token] * scale, kind=kind)
    if token in _OPENING or token in _CLOSING:
        return Box(_delimiter(token, 1.0) * _SCALE[style], kind="open" if token in _OPENING else "close")
    if name in OPERATORS:
        return Box((sum(_UPRIGHT[c] for c in name) + 15) * scale, kind="op", limits=style == "D" and name in _LIMITED)
    if token in (",", ";"):
        return Box(278 * scale, kind="punct")
    if token in ("\\dots", "\\ldots", "\\cdots", "\\ddots"):
        return Box(1170 * scale, kind="inner")
    if token[0] == "\\" and token not in _ESCAPED and name not in _GREEK:
        raise LatexUnreadable(f"the command {token} is none that a formula of a sheet may use")
    return Box((_GREEK.get(name, 500) if token[0] == "\\" else {"|": 278, ".": 278}.get(token, 500)) * scale)


def _scripts(node: Scripts, style: str) -> Box:
    base = _box(node.base, style)
    down = _DOWN[style]
    scripts = [measure((s,), down) for s in (node.sub, node.sup) if s is not None]
    widest = max(s.width for s in scripts)
    if base.limits:
        return Box(max(base.width, widest), base.height + 0.85 * len(scripts), "op")
    return Box(base.width + widest + 0.05, base.height + 0.2 * len(scripts), base.kind)


def _delimiter(token: str, height: float) -> float:
    if token == ".":
        return 0.11
    if token[0] == "\\" and token not in (*_OPENING, *_CLOSING, "\\|"):
        raise LatexUnreadable(f"{token} is no delimiter that a formula of a sheet may use")
    small, tall = _DELIMITER.get(token.removeprefix("\\"), (500, 620) if "Vert" in token else (444, 750))
    share = min(max((height - 1.1) / 2.2, 0.0), 1.0)
    return (small + (tall - small) * share) / 1000


def _grid(node: Grid, style: str) -> Box:
    inner = "T" if style == "D" else style
    cells = [[measure(cell, inner) for cell in row] for row in node.rows]
    columns = max(map(len, cells))
    widths = [max((row[c].width for row in cells if c < len(row)), default=0.0) for c in range(columns)]
    height = sum(max(1.2, *(cell.height + 0.15 for cell in row)) for row in cells)
    if node.name == "cases":
        return Box(sum(widths) + columns - 1 + _delimiter("{", height) + 0.11, height, "inner")
    fences = {"bmatrix": "[]", "pmatrix": "()", "Bmatrix": "{}", "vmatrix": "||", "Vmatrix": "||"}.get(node.name, "")
    outer = 0.92 if node.name == "array" else 0.0
    return Box(
        sum(widths) + 0.92 * (columns - 1) + outer + sum(_delimiter(f, height) for f in fences),
        height,
        "inner" if fences else "ord",
    )


def _macro(node: Macro, style: str) -> Box:
    name = node.name
    if name in ("text", "textbf", "textit"):
        letters = [c.text for c in node.arguments[0].children if isinstance(c, Symbol)]
        return Box(
            sum(_UPRIGHT.get(c, 500) for c in letters) * _SCALE[style] / 1000 * (1.15 if name == "textbf" else 1)
        )
    if name in (
        "mathrm",
        "mathbf",
        "mathsf",
        "operatorname",
        "operatorname*",
        "mathbb",
        "mathcal",
        "mathit",
        "boldsymbol",
    ):
        kind = "op" if name.startswith("operatorname") else "ord"
        return Box(
            _letters(node.arguments[0], style, 1.17 if name in ("mathbf", "mathcal", "boldsymbol") else 1.0),
            kind=kind,
            limits=style == "D" and name.endswith("*"),
        )
    if name in ("frac", "dfrac", "tfrac"):
        inner = _FRACTION["D" if name == "dfrac" else "T" if name == "tfrac" else style]
        over, under = (measure(a.children, inner) for a in node.arguments)
        return Box(max(over.width, under.width) + 0.22, (over.height + under.height) * _SCALE[inner] + 0.35, "inner")
    if name in ("overset", "stackrel", "underset"):
        above, base = measure(node.arguments[0].children, _DOWN[style]), measure(node.arguments[1].children, style)
        return Box(max(above.width, base.width), base.height + 0.7, base.kind)
    inner_box = measure(
        node.arguments[-1].children, "D" if name == "boxed" else style
    )  # amsmath boxes in display style
    extra = {"sqrt": 0.84, "boxed": 0.63}.get(name, 0.0)
    return Box(
        inner_box.width + extra * _SCALE[style],
        inner_box.height + (0.3 if name in ("sqrt", "boxed") else 0.1),
        inner_box.kind if not extra else "ord",
    )


def _letters(group: Group, style: str, bold: float) -> float:
    """The width of upright letters, as in operator names and bold symbols."""
    width = 0.0
    for child in group.children:
        if isinstance(child, Symbol) and child.text in _UPRIGHT:
            width += _UPRIGHT[child.text] * bold * _SCALE[style] / 1000
        else:
            width += _box(child, style).width
    return width
