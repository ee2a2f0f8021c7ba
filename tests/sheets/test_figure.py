import re

import pytest
from hypothesis import given, settings

from scratchgrad.gradients import derive
from scratchgrad.sheets.blocks import Figure
from scratchgrad.sheets.drawing import Box, Circle, Label, Path
from scratchgrad.sheets.layer_sheet import layer_sheet
from scratchgrad.sheets.network_figure import network_drawing, network_figure
from scratchgrad.sheets.svg import to_svg
from scratchgrad.sheets.tikz import to_tikz
from tests.sheets.graphs import lab, networks


def crosses(path: Path, box: Box) -> bool:
    """Whether a line runs through the inside of a box."""
    x, y = box.centre
    left, right, bottom, top = x - box.width / 2, x + box.width / 2, y - box.height / 2, y + box.height / 2
    inside = 0.02
    for (a, b), (c, d) in zip(path.points, path.points[1:], strict=False):
        wide = min(a, c) < right - inside and max(a, c) > left + inside
        if wide and min(b, d) < top - inside and max(b, d) > bottom + inside:
            return True
    return False


def on_rim(point, box: Box) -> bool:
    dx, dy = abs(point[0] - box.centre[0]), abs(point[1] - box.centre[1])
    return max(dx - box.width / 2, dy - box.height / 2) == pytest.approx(0, abs=1e-6)


def parts(drawing, kind):
    return [p for p in drawing.parts if isinstance(p, kind)]


@settings(max_examples=20)
@given(networks())
def test_no_line_of_any_network_runs_through_a_box(graph):
    drawing = network_drawing(graph)
    for path in parts(drawing, Path):
        for box in parts(drawing, Box):
            assert not crosses(path, box), f"{path.points} runs through {box.lines}"


@settings(max_examples=20)
@given(networks())
def test_no_two_boxes_of_any_network_touch(graph):
    boxes = parts(network_drawing(graph), Box)
    for n, one in enumerate(boxes):
        for other in boxes[n + 1 :]:
            apart = abs(one.centre[0] - other.centre[0]) >= (one.width + other.width) / 2
            below = abs(one.centre[1] - other.centre[1]) >= (one.height + other.height) / 2
            assert apart or below, f"{one.lines} and {other.lines}"


@settings(max_examples=20)
@given(networks())
def test_every_use_of_a_signal_is_an_arrow_that_ends_at_its_operation(graph):
    drawing = network_drawing(graph)
    used = [e for e in graph.edges if e.target is not None]
    open_ends = [e for e in graph.edges if e.target is None and e.output is not None]
    assert len(parts(drawing, Path)) == len(used) + len(open_ends)
    operations = [b for b in parts(drawing, Box) if not b.rounded]
    ends = [p.points[-1] for p in parts(drawing, Path)]
    assert sum(any(on_rim(end, box) for box in operations) for end in ends) >= len(used)


def test_the_lab_s_spine_is_one_straight_line_and_weights_stand_under_their_layer():
    drawing = network_drawing(lab())
    boxes = {box.lines[0]: box.centre for box in reversed(parts(drawing, Box))}
    assert {boxes[title][1] for title in ("$x$", "Linear", "ReLU", "Softmax with")} == {0.0}
    assert boxes["$W$"][1] < 0 and abs(boxes["$W$"][0] - boxes["Linear"][0]) < 1
    straight = [p for p in parts(drawing, Path) if len(p.points) == 2]
    assert len(straight) >= len(parts(drawing, Path)) - 2


def test_every_signal_that_an_operation_gives_is_named_once():
    labels = [p.latex for p in parts(network_drawing(lab()), Label)]
    assert sorted(labels) == sorted(["u", "h", "v", "o", "L", "s_{1}", "s_{2}", "s", "J"])


def test_the_figure_says_where_parallel_paths_start_and_what_it_shows():
    figure = network_figure(lab())
    assert "Parallel paths start at $W$ and $M$." in figure.caption
    assert "Softmax with cross-entropy takes v, y and gives o, L." in figure.description


def test_TikZ_and_SVG_draw_the_same_boxes():
    drawing = network_drawing(lab())
    tikz, svg = to_tikz(drawing, 16), to_svg(drawing, "t", "d")
    assert tikz.count(r"\node[box") == svg.count('class="box"') == 8
    assert tikz.count(r"\draw[line, ->]") == len(re.findall(r"marker-end", svg))


@pytest.mark.parametrize("layer", ["linear", "relu"])
def test_a_layer_s_element_graph_shows_the_chosen_element_s_way(layer):

    (figure,) = [b for b in layer_sheet(derive(layer)).blocks if isinstance(b, Figure)]
    strong = [p for p in parts(figure.drawing, Path) if p.strong]
    assert len(strong) == 2
    assert [c.latex for c in parts(figure.drawing, Circle)][-1] == "J"


def test_the_chosen_element_is_drawn_even_where_it_is_only_added():
    (figure,) = [b for b in layer_sheet(derive("residual_scale")).blocks if isinstance(b, Figure)]
    circles = [part.latex for part in figure.drawing.parts if isinstance(part, Circle)]
    assert {"x_{1}", "x_{2}", "x_{3}", "f_{1}"} <= set(circles)


@pytest.mark.parametrize("layer", ["softmax", "hadamard", "logsumexp"])
def test_an_element_with_a_circle_acts_along_its_own_lines_alone(layer):
    (figure,) = [b for b in layer_sheet(derive(layer)).blocks if isinstance(b, Figure)]
    parts = figure.drawing.parts
    (chosen,) = [p.centre for p in parts if isinstance(p, Circle) and p.strong]
    first = [p.points[0] for p in parts if isinstance(p, Path) and p.strong and p.points[0][0] < 1]
    assert first and all(abs(x - chosen[0]) + abs(y - chosen[1]) < 0.5 for x, y in first)
    assert not [p for p in parts if isinstance(p, Label)]
