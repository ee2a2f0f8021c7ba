"""Every room in a program of its own: its values and gradients are those of the tape, whatever the batch."""

import random
from functools import reduce

import pytest
import torch

from scratchgrad import registry
from scratchgrad.membership import inside
from scratchgrad.program.calls import call
from scratchgrad.program.runner import Runner
from scratchgrad.signature import ShapeMismatch
from scratchgrad.tape import Network
from scratchgrad.tape.values import ValueMismatch
from scratchgrad.testing.domains import domains_of
from scratchgrad.train import SGD
from tests.program.close import close
from tests.program.feeding import belonging

INTEGERS = 3


def pulled(net, signal):
    """One number a sample: squared differences from parameters, added up axis by axis."""
    while signal.shape:
        goal = net.parameter(f"goal{len(net.signals)}", signal.shape)
        signal = net.add("l2_loss", signal, goal)
    return signal


def network_of(*layers, dtype=torch.float64):
    """The rooms, each on inputs of the first sizes that fit; what it shares are parameters, its outputs are pulled."""
    net, numbers = Network(dtype=dtype, seed=1), torch.Generator().manual_seed(5)
    losses = [built(net, numbers, layer, fitting(layer), f"{k}_" if k else "") for k, layer in enumerate(layers)]
    net.minimize(reduce(lambda total, loss: net.add("add", total, loss), losses))
    return net


def fitting(layer):
    """The first sizes that fit."""
    letters = sorted({letter for tensor in layer.signature.inputs for letter in tensor.axes})
    draws, sizes = random.Random(0), {letter: 3 + k for k, letter in enumerate(letters)}
    for _ in range(20_000):  # axes may depend on each other: twice the size, what a window leaves
        try:
            built(Network(seed=1), torch.Generator(), layer, sizes)
            return sizes
        except (ShapeMismatch, ValueMismatch):
            sizes = {letter: draws.randint(1, 8) for letter in letters}
    raise AssertionError(f"{layer}: no sizes fit")


def built(net, numbers, layer, sizes, prefix=""):
    """The room with these sizes; the sum of its pulled outputs."""
    names = []
    for tensor in layer.signature.inputs:
        shape = tuple(sizes[layer.signature.root(letter)] for letter in tensor.axes)
        if tensor.name in layer.shared:
            drawn = torch.rand(shape, generator=numbers, dtype=torch.float64) + 0.5
            value = torch.from_numpy(inside(domains_of(layer)[tensor.name], drawn.numpy(), margin=1 / 8))
            names.append(net.parameter(f"p_{prefix}{tensor.name}", value=value).name)
        else:
            names.append(net.input(f"i_{prefix}{tensor.name}", shape, integer=tensor.integer).name)
    outputs = net.add(layer, *names)
    total = None
    for signal in outputs if isinstance(outputs, tuple) else (outputs,):
        loss = pulled(net, signal)
        total = loss if total is None else net.add("add", total, loss)
    return total


@pytest.mark.parametrize("batch", [None, 1, 2, 9])
@pytest.mark.parametrize("name", registry.names())
def test_a_program_of_one_room_is_the_tape(name, batch):
    layer = registry.layer(name)
    plain, net = network_of(layer), network_of(layer)
    numbers = torch.Generator().manual_seed(7)
    signals = tuple(s.name for s in net.signals if not s.integer)
    results = tuple(n for n in signals if net.signal(n).role == "result")
    runner = Runner(net, SGD(0.01), values=results, gradients=signals)
    for _ in range(3):
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
        close(objective, plain.objective, "objective")
        program = runner.program(batch)
        for n in results:
            close(program.value(n), plain.value(n), n)
        for n in program.plan.gradients:
            close(program.gradient(n), plain.gradient(n), f"gradient of {n}")
        plain.step(SGD(0.01))
        assert not program.plan.opaque
    for n in net.names("parameter"):
        close(net.value(n), plain.value(n), n)


def test_a_softmax_whose_result_lies_in_columns_has_its_values_where_they_belong():
    x = torch.randn(9, 4, dtype=torch.float64)
    out = torch.full((4, 9), -1.0, dtype=torch.float64).mT
    for function in (torch.ops.aten._softmax.default, torch.ops.aten._log_softmax.default):
        for dim in (0, 1):
            made, args, kwargs = call(function, (x, dim, False), {}, (out,), False)
            made(*args, **kwargs)
            torch.testing.assert_close(out, function(x, dim, False))
