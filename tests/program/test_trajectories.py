"""A program goes the way of the plain tape: random networks, every room, every optimiser, gradients read or not."""

import pytest
import torch
from hypothesis import Phase, assume, given, settings
from hypothesis import strategies as st

from scratchgrad import registry
from scratchgrad.program.native import NativeProgram
from scratchgrad.program.runner import Runner
from scratchgrad.tape import Sequential
from scratchgrad.train import SGD, Adam, AdamW
from tests.program.close import close
from tests.program.random_networks import networks

STEPS = 20
PHASES = (
    Phase.explicit,
    Phase.reuse,
    Phase.generate,
)  # to shrink a network takes minutes; the first one is small enough
OPTIMIZERS = (
    lambda: SGD(0.02),
    lambda: SGD(0.02, 0.9),
    lambda: SGD(0.02, 0.9, nesterov=True),
    lambda: SGD(0.02, clip=0.05),
    lambda: Adam(0.01),
    lambda: AdamW(0.01, clip=0.5),
)


def agree(drawn, make, watched, parts=1, backend="torch"):
    """20 steps of a program and of the tape: parameters, objectives, the watched gradients and values."""
    plain, net = drawn.build(), drawn.build()
    assume(not plain.tape.unreachable)
    by_tape, by_program = make(), make()
    names = tuple(s.name for k, s in enumerate(net.signals) if watched >> (k % 24) & 1 and not s.integer)
    results = tuple(n for n in names if net.signal(n).role == "result")
    runner = Runner(net, by_program, values=results, gradients=() if parts > 1 else names, backend=backend)
    for values in drawn.given(STEPS):
        plain.forward(**values)
        plain.backward()
        # TRUST: tame-examples
        assume(all(bool(g.isfinite().all()) and float(g.abs().max()) < 100 for g in gradients(plain)))
        before = {name: plain.value(name) for name in results}
        plain.step(by_tape)
        objective = runner.step(values, drawn.batch, parts=parts)
        close(objective, plain.objective, "objective")
        program = runner.program(drawn.batch)
        assert isinstance(program, NativeProgram) == (backend == "native")
        for name in program.plan.gradients if parts == 1 else ():
            close(program.gradient(name), plain.gradient(name), f"gradient of {name}")
        for name in results if parts == 1 else ():
            close(program.value(name), before[name], name)
    for name in net.names("parameter"):
        close(net.value(name), plain.value(name), name)


def gradients(net):
    return [net.gradient(name) for name in net.names("parameter")]


@pytest.mark.parametrize("make", OPTIMIZERS, ids=lambda make: str(make()))
@settings(max_examples=6, phases=PHASES)
@given(drawn=networks(), watched=st.integers(0, 2**24 - 1))
def test_a_program_goes_the_way_of_the_tape(make, drawn, watched):
    agree(drawn, make, watched)


@pytest.mark.parametrize("width", [3, 16])
@pytest.mark.parametrize("backend", ["torch", "auto"])
def test_a_deep_network_of_equal_layers_goes_the_way_of_the_tape(width, backend):
    layers = [part for _ in range(7) for part in (("linear", width), "relu")]

    def network():
        return Sequential(
            width, *layers, ("linear", 4), loss="softmax_cross_entropy", weight_decay=1e-3, dtype=torch.float64
        )

    plain, net, random = network(), network(), torch.Generator().manual_seed(1)
    runner, by_tape = Runner(net, SGD(0.05), backend=backend), SGD(0.05)
    for _ in range(STEPS):
        x, y = (torch.randn(9, n, generator=random, dtype=torch.float64) for n in (width, 4))
        plain.forward(x, y)
        plain.backward()
        plain.step(by_tape)
        close(runner.step({"x": x, "y": y}, 9), plain.objective, "objective")
    assert any(op.name == "baddbmm_" for op in runner.program(9).plan.ops)
    for name in net.names("parameter"):
        close(net.value(name), plain.value(name), name)


@settings(max_examples=8, phases=PHASES)
@given(drawn=networks(), make=st.sampled_from(OPTIMIZERS), parts=st.integers(2, 3))
def test_gradients_added_up_over_micro_batches_are_those_of_the_batch(drawn, make, parts):
    assume(drawn.batch is not None)
    assume(all(registry.layer(name).batch is None for name, *_ in drawn.layers))  # these see one part at a time
    agree(drawn, make, 0, parts)


@pytest.mark.slow
@settings(max_examples=200, phases=PHASES)
@given(drawn=networks(), make=st.sampled_from(OPTIMIZERS), watched=st.integers(0, 2**24 - 1))
def test_200_networks_go_the_way_of_the_tape(drawn, make, watched):
    agree(drawn, make, watched)
