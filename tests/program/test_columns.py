"""Columns: a softmax over many short rows is made on columns, between two copies; its values are the same."""

import pytest
import torch

from scratchgrad.program.columns import slim
from scratchgrad.program.runner import Runner
from scratchgrad.program.tracing import Trace
from scratchgrad.tape import Network
from scratchgrad.train import SGD
from tests.program.close import close


def recorded(*shape):
    trace = Trace()
    x = trace.tensor("x", shape, torch.float64, "given")
    trace.record("here", lambda: x.mul(2).softmax(-1))
    return [op.name for op in slim(trace.ops)]


def test_many_short_rows_are_copied_to_columns_and_back():
    assert recorded(32, 8, 8) == ["mul", "clone", "_softmax", "clone"]


@pytest.mark.parametrize("shape", [(32, 8, 16), (7, 9, 3), (100,), (0, 8, 3)])
def test_long_rows_few_rows_and_vectors_stay(shape):
    assert recorded(*shape) == ["mul", "_softmax"]


@pytest.mark.parametrize("layer", ["softmax", "log_softmax"])
def test_a_program_of_short_rows_is_the_tape(layer):
    def network():
        net = Network(dtype=torch.float64, seed=3)
        h = net.add(layer, net.add("linear", net.input("x", (9, 4)), net.parameter("W", (5, 4)), net.parameter("b", 5)))
        net.minimize(net.add("l2_loss", net.add("mean", net.add("tanh", h)), net.parameter("goal", 5)))
        return net

    plain, net, x = network(), network(), torch.randn(20, 9, 4, dtype=torch.float64)
    runner = Runner(net, SGD(0.5))
    assert "columns" in " ".join(op.why for op in runner.program(20).plan.ops)
    for _ in range(3):
        plain.forward(x)
        plain.backward()
        close(runner.step({"x": x}, 20), plain.objective, "objective")
        plain.step(SGD(0.5))
    close(net.value("W"), plain.value("W"), "W")
