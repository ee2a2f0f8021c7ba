"""Every room, and every variant that the package ships, compiled: values, gradients and steps are the tape's."""

import pytest
import torch

from scratchgrad import registry
from scratchgrad.program import Runner
from scratchgrad.program.native import NativeProgram
from scratchgrad.train import SGD
from tests.program.close import close
from tests.program.feeding import belonging
from tests.program.test_rooms import INTEGERS, network_of
from tests.tape.conftest import accept

# TRUST: not-compiled
NOT_COMPILED: dict[str, str] = {}
"""Rooms that have no form in C, each with its reason."""
TOGETHER = 14
"""So many rooms are compiled as one network: the compiler's start costs more than a room."""


def rooms(*names):
    found = []
    for name in names:
        layer = registry.layer(name)
        if layer.kernel_class is None:
            assert registry.attach_kernel(layer), name
        accept(layer)
        found.append(layer)
    return found


def is_the_tape(layers, batch, steps=2):
    plain, net = network_of(*layers), network_of(*layers)
    numbers = torch.Generator().manual_seed(7)
    signals = tuple(s.name for s in net.signals if not s.integer)
    results = tuple(n for n in signals if net.signal(n).role == "result")
    runner = Runner(net, SGD(0.01), values=results, gradients=signals, backend="native")
    for _ in range(steps):
        given = {}
        for signal in (net.signal(n) for n in net.names("input")):
            shape = signal.shape if batch is None else (batch, *signal.shape)
            values = torch.rand(shape, generator=numbers, dtype=torch.float64) + 0.1
            given[signal.name] = (
                (INTEGERS * values / 1.1).long() if signal.integer else belonging(net, signal.name, values)
            )
        plain.forward(**given)
        plain.backward()
        objective = runner.step(given, batch)
        program = runner.program(batch)
        assert isinstance(program, NativeProgram)
        close(objective, plain.objective, "objective")
        for n in results:
            close(program.value(n), plain.value(n), n)
        for n in program.plan.gradients:
            close(program.gradient(n), plain.gradient(n), f"gradient of {n}")
        plain.step(SGD(0.01))
    for n in net.names("parameter"):
        close(net.value(n), plain.value(n), n)


def chosen():
    return [name for name in registry.with_variants() if name not in NOT_COMPILED]


@pytest.mark.parametrize("first", range(0, len(chosen()), TOGETHER))
def test_rooms_compiled_are_the_tape(first):
    is_the_tape(rooms(*chosen()[first : first + TOGETHER]), 9)


@pytest.mark.slow
@pytest.mark.parametrize("batch", [None, 1, 6])
@pytest.mark.parametrize("name", chosen())
def test_a_room_compiled_alone_is_the_tape(name, batch):
    is_the_tape(rooms(name), batch, 3)
