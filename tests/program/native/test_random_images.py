"""Random networks of convolutions and pooling, compiled, go the way of the tape."""

import pytest
from hypothesis import Phase, assume, given, settings

from scratchgrad.program import Runner
from scratchgrad.program.native import NativeProgram
from scratchgrad.train import SGD
from tests.program.close import close
from tests.program.random_images import images

STEPS = 10


def agree(drawn):
    plain, net = drawn.build(), drawn.build()
    runner, by_tape = Runner(net, SGD(0.02), backend="native"), SGD(0.02)
    for values in drawn.given(STEPS):
        plain.forward(**values)
        plain.backward()
        gradients = [plain.gradient(name) for name in net.names("parameter")]
        assume(all(bool(g.isfinite().all()) and float(g.abs().max()) < 100 for g in gradients))
        plain.step(by_tape)
        close(runner.step(values, drawn.batch), plain.objective, "objective")
    assert isinstance(runner.program(drawn.batch), NativeProgram)
    for name in net.names("parameter"):
        close(net.value(name), plain.value(name), name)


@settings(max_examples=5, phases=(Phase.generate,), derandomize=True, deadline=None)
@given(drawn=images())
def test_networks_on_images_go_the_way_of_the_tape(drawn):
    agree(drawn)


@pytest.mark.slow
@settings(max_examples=60, phases=(Phase.explicit, Phase.reuse, Phase.generate), deadline=None)
@given(drawn=images())
def test_60_networks_on_images_go_the_way_of_the_tape(drawn):
    agree(drawn)
