"""The arena: as large as what lives at the same time; less where values are computed again; the same results."""

import pytest
import torch

from scratchgrad.bench.kinds import Mlp, named
from scratchgrad.bench.ours import network
from scratchgrad.program import Runner
from scratchgrad.program.memory import plan
from scratchgrad.program.op import Op, Storage, View
from scratchgrad.train import SGD

MIB = 2**20


def program(problem, **options):
    return Runner(network(problem), SGD(0.05), unit_rows=("y",), **options).program(problem.batch)


def deep(dtype="float64"):
    return Mlp(32, dtype, sizes=(*[16] * 25, 10))


@pytest.mark.slow
def test_64_layers_of_1024_take_what_lives_at_the_same_time_and_recomputed_a_quarter():
    problem = named("m")
    arena = program(problem).plan.arena
    assert arena.size == arena.bound < 257 * MIB
    less = program(problem, recompute=True).plan.arena
    assert less.size == less.bound < 66 * MIB


@pytest.mark.parametrize("momentum", [0.0, 0.9])
def test_recomputed_values_are_the_same_bit_for_bit(momentum):
    problem, trained = deep(), []
    for recompute in (False, True):
        net = network(problem)
        runner = Runner(net, SGD(0.05, momentum), recompute=recompute, gradients=("u3",))
        generator = torch.Generator().manual_seed(1)
        for _ in range(5):
            x, y = (torch.randn(32, n, generator=generator, dtype=torch.float64) for n in (16, 10))
            runner.step({"x": x, "y": y}, 32)
        calls = runner.program(32).plan
        trained.append(
            [net.value(name) for name in net.names("parameter")] + [runner.program(32).gradient("u3").clone()]
        )
        assert any("again" in op.why for op in calls.ops) == recompute
    assert all(torch.equal(a, b) for a, b in zip(*trained, strict=True))


def test_no_two_temporaries_that_live_at_the_same_time_overlap():
    for options in ({}, {"recompute": True}, {"values": ("u3", "h5"), "gradients": ("u4",)}):
        arena = program(deep(), **options).plan.arena
        placed = [(arena.lives[s], arena.offsets[s], s.bytes) for s in arena.offsets]
        for k, ((a, b), offset, size) in enumerate(placed):
            for (c, d), other, length in placed[:k]:
                assert b < c or d < a or offset + size <= other or other + length <= offset


def test_a_result_takes_over_the_memory_of_an_argument_only_where_nobody_reads_that_later():
    real, aten = torch.float32, torch.ops.aten
    x, a, b, c = (Storage(n, 8, real, "given" if n == "x" else "temporary") for n in "xabc")
    vx, va, vb, vc = (View(s, (8,), (1,)) for s in (x, a, b, c))
    first = Op(aten.exp.default, (vx,), outs=(va,))
    second = Op(aten.exp.default, (va,), outs=(vb,))
    again = Op(aten.mul.Tensor, (va, vb), outs=(vc,))
    arena = plan([first, second, again], [c])
    assert b not in arena.shared  # a is read once more
    assert c in arena.shared
    arena = plan([first, second], [b])
    assert arena.owner(b) is a
    arena = plan([first, second], [a, b])
    assert b not in arena.shared  # a is kept for a reader outside
