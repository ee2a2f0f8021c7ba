"""A float that was read out of a tensor notes what it is compared with."""

from __future__ import annotations

import math

import numpy as np
import pytest

from scratchgrad.certification.exact.questions import Asked
from scratchgrad.certification.exact.scalar import Graph, ordered


def test_a_comparison_is_noted_and_answered() -> None:
    graph = Graph()
    asked = Asked(graph)
    x = asked.handed(2.5, graph.symbol("x"))
    assert x > 2
    assert asked.conditions == [graph.positive(graph.sub(x.node, graph.number(2)))]
    assert not x >= 3
    assert x < 3
    assert len(asked.conditions) == 2  # the same question, the other way round
    assert x == 2.5
    assert x != 0
    assert bool(x)
    assert len({x, 2.5}) == 1


def test_arithmetic_with_numbers_keeps_the_node() -> None:
    graph = Graph()
    asked = Asked(graph)
    x, y = asked.handed(3.0, graph.symbol("x")), asked.handed(-2.0, graph.symbol("y"))
    assert (2 * x + y) / 4 - 1 == 0.0
    (condition,) = asked.conditions
    assert {node.args[0] for node in ordered([condition]) if node.op == "symbol"} == {"x", "y"}
    assert abs(y) == 2.0
    assert -x == -3.0
    assert type(x + math.inf) is float
    assert type(x + np.float64(1)) is type(x)


def test_what_is_always_true_is_no_question() -> None:
    asked = Asked(Graph())
    asked.note(asked.graph.true)
    asked.of("_local_scalar_dense", [np.array(asked.graph.number(3), dtype=object)])
    assert asked.conditions == []


@pytest.mark.parametrize("operation", ["_local_scalar_dense", "is_nonzero", "nonzero"])
def test_a_number_is_asked_whether_it_is_zero(operation: str) -> None:
    graph = Graph()
    asked = Asked(graph)
    asked.of(operation, [np.array(graph.symbol("x"), dtype=object)])
    assert asked.conditions == [graph.is_zero(graph.symbol("x"))]
