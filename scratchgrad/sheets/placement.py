"""Where the boxes of a network's figure stand.

In   a Graph
Out  boxes with places in centimetres, in columns from left to right:

      row 0     the spine: the longest path to the objective, in one line
      below it  parameters, targets and constants, under the operation that takes them
      further   operations beside the spine (regularizers, their sums), each in the first row where its way is free

A parameter that several operations take stands at the first; a constant is drawn again at each.  A spine too long for
the page goes on in a second band below the first.
"""

from __future__ import annotations

import math
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field

from scratchgrad.graph import Edge, Graph, Node
from scratchgrad.sheets.width import formula_width, text_width

__all__ = ["CLEAR", "GRID", "Placed", "Placement", "approach", "place"]

GRID = 0.25  # centimetres: centres stand on it, lines run on it
CLEAR = 0.2  # centimetres between a box and a line that passes
_EM = 0.35  # the width of an em of the figure's type
_GAP = 1.1  # between columns, for an arrow and its name
_BETWEEN = 0.35  # between two satellites
_LINE_HEIGHT = 0.42
_BAND_WIDTH = 21.0


@dataclass(frozen=True)
class Placed:
    """A box at its place.  `node` is the graph's; a constant drawn again has another `key`."""

    key: str
    node: Node
    lines: tuple[str, ...]
    x: float
    y: float
    width: float
    height: float

    @property
    def outside(self) -> bool:
        """Whether this is a signal that comes from outside."""
        return self.node.kind != "operation"


@dataclass
class Placement:
    """The boxes by key, and the key of the box that feeds an edge where that is a copy."""

    boxes: dict[str, Placed]
    sources: dict[tuple[str, str | None, str | None], str] = field(default_factory=dict)

    def source(self, edge: Edge) -> Placed:
        """The box that an edge starts from."""
        return self.boxes[self.sources.get((edge.signal, edge.target, edge.input), edge.source)]


def place(graph: Graph, titles: Callable[[Node], str]) -> Placement:
    """Every box of the figure; `titles` gives an operation's words."""
    return _Placer(graph, titles).placement()


class _Placer:
    """The steps of the placement, which share the graph's relations."""

    def __init__(self, graph: Graph, titles: Callable[[Node], str]) -> None:
        self.graph = graph
        self.titles = titles
        self.operations = {node.name: node for node in graph.operations}
        self.order = {name: position for position, name in enumerate(self.operations)}
        self.takes: dict[str, list[Edge]] = {name: [] for name in self.operations}
        self.gives: dict[str, list[str]] = {name: [] for name in self.operations}
        for edge in graph.edges:
            if edge.target is not None:
                self.takes[edge.target].append(edge)
                if edge.source in self.operations:
                    self.gives[edge.source].append(edge.target)

    def placement(self) -> Placement:
        spine = self.spine()
        columns = self.columns(spine)
        satellites, sources = self.satellites(spine)
        rows = self.rows(spine, columns, satellites)
        boxes = self.coordinates(spine, columns, rows, satellites)
        return Placement(boxes, sources)

    def spine(self) -> list[str]:
        """The longest chain of operations that ends at the objective (or anywhere, where there is none)."""
        best: dict[str, list[str]] = {}
        for name in self.operations:
            before = [best[e.source] for e in self.takes[name] if e.source in self.operations]
            fed = any(self.graph.node(e.source).kind == "input" for e in self.takes[name])
            # A chain that starts at an input is the network's; one that starts at a parameter only accompanies it.
            best[name] = [*max(before, key=lambda c: (self._from_input(c), len(c)), default=[]), name]
            if fed and not self._from_input(best[name]):
                best[name] = [name]
        ends = [n.name for n in self.graph.operations if self.graph.objective in n.outputs]
        candidates = [best[name] for name in (ends or self.operations)]
        return max(candidates, key=lambda c: (self._from_input(c), len(c)), default=[])

    def _from_input(self, chain: list[str]) -> bool:
        return bool(chain) and any(self.graph.node(e.source).kind == "input" for e in self.takes[chain[0]])

    def columns(self, spine: list[str]) -> dict[str, int]:
        """The column of every operation: behind all that it takes; one fed by parameters alone stands at theirs."""
        found: dict[str, int] = {}
        for _ in range(len(self.operations) + 1):  # a column only grows, so this settles
            before = dict(found)
            for name in self.operations:
                previous = [found[e.source] + 1 for e in self.takes[name] if e.source in found]
                found[name] = max([1, *previous, self._anchor(name, spine, found)])
            if found == before:
                break
        return found

    def _anchor(self, name: str, spine: list[str], found: Mapping[str, int]) -> int:
        if name in spine:
            return 1
        shared = {e.signal for e in self.takes[name] if self.graph.node(e.source).kind == "parameter"}
        beside = [found[o] for o in spine if o in found and shared & {e.signal for e in self.takes[o]}]
        return min(beside, default=1)

    def satellites(
        self, spine: list[str]
    ) -> tuple[dict[str, list[Node]], dict[tuple[str, str | None, str | None], str]]:
        """The signals from outside that stand at each operation, and the box of every edge that a copy feeds."""
        at: dict[str, list[Node]] = {name: [] for name in self.operations}
        sources: dict[tuple[str, str | None, str | None], str] = {}
        first = spine[0] if spine else None
        for node in self.graph.nodes:
            if node.kind == "operation":
                continue
            users = [e for e in self.graph.edges if e.source == node.name and e.target is not None]
            users.sort(key=lambda e: (e.target not in spine, self.order.get(e.target or "", 0)))
            targets = list(dict.fromkeys(e.target for e in users if e.target is not None))
            if not targets:
                continue
            if node.kind == "input" and first in targets and not any(n.kind == "input" for n in at[first or ""]):
                at[targets[0]].insert(0, node)
            elif node.kind == "constant" and len(targets) > 1:
                for target in targets:
                    at[target].append(node)
                for edge in users:
                    sources[(edge.signal, edge.target, edge.input)] = f"{node.name} at {edge.target}"
            else:
                at[targets[0]].append(node)
        return at, sources

    def rows(
        self, spine: list[str], columns: Mapping[str, int], satellites: Mapping[str, list[Node]]
    ) -> dict[str, int]:
        """Row 0 for the spine; for any other operation the first row where its way to its consumer is free."""
        rows = dict.fromkeys(spine, 0)
        taken: dict[int, list[tuple[int, int]]] = {}
        others = sorted((n for n in self.operations if n not in rows), key=lambda n: (-columns[n], -self.order[n]))
        for name in others:
            start = columns[name] - (1 if _stands_beside(1, satellites[name]) else 0)
            ends = [columns[t] for t in self.gives[name]] or [columns[name]]
            end = max(min(ends) - 1, columns[name])
            row = 1
            while any(start <= b and a <= end for a, b in taken.get(row, [])):
                row += 1
            taken.setdefault(row, []).append((start, end))
            rows[name] = row
        return rows

    def _gaps(self, columns: Mapping[str, int]) -> dict[int, float]:
        """The room behind every column: enough for the longest name that an arrow from it carries."""
        gaps: dict[int, float] = {}
        for edge in self.graph.edges:
            column = columns.get(edge.source, 0)
            gaps[column] = max(gaps.get(column, _GAP), formula_width(edge.latex) * _EM + 2 * CLEAR)
        return gaps

    def coordinates(
        self,
        spine: list[str],
        columns: Mapping[str, int],
        rows: Mapping[str, int],
        satellites: Mapping[str, list[Node]],
    ) -> dict[str, Placed]:
        start = self._start(spine, satellites)
        sizes = {n.name: _size(self._lines(n)) for n in self.graph.nodes}
        under: dict[str, list[Node]] = {}
        widths: dict[int, float] = {0: sizes[start.name][0] if start else 0.0}
        for name in self.operations:
            mine = [n for n in satellites[name] if n is not start]
            under[name] = [] if _stands_beside(rows[name], satellites[name]) else mine
            across = [sizes[n.name][0] for n in under[name]]
            row = sum(across) + _BETWEEN * (len(across) - 1)
            if len(across) > 1:  # so wide that every satellite has the operation straight above it
                span = row - (across[0] + across[-1]) / 2 + 0.8
                sizes[name] = (max(sizes[name][0], span), sizes[name][1])
            widths[columns[name]] = max(widths.get(columns[name], 0.0), sizes[name][0], row)
        levels, downs, depth = self._levels(rows, sizes, under)
        centre: dict[int, tuple[float, float]] = {}
        gaps = self._gaps(columns)
        for number, band in enumerate(_bands(widths, gaps)):
            x = 0.0
            for column in band:
                centre[column] = (_snap(x + widths[column] / 2), _snap(-number * depth))
                x = centre[column][0] + widths[column] / 2 + gaps.get(column, _GAP)
        boxes: dict[str, Placed] = {}

        def put(key: str, node: Node, x: float, y: float) -> None:
            boxes[key] = Placed(key, node, self._lines(node), _snap(x), _snap(y), *sizes[node.name])

        if start is not None:
            put(start.name, start, *centre[0])
        for name, node in self.operations.items():
            x, top = centre[columns[name]]
            y = top - levels[rows[name]]
            put(name, node, x, y)
            left = x - (sum(sizes[n.name][0] for n in under[name]) + _BETWEEN * (len(under[name]) - 1)) / 2
            for satellite in under[name]:
                width = sizes[satellite.name][0]
                put(self._key(satellite, name), satellite, left + width / 2, y - downs[rows[name]])
                left += width + _BETWEEN
            if _stands_beside(rows[name], satellites[name]):
                (satellite,) = satellites[name]
                edge = x - sizes[name][0] / 2 - 0.6
                put(self._key(satellite, name), satellite, edge - sizes[satellite.name][0] / 2, y)
        return boxes

    def _levels(
        self, rows: Mapping[str, int], sizes: Mapping[str, tuple[float, float]], under: Mapping[str, list[Node]]
    ) -> tuple[list[float], list[float], float]:
        """How far below the spine each row stands, how far below it its satellites, how deep all are together.

        Between any two there is room for a straight arrow.
        """
        levels, downs, y, room = [0.0], list[float](), 0.0, 0.0
        for row in range(max(rows.values(), default=0) + 1):
            mine = [n for n in rows if rows[n] == row]
            operation = max((approach(sizes[n][1]) for n in mine), default=0.0)
            satellite = max((approach(sizes[n.name][1]) for m in mine for n in under[m]), default=0.0)
            if row:
                y += room + operation
                levels.append(y)
            downs.append(operation + satellite)
            room = operation + 2 * satellite
        return levels, downs, y + room + 1.5

    def _start(self, spine: list[str], satellites: Mapping[str, list[Node]]) -> Node | None:
        first = satellites[spine[0]] if spine else []
        return first[0] if first and first[0].kind == "input" else None

    def _key(self, node: Node, operation: str) -> str:
        users = {e.target for e in self.graph.edges if e.source == node.name}
        return f"{node.name} at {operation}" if node.kind == "constant" and len(users) > 1 else node.name

    def _lines(self, node: Node) -> tuple[str, ...]:
        if node.kind != "operation":
            return (f"${node.latex or node.name}$",)
        return _balanced(self.titles(node))


def _stands_beside(row: int, satellites: list[Node]) -> bool:
    """Off the spine, a single signal from outside stands left of its operation."""
    return row > 0 and len(satellites) == 1


def _balanced(words: str) -> tuple[str, ...]:
    """A long title in two lines of about one length."""
    parts = words.split()
    if len(words) <= 13 or len(parts) < 2:
        return (words,)
    cuts = [(" ".join(parts[:n]), " ".join(parts[n:])) for n in range(1, len(parts))]
    return min(cuts, key=lambda cut: max(map(len, cut)))


def approach(length: float) -> float:
    """How far from a box's centre a line turns towards it, for a box of this height or width."""
    return (int((length / 2 + CLEAR) // GRID) + 1) * GRID


def _size(lines: tuple[str, ...]) -> tuple[float, float]:
    width = max(text_width(line) for line in lines) * _EM + 0.42
    return max(width, 0.7), _LINE_HEIGHT * len(lines) + 0.3


def _snap(value: float) -> float:
    return round(value / GRID) * GRID


def _bands(widths: Mapping[int, float], gaps: Mapping[int, float]) -> list[list[int]]:
    """The columns in bands that are no wider than the page allows, all of about one length."""
    order = sorted(widths)
    total = sum(widths[c] + gaps.get(c, _GAP) for c in order)
    count = max(1, math.ceil(total / _BAND_WIDTH))
    length = math.ceil(len(order) / count)
    return [order[n : n + length] for n in range(0, len(order), length)]
