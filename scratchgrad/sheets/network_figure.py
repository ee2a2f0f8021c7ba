"""The figure of a network: inputs in rounded boxes, operations in boxes, signals as named arrows."""

from __future__ import annotations

from collections.abc import Iterable, Sequence

from scratchgrad.graph import Edge, Graph, Node
from scratchgrad.sheets.blocks import Figure
from scratchgrad.sheets.drawing import Box, Dot, Drawing, Label, Part, Path, Point
from scratchgrad.sheets.gradient_section import listed
from scratchgrad.sheets.placement import GRID, Placed, Placement, place
from scratchgrad.sheets.routing import Route, Router
from scratchgrad.sheets.titles import layer_title
from scratchgrad.sheets.width import formula_width

__all__ = ["network_drawing", "network_figure"]

_EM = 0.35
_STUB = 0.95


def network_figure(graph: Graph) -> Figure:
    """The figure with its caption and its description in words."""
    parameters = [n for n in graph.nodes if n.kind == "parameter"]
    shared = [f"${n.latex}$" for n in parameters if len(graph.consumers(n.name)) > 1]
    caption = "The network: rounded boxes are signals from outside, boxes are operations, arrows are named signals."
    if shared:
        caption += f" Parallel paths start at {listed(shared)}."
    sentences = [
        f"{_title(graph, node)} takes {', '.join(node.inputs)} and gives {', '.join(node.outputs)}."
        for node in graph.operations
    ]
    return Figure(network_drawing(graph), caption, " ".join(sentences))


def network_drawing(graph: Graph) -> Drawing:
    """The drawing: boxes, arrows that avoid them, dots where a signal branches, a name on every signal."""
    placement = place(graph, lambda node: _title(graph, node))
    routes = _routes(graph, placement)
    boxes = list(placement.boxes.values())
    parts: list[Part] = [Path(route.points) for route, _ in routes]
    parts += [Dot(route.branch) for route, _ in routes if route.branch is not None]
    parts += [Box((b.x, b.y), b.width, b.height, b.lines, rounded=b.outside) for b in boxes]
    parts += _labels(graph, routes, boxes)
    return Drawing(tuple(parts))


def _title(graph: Graph, node: Node) -> str:
    layer = graph.layers.get(node.layer or "")
    return layer_title(layer) if layer is not None else (node.layer or node.name).replace("_", " ")


def _routes(graph: Graph, placement: Placement) -> list[tuple[Route, Edge]]:
    """Every edge routed: what can go straight first, then what is near, then what is far."""
    router = Router(placement.boxes.values())

    def order(edge: Edge) -> tuple[bool, float]:
        source, target = placement.source(edge), placement.boxes[edge.target or edge.source]
        across, down = abs(source.x - target.x), abs(source.y - target.y)
        straight = down < GRID or (source.outside and across <= target.width / 2)
        return (not straight, across + down)

    found: list[tuple[Route, Edge]] = []
    dangling = [e for e in graph.edges if e.target is None and e.source in placement.boxes]
    for edge in dangling:
        if edge.signal == graph.objective:
            length = max(_STUB, _label_width(edge) + 0.3)
            found.append((router.stub(edge.signal, placement.source(edge), (1, 0), length), edge))
    for edge in sorted((e for e in graph.edges if e.target is not None), key=order):
        source = placement.source(edge)
        signal = source.key if source.outside else edge.signal
        found.append((router.route(signal, source, placement.boxes[edge.target or ""]), edge))
    for edge in dangling:
        if edge.signal != graph.objective:
            # Where another output goes on to the right, this one points upwards.
            source = placement.source(edge)
            alone = not any(graph.consumers(o) for o in source.node.outputs)
            found.append((router.stub(edge.signal, source, *(((1, 0), 0.75) if alone else ((0, 1), 0.7))), edge))
    return found


def _labels(graph: Graph, routes: Sequence[tuple[Route, Edge]], boxes: Iterable[Placed]) -> list[Part]:
    """A name on every signal that an operation gives, once, where nothing else is."""
    areas = [(b.x - b.width / 2, b.y - b.height / 2, b.x + b.width / 2, b.y + b.height / 2) for b in boxes]
    pieces = [(p, q) for route, _ in routes for p, q in zip(route.points, route.points[1:], strict=False)]
    found: list[Part] = []
    named: set[str] = set()
    for route, edge in routes:
        if edge.output is None or edge.signal in named:
            continue
        named.add(edge.signal)
        width = _label_width(edge)
        height = 0.36
        options = list(_options(route, width, height))
        free = [at for at in options if not _hits(_area(at, width, height), areas, pieces)]
        at = (free or options)[0]
        areas.append(_area(at, width, height))
        found.append(Label(at, edge.latex, width=width, height=height))
    return found


def _label_width(edge: Edge) -> float:
    return formula_width(edge.latex, "T") * _EM + 0.08


def _options(route: Route, width: float, height: float) -> Iterable[Point]:
    """Places beside a line, from its beginning on: above what runs across, right of what runs up or down."""
    for (x, y), (u, v) in zip(route.points, route.points[1:], strict=False):
        if abs(y - v) < 1e-6 and abs(u - x) > 0.4:
            middle = (x + u) / 2 if abs(u - x) < 2.2 else x + (0.8 if u > x else -0.8)
            yield (middle, y + 0.13 + height / 2)
            yield (middle, y - 0.13 - height / 2)
        elif abs(x - u) < 1e-6 and abs(v - y) > 0.4:
            middle = (y + v) / 2
            yield (x + 0.1 + width / 2, middle)
            yield (x - 0.1 - width / 2, middle)
    (x, y), (u, v) = route.points[0], route.points[1]
    yield ((x + u) / 2, (y + v) / 2 + 0.1 + height / 2)


def _area(at: Point, width: float, height: float) -> tuple[float, float, float, float]:
    return (at[0] - width / 2, at[1] - height / 2, at[0] + width / 2, at[1] + height / 2)


def _hits(
    area: tuple[float, float, float, float],
    areas: Iterable[tuple[float, float, float, float]],
    pieces: Iterable[tuple[Point, Point]],
) -> bool:
    left, bottom, right, top = area
    if any(left < r and l < right and bottom < t and b < top for l, b, r, t in areas):  # noqa: E741  # left
        return True
    for (x, y), (u, v) in pieces:
        if min(x, u) < right and max(x, u) > left and min(y, v) < top and max(y, v) > bottom:
            return True
    return False
