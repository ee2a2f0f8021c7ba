r"""Long formulae cut into lines that fit.

In   J = a + b + ... + z, wider than the page
Out  J = a + b + ... + m
       + n + ... + z

A line ends, best first: before a relation (which then stands below the other relations), after a comma, before a
top-level + or -, between two factors (a dot is put there), and inside a fence.  Where no cut helps, the line is scaled
down, and says so.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass, replace
from itertools import accumulate, pairwise

from scratchgrad.sheets.blocks import Display, Row
from scratchgrad.sheets.latex import Fence, Grid, Group, Macro, Node, Scripts, Symbol, parse
from scratchgrad.sheets.width import formula_width

__all__ = ["Line", "lines"]

RELATIONS = (
    "=",
    "<",
    ">",
    "\\le",
    "\\ge",
    "\\leq",
    "\\geq",
    "\\ne",
    "\\approx",
    "\\equiv",
    "\\Longrightarrow",
    "\\Rightarrow",
    "\\to",
    "\\in",
)
SIGNS = ("+", "-", "\\pm", "\\odot")
_WIDE = {"\\qquad": 0.2, "\\quad": 0.5, "\\;": 1.5}  # what a line costs that ends at such a space, behind a comma
SPACES = ("\\,", "\\:", "\\;", "\\!", "\\quad", "\\qquad", "\\ ", "~")
_INDENT = 2.0  # em, of a line that continues another
_RELATION = 1.4  # a relation with its spaces


@dataclass(frozen=True)
class Line:
    """One line as it is set; a continued one is indented behind the relations.  `scale` < 1 shrinks the right side."""

    left: str
    relation: str
    right: str
    reason: str = ""
    boxed: bool = False
    continued: bool = False
    scale: float = 1.0


@dataclass(frozen=True)
class _Cut:
    """A place where a line may end: it ends before `end`, the next starts at `start` with `opening`."""

    end: int
    start: int
    cost: float
    opening: str = ""
    relation: str = ""
    fences: tuple[Fence, ...] = ()


def lines(display: Display, width: float) -> list[Line]:
    """The lines of a display on a page `width` em wide.  The last line of a row carries its reason."""
    lefts = [formula_width(row.left) if row.left else 0.0 for row in display.rows]
    for relation in {row.relation for row in display.rows}:
        formula_width(relation)  # which refuses what is no formula
    fitting = [w for w in lefts if w <= 0.4 * width]
    column = max(fitting, default=0.0)
    found: list[Line] = []
    for row, left in zip(display.rows, lefts, strict=True):
        alone = left > column
        if alone:
            shrunk = min(1.0, width / left)
            found.append(Line("", "", row.left, scale=shrunk))
        found += _row(row, "" if alone else row.left, width - column - _RELATION)
    return found


def _row(row: Row, left: str, room: float) -> Iterator[Line]:
    room -= 0.7 if row.boxed else 0.0
    pieces = _pieces(row.right, room)
    if row.boxed and len(pieces) > 1 and not any(cut.relation for cut, _ in pieces):
        yield _boxed(row, left, [text for _, text in pieces], room)
        return
    for number, (cut, text) in enumerate(pieces):
        continued = number > 0 and not cut.relation
        here = room - (_INDENT if continued else 0.0)
        width = formula_width(text)
        last = number == len(pieces) - 1
        yield Line(
            left if number == 0 else "",
            (row.relation if number == 0 else cut.relation),
            text,
            row.reason if last else "",
            row.boxed and last,
            continued,
            1.0 if width <= here else max(here / width, 0.2),
        )


def _boxed(row: Row, left: str, parts: Sequence[str], room: float) -> Line:
    """Several lines in one box."""
    right = "\\begin{aligned} & " + " \\\\ & \\qquad ".join(parts) + " \\end{aligned}"
    return Line(left, row.relation, right, row.reason, True, False, max(min(1.0, room / formula_width(right)), 0.2))


def _pieces(latex: str, room: float) -> list[tuple[_Cut, str]]:
    """The formula cut at the cheapest places such that every piece fits, each with the cut before it."""
    begin = _Cut(0, 0, 0.0)
    if formula_width(latex) <= room:
        return [(begin, latex)]
    nodes = parse(latex)
    final = _Cut(len(latex), len(latex), 0.0)
    cuts = [begin, *sorted(_cuts(latex, nodes, ()), key=lambda c: c.end), final]
    # A line is as wide as its first part, as a line begins, and its other parts, as they stand in the formula.
    firsts = [formula_width(_between(latex, a, b)) for a, b in pairwise(cuts)]
    others = [
        0.0,
        *accumulate(
            formula_width(_between(latex, replace(a, start=a.end, opening="{} "), b)) for a, b in pairwise(cuts)
        ),
    ]
    best: list[tuple[float, int]] = [(0.0, -1)] + [(float("inf"), -1)] * (len(cuts) - 1)
    for stop in range(1, len(cuts)):
        for start in range(stop - 1, -1, -1):
            width = firsts[start] + others[stop] - others[start + 1]
            here = room - (_INDENT if start and not cuts[start].relation else 0.0)
            excess = max(width / here - 1.0, 0.0)
            # A line that does not fit costs more than any cut; a short last line costs a little.
            loose = 100.0 + 100.0 * excess if excess else 0.3 * (1.0 - width / here) ** 2
            cost = best[start][0] + cuts[start].cost + loose + 1.0
            if cost < best[stop][0]:
                best[stop] = (cost, start)
            if excess > 1.5:
                break
    found: list[tuple[_Cut, str]] = []
    stop = len(cuts) - 1
    while stop > 0:
        start = best[stop][1]
        found.append((cuts[start], _between(latex, cuts[start], cuts[stop])))
        stop = start
    return found[::-1]


def _between(latex: str, start: _Cut, stop: _Cut) -> str:
    """The text of a line, fences that begin before or end behind it completed by empty delimiters."""
    opened = "\\left. " * len(start.fences)
    closed = " \\right." * len(stop.fences)
    return f"{opened}{start.opening}{latex[start.start : stop.end].strip()}{closed}"


def _cuts(latex: str, nodes: Sequence[Node], fences: tuple[Fence, ...]) -> Iterator[_Cut]:
    """The places where a line may end, in this row of nodes and in the fences inside it."""
    deeper = sum(12.0 if fence.left == "[" else 5.0 for fence in fences)  # a condition stays whole
    depth = 0
    comma_seen = False
    for position, node in enumerate(nodes):
        token = node.text if isinstance(node, Symbol) else ""
        before = _before(nodes, position)
        inside = deeper + (4.0 if depth else 0.0)
        if token in ("(", "[", "\\{"):
            depth += 1
        elif token in (")", "]", "\\}"):
            depth = max(depth - 1, 0)
        elif before is None:
            pass
        elif token in RELATIONS and not depth and not fences:
            aligned = not comma_seen
            start = node.end if aligned else node.start
            yield _Cut(before.end, start, 0.0 if aligned else 3.0, relation=token if aligned else "")
        elif token in SIGNS and not _is(before, (*SIGNS, *RELATIONS, "(", "[", ",")):
            yield _Cut(before.end, node.start, 1.0 + inside, opening="{} ", fences=fences)
        elif token == "," and not depth and not fences:
            comma_seen = True
            after = next((n for n in nodes[position + 1 :] if not _is(n, SPACES)), None)
            if after is not None:
                # What follows a wide space is a formula of its own; 1, \dots, n is one.
                between = [n for n in nodes[position + 1 : nodes.index(after)] if isinstance(n, Symbol)]
                yield _Cut(node.end, after.start, min((_WIDE[n.text] for n in between if n.text in _WIDE), default=4.0))
        elif not depth and _is_factor(node) and _ends_factor(before) and not _is(nodes[position - 1], ("\\!",)):
            yield _Cut(before.end, node.start, 4.5 + inside, opening="{}\\cdot ", fences=fences)
        if isinstance(node, Fence):
            yield from _cuts(latex, node.children, (*fences, node))


def _before(nodes: Sequence[Node], position: int) -> Node | None:
    """The node before this one, spaces left out."""
    return next((n for n in reversed(nodes[:position]) if not _is(n, SPACES)), None)


def _is(node: Node, tokens: Sequence[str]) -> bool:
    return isinstance(node, Symbol) and node.text in tokens


def _core(node: Node) -> Node:
    return _core(node.base) if isinstance(node, Scripts) else node


def _is_factor(node: Node) -> bool:
    """Whether a line may start with this node as a further factor."""
    core = _core(node)
    if isinstance(core, (Fence, Grid)) or _is(core, ("\\sum", "\\prod")):
        return True
    return (isinstance(core, Macro) and core.name in ("frac", "dfrac", "mathbf", "hat")) or (
        isinstance(node, Scripts) and not isinstance(core, Group)
    )


def _ends_factor(node: Node) -> bool:
    """Whether a factor ends with this node (a function's name, a sum sign or an operator does not end one)."""
    core = _core(node)
    if isinstance(core, (Fence, Grid)):
        return True
    if isinstance(core, Macro):
        return not core.name.startswith("operatorname")
    if not isinstance(core, Symbol):
        return False
    return core.text == "\\delta" or (len(core.text) == 1 and (core.text.isalnum() or core.text in (")", "]")))
