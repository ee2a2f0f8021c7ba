"""Lines between boxes: along a grid, never through a box, with few corners and crossings.

In   boxes, and for each line its signal, its start and its end
Out  for each line the points at which it turns; lines of one signal share their beginning and branch at a dot

Each line is the cheapest way through the grid (Dijkstra's algorithm with the distance as a bound, A*): a step costs 1,
a corner 3, crossing another line 5; running along another signal's line is forbidden.
"""

from __future__ import annotations

import heapq
from collections.abc import Iterable, Iterator
from dataclasses import dataclass, field

from scratchgrad.sheets.drawing import Point
from scratchgrad.sheets.placement import CLEAR, GRID, Placed, approach

__all__ = ["Route", "Router"]

Cell = tuple[int, int]
Step = tuple[int, int]

_STEPS: tuple[Step, ...] = ((1, 0), (-1, 0), (0, 1), (0, -1))
_CORNER, _CROSSING, _NEAR, _CROWDED = 3.0, 5.0, 0.6, 30.0
_MARGIN = 6  # cells around everything


@dataclass(frozen=True)
class Route:
    """A routed line: its corners from start to end, and the place where it leaves an earlier line of its signal."""

    signal: str
    points: tuple[Point, ...]
    branch: Point | None = None


@dataclass(frozen=True)
class _Port:
    """A place on a box's side: the point on the rim, the cell outside it, the direction outwards, what it costs."""

    rim: Point
    cell: Cell
    out: Step
    cost: float


_State = tuple[Cell, Step | None]


@dataclass
class Router:
    """The grid, what stands on it, and the lines that were laid so far."""

    boxes: Iterable[Placed]
    blocked: set[Cell] = field(default_factory=set)
    laid: dict[Cell, dict[str, set[Step]]] = field(default_factory=dict)
    _bounds: tuple[int, int, int, int] = (0, 0, 0, 0)

    def __post_init__(self) -> None:
        """Block every cell that a box covers, with a little room around it."""
        cells: list[Cell] = []
        for box in self.boxes:
            covered = list(_covered(box))
            self.blocked.update(covered)
            cells += covered
        xs, ys = [c[0] for c in cells] or [0], [c[1] for c in cells] or [0]
        self._bounds = (min(xs) - _MARGIN, min(ys) - _MARGIN, max(xs) + _MARGIN, max(ys) + _MARGIN)

    def route(self, signal: str, source: Placed, target: Placed) -> Route:
        """Lay the line of `signal` from one box to another; where it is very crowded, along other lines."""
        for crowded in (False, True):
            found = self._search(signal, source, target, crowded=crowded)
            if found is not None:
                return found
        return Route(signal, ((source.x, source.y), (target.x, target.y)))  # boxes walled in on all sides

    def _search(self, signal: str, source: Placed, target: Placed, *, crowded: bool) -> Route | None:
        ends = {p.cell: p for p in sorted(_ports(target, into=True, other=source), key=lambda p: -p.cost)}
        xs, ys = [c[0] for c in ends], [c[1] for c in ends]
        left, right, bottom, top = min(xs), max(xs), min(ys), max(ys)
        queue: list[tuple[float, float, Cell, Step | None]] = []
        cost: dict[_State, float] = {}
        came: dict[_State, _State | _Port | None] = {}

        def offer(cell: Cell, step: Step | None, value: float, origin: _State | _Port | None) -> None:
            state = (cell, step)
            if value < cost.get(state, float("inf")):
                cost[state] = value
                came[state] = origin
                bound = max(left - cell[0], cell[0] - right, 0) + max(bottom - cell[1], cell[1] - top, 0)
                heapq.heappush(queue, (value + bound, value, cell, step))

        own = [c for c, lines in self.laid.items() if signal in lines]
        for cell in own:
            offer(cell, None, 1.5, None)
        if not own or source.outside:  # a box that is its signal may be left on several sides
            for port in _ports(source, into=False, other=target):
                if self._free(port.cell, signal, port.out) or (crowded and port.cell not in self.blocked):
                    offer(port.cell, port.out, port.cost, port)
        best: tuple[float, _State, _Port] | None = None
        while queue:
            bound, value, cell, step = heapq.heappop(queue)
            if best is not None and bound >= best[0]:
                break
            if value > cost[(cell, step)]:
                continue
            occupied = not crowded and self._occupied(cell, signal)
            end = ends.get(cell)
            if end is not None and step is not None and step != end.out and not occupied:
                turn = 0.0 if step == (-end.out[0], -end.out[1]) else _CORNER
                total = value + turn + end.cost
                if best is None or total < best[0]:
                    best = (total, (cell, step), end)
            for new in _STEPS:
                if step is not None and new == (-step[0], -step[1]):
                    continue
                there = (cell[0] + new[0], cell[1] + new[1])
                extra = self._price(there, new, signal, crowded=crowded)
                if extra is None:
                    continue
                corner = 0.0 if step is None or new == step else _CORNER
                if corner and occupied:
                    continue  # no corner on another signal's line
                offer(there, new, value + 1.0 + extra + corner, (cell, step))
        return None if best is None else self._lay(signal, best[1], best[2], came)

    def stub(self, signal: str, source: Placed, step: Step, length: float) -> Route:
        """Lay a short line out of a box, for a signal that nobody takes."""
        ports = [
            p for p in _ports(source, into=False, other=None) if p.out == step and self._free(p.cell, signal, step)
        ]
        port = min(ports, key=lambda p: p.cost, default=None)
        rim = port.rim if port else (source.x + step[0] * source.width / 2, source.y + step[1] * source.height / 2)
        end = (rim[0] + step[0] * length, rim[1] + step[1] * length)
        if port:
            cell = port.cell
            while (cell[0] * GRID - end[0]) * step[0] + (cell[1] * GRID - end[1]) * step[1] <= 0:
                self.laid.setdefault(cell, {}).setdefault(signal, set()).add(step)
                cell = (cell[0] + step[0], cell[1] + step[1])
        return Route(signal, (rim, end))

    def _price(self, cell: Cell, step: Step, signal: str, *, crowded: bool = False) -> float | None:
        """What stepping onto a cell costs beyond the step; None where it is forbidden."""
        left, bottom, right, top = self._bounds
        if cell in self.blocked or not (left <= cell[0] <= right and bottom <= cell[1] <= top):
            return None
        price = 0.0
        for other, steps in self.laid.get(cell, {}).items():
            along = any(s[0] * step[0] + s[1] * step[1] for s in steps) or len({abs(s[0]) for s in steps}) > 1
            if other == signal or along:
                # Back onto its own line, where it could have branched; along another line, or over its corner.
                if not crowded:
                    return None
                price += _CROWDED
            price += _CROSSING
        side = (step[1], step[0])
        for sign in (1, -1):
            beside = self.laid.get((cell[0] + sign * side[0], cell[1] + sign * side[1]), {})
            price += _NEAR * sum(other != signal for other in beside)
        return price

    def _free(self, cell: Cell, signal: str, step: Step) -> bool:
        return self._price(cell, step, signal) is not None and not self._occupied(cell, signal)

    def _occupied(self, cell: Cell, signal: str) -> bool:
        return any(other != signal for other in self.laid.get(cell, {}))

    def _lay(
        self,
        signal: str,
        state: _State,
        end: _Port,
        came: dict[_State, _State | _Port | None],
    ) -> Route:
        cells: list[_State] = []
        start: _Port | None = None
        at: _State | None = state
        while at is not None:
            cells.append(at)
            origin = came[at]
            if isinstance(origin, _Port):
                start, at = origin, None
            else:
                at = origin
        cells.reverse()
        inwards = (-end.out[0], -end.out[1])
        steps = [step for _, step in cells[1:]] + [inwards]
        for (cell, arrived), leaving in zip(cells, steps, strict=True):
            mine = self.laid.setdefault(cell, {}).setdefault(signal, set())
            mine.update(s for s in (arrived, leaving) if s is not None)
        points: list[Point] = [start.rim] if start else []
        points += [(c[0] * GRID, c[1] * GRID) for c, _ in cells]
        points.append(end.rim)
        branch = None if start else points[0]
        return Route(signal, tuple(_corners(points)), branch)


def _covered(box: Placed) -> Iterator[Cell]:
    left, right = box.x - box.width / 2 - CLEAR, box.x + box.width / 2 + CLEAR
    bottom, top = box.y - box.height / 2 - CLEAR, box.y + box.height / 2 + CLEAR
    for i in range(int(left // GRID), int(right // GRID) + 2):
        for j in range(int(bottom // GRID), int(top // GRID) + 2):
            if left < i * GRID < right and bottom < j * GRID < top:
                yield (i, j)


def _ports(box: Placed, *, into: bool, other: Placed | None) -> Iterator[_Port]:
    """The places at which a line may begin or end; the natural ones cost least."""
    i, j = round(box.x / GRID), round(box.y / GRID)
    across, down = round(approach(box.width) / GRID), round(approach(box.height) / GRID)
    # Operations are entered from the left and left to the right; signals from outside come from wherever they stand.
    beside = other is not None and abs(other.y - box.y) < GRID
    facing = box.outside or (other is not None and other.outside)
    right = 0.0 if not into and not box.outside else 4.0 if beside or not into else 9.0
    left = 0.0 if into and (not facing or beside) else 4.0 if into else 9.0
    if box.outside and beside:
        right = 0.0
    yield _Port((box.x + box.width / 2, box.y), (i + across, j), (1, 0), right)
    yield _Port((box.x - box.width / 2, box.y), (i - across, j), (-1, 0), left)
    reach = max(int((box.width / 2 - 0.2) // GRID), 0)
    for offset in range(-reach, reach + 1):
        if box.outside and offset:
            continue
        for sign in (1, -1):
            towards = other is not None and (other.y - box.y) * sign > 0
            price = (0.0 if facing and towards else 3.0 if into else 7.0) + 0.4 * abs(offset)
            rim = ((i + offset) * GRID, box.y + sign * box.height / 2)
            yield _Port(rim, (i + offset, j + sign * down), (0, sign), price)


def _corners(points: list[Point]) -> Iterator[Point]:
    """The points without those on a straight line between their neighbours."""
    yield points[0]
    for before, here, after in zip(points, points[1:], points[2:], strict=False):
        dx, dy = here[0] - before[0], here[1] - before[1]
        ex, ey = after[0] - here[0], after[1] - here[1]
        if abs(dx * ey - dy * ex) > 1e-9:
            yield here
    yield points[-1]
