"""On a CUDA device the program goes the way of the tape on the processor; without one that is said.

When a graph is captured, and when replayed, is tested on the processor, too, with a graph that only counts.
"""

import contextlib

import pytest
import torch

from scratchgrad.lab import lab_network
from scratchgrad.program import Runner
from scratchgrad.program.cuda import CudaProgram, NotCaptured
from scratchgrad.train import SGD, Adam, one_hot

# TRUST: devices
gpu = pytest.mark.skipif(not torch.cuda.is_available(), reason="torch sees no CUDA device here")


def test_a_device_that_is_not_there_is_refused(monkeypatch):
    monkeypatch.setattr(torch.cuda, "is_available", lambda: False)
    with pytest.raises(ValueError, match="device: expected 'cpu', got 'cuda', and torch sees no CUDA device here"):
        Runner(lab_network(), SGD(0.1), device="cuda")
    with pytest.raises(ValueError, match="fit: a device needs a program; leave backend='tape' out"):
        lab_network().fit("digits", epochs=1, progress=False, backend="tape", device="cuda")


class Counted:
    """Stands for torch.cuda.CUDAGraph on the processor: what was launched while it was captured is launched again."""

    made, refuse = 0, ""

    def __init__(self):
        type(self).made += 1
        self.replays = 0

    def replay(self):
        self.replays += 1
        self.launch()

    @contextlib.contextmanager
    def capturing(self):
        if self.refuse:
            raise RuntimeError(self.refuse)
        yield


@pytest.fixture
def captured(monkeypatch):
    """A CudaProgram of the lab network on the processor, and the graphs that it makes."""
    graphs = type("Graphs", (Counted,), {"made": 0})
    monkeypatch.setattr(torch.cuda, "CUDAGraph", graphs)
    monkeypatch.setattr(torch.cuda, "graph", lambda graph: graph.capturing())
    runner = Runner(lab_network(), SGD(0.05))
    plan = runner.program(4).plan
    program = CudaProgram(plan, runner._flat, runner._states)
    calls = []
    launch = program._launch
    program._launch = lambda *given: (calls.append(program.rate), launch(*given))
    graphs.launch = lambda self: calls.append("replay")
    given = (torch.randn(4, 64), torch.rand(4, 10))

    def step(rate):
        with torch.inference_mode():
            program.set_rate(rate)
            program.run(*given)

    return graphs, calls, step


def test_the_second_step_of_a_rate_is_captured_and_later_ones_are_replayed(captured):
    graphs, calls, step = captured
    for _ in range(4):
        step(0.1)
    assert calls == [0.1, 0.1, "replay", "replay", "replay"]  # the second was recorded, then replayed
    assert graphs.made == 1


def test_another_rate_is_launched_before_it_is_captured(captured):
    graphs, calls, step = captured
    for rate in (0.1, 0.1, 0.2, 0.3, 0.3, 0.3):
        step(rate)
    assert calls == [0.1, 0.1, "replay", 0.2, 0.3, 0.3, "replay", "replay"]
    assert graphs.made == 2


def test_where_capturing_is_refused_one_line_says_so_and_calls_are_launched(captured):
    graphs, calls, step = captured
    graphs.refuse = "operation not permitted when stream is capturing\nCUDA kernel errors might ..."
    step(0.1)
    with pytest.warns(NotCaptured) as said:
        step(0.1)
    assert str(said[0].message) == (
        "the calls of a step are launched one by one, not as one CUDA graph: "
        "operation not permitted when stream is capturing"
    )
    step(0.1)
    assert calls == [0.1, 0.1, 0.1]


@gpu
@pytest.mark.parametrize("make", [lambda: SGD(0.05), lambda: SGD(0.05, 0.9), Adam], ids=["SGD", "momentum", "Adam"])
def test_on_the_device_it_goes_the_way_of_the_tape(make):
    generator = torch.Generator().manual_seed(2)
    plain, net = lab_network(dtype=torch.float64), lab_network(dtype=torch.float64)
    runner, by_tape = Runner(net, make(), device="cuda"), make()
    for _ in range(20):
        x = torch.randn(32, 64, generator=generator, dtype=torch.float64)
        y = one_hot(torch.randint(0, 10, (32,), generator=generator), 10, torch.float64)
        plain.forward(x, y)
        plain.backward()
        plain.step(by_tape)
        assert runner.step({"x": x, "y": y}, 32) == pytest.approx(plain.objective, rel=1e-10)
    runner.synchronize()
    for name in net.names("parameter"):
        torch.testing.assert_close(net.value(name), plain.value(name), rtol=1e-9, atol=1e-10)


@gpu
def test_steps_at_one_rate_are_replayed_from_a_graph():
    runner = Runner(lab_network(), SGD(0.05), device="cuda", objective=False)
    given = {"x": torch.randn(32, 64), "y": torch.rand(32, 10)}
    for _ in range(3):
        runner.step(given, 32)
    assert runner.program(32)._graph is not None
