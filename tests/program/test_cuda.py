"""On a CUDA device the program goes the way of the tape on the processor; without one that is said."""

import pytest
import torch

from scratchgrad.lab import lab_network
from scratchgrad.program import Runner
from scratchgrad.train import SGD, Adam, one_hot

gpu = pytest.mark.skipif(not torch.cuda.is_available(), reason="torch sees no CUDA device here")


def test_a_device_that_is_not_there_is_refused(monkeypatch):
    monkeypatch.setattr(torch.cuda, "is_available", lambda: False)
    with pytest.raises(ValueError, match="device: expected 'cpu', got 'cuda', and torch sees no CUDA device here"):
        Runner(lab_network(), SGD(0.1), device="cuda")
    with pytest.raises(ValueError, match="fit: a device needs a program; leave backend='tape' out"):
        lab_network().fit("digits", epochs=1, progress=False, backend="tape", device="cuda")


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
