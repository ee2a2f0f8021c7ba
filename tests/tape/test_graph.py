"""The graph of a network as plain data."""

import subprocess
import sys

import pytest
import torch

from scratchgrad.lab import COURSE_NUMBERS, course_network
from scratchgrad.tape import Network


def test_the_graph_holds_the_figure():
    graph = course_network().graph()
    assert [(n.kind, n.name) for n in graph.nodes] == [
        *[("input", "x"), ("parameter", "W"), ("parameter", "b1"), ("parameter", "M"), ("parameter", "b2")],
        *[("target", "y"), ("constant", "lambda")],
        *[("operation", "linear"), ("operation", "relu"), ("operation", "linear 2")],
        *[("operation", "softmax_cross_entropy"), ("operation", "squared_norm"), ("operation", "squared_norm 2")],
        *[("operation", "add"), ("operation", "add 2")],
    ]
    assert graph.objective == "J" and graph.reduction == "mean"
    assert graph.latex("b1") == "b^{(1)}" and graph.latex("lambda") == r"\lambda" and graph.latex("s1") == "s_1"
    assert graph.shape("W") == (3, 2)
    assert graph.node("linear 2").inputs == ("h", "M", "b2")
    assert graph.layers["relu"].name == "relu"


def test_a_signal_with_two_consumers_has_two_edges_and_one_without_any_ends_nowhere():
    graph = course_network().graph()
    assert [(e.source, e.target, e.input) for e in graph.consumers("W")] == [
        ("W", "linear", "W"),
        ("W", "squared_norm", "W"),
    ]
    ends = {e.signal: (e.source, e.output) for e in graph.edges if e.target is None}
    assert ends == {"o": ("softmax_cross_entropy", "o"), "J": ("add 2", "s")}


def test_values_and_gradients_come_as_nested_lists_once_they_are_known():
    net = course_network(weight_decay=0.5)
    assert net.graph().values == {}
    assert net.graph(values=True).values["W"] == COURSE_NUMBERS["W"]
    assert "u" not in net.graph(values=True).values
    net.forward(COURSE_NUMBERS["x"], [1, 0])
    net.backward()
    graph = net.graph(values=True)
    assert graph.values["u"] == [23, -4, 26] and graph.values["lambda"] == 0.5
    assert graph.gradients["b1"] == pytest.approx([2, 0, 4])
    assert graph.gradients["lambda"] == pytest.approx(206)
    assert not graph.batched


def test_a_batch_is_said_to_be_one():
    net = Network()
    net.add("relu", net.input("u", 2))
    net.forward(torch.zeros(3, 2))
    assert net.graph(values=True).batched
    assert net.graph(values=True).values["h"] == [[0, 0]] * 3


def test_reading_a_graph_needs_neither_torch_nor_sympy():
    code = "import sys, scratchgrad.graph; print('torch' in sys.modules, 'sympy' in sys.modules)"
    shown = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True).stdout
    assert shown == "False False\n"
