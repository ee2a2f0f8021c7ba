"""Every room compiled: it does what the torch program does, or it is said which call has no form in C."""

import warnings

import pytest
import torch

from scratchgrad import registry
from scratchgrad.program import Runner
from scratchgrad.program.native import NativeProgram, compiler
from scratchgrad.program.runner import NativeFallback
from scratchgrad.train import SGD
from tests.program.close import close
from tests.program.test_rooms import network_of

pytestmark = [pytest.mark.slow, pytest.mark.skipif(compiler() is None, reason="there is no C compiler here")]


@pytest.mark.parametrize("batch", [1, 9])
@pytest.mark.parametrize("name", registry.names())
def test_a_room_compiled_is_the_tape(name, batch):
    layer = registry.layer(name)
    plain, net = network_of(layer), network_of(layer)
    numbers = torch.Generator().manual_seed(7)
    runner, said = Runner(net, SGD(0.01), backend="native"), []
    for _ in range(3):
        given = {}
        for signal in (net.signal(n) for n in net.names("input")):
            values = torch.rand((batch, *signal.shape), generator=numbers, dtype=torch.float64) + 0.1
            given[signal.name] = (3 * values / 1.1).long() if signal.integer else values
        plain.forward(**given)
        plain.backward()
        with warnings.catch_warnings(record=True) as caught:
            warnings.simplefilter("always", NativeFallback)
            objective = runner.step(given, batch)
        said += [str(warning.message) for warning in caught]
        close(objective, plain.objective, "objective")
        plain.step(SGD(0.01))
    for n in net.names("parameter"):
        close(net.value(n), plain.value(n), n)
    assert isinstance(runner.program(batch), NativeProgram) == (not said)
    assert "differs" not in "".join(said)
    if said:
        pytest.skip(said[0])
