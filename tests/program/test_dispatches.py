"""What a step costs, as counts that do not depend on the machine: dispatches, allocations, the arena's size."""

import pytest
import torch
from torch.utils._python_dispatch import TorchDispatchMode

from scratchgrad.lab import lab_network
from scratchgrad.program.runner import Runner
from scratchgrad.tape import Sequential
from scratchgrad.train import SGD, Adam


class Counting(TorchDispatchMode):
    """Counts dispatches, and tensors whose memory is new."""

    def __init__(self, known):
        super().__init__()
        self.names, self.known, self.new = [], set(known), []

    def __torch_dispatch__(self, func, types, args=(), kwargs=None):
        result = func(*args, **(kwargs or {}))
        self.names.append(str(func))
        for tensor in result if isinstance(result, tuple | list) else (result,):
            if isinstance(tensor, torch.Tensor) and tensor.untyped_storage().data_ptr() not in self.known:
                self.new.append(str(func))
        return result


def counted(net, batch, classes, optimizer, **options):
    """The dispatches of a program's second step, and the calls that made new tensors."""
    runner = Runner(net, optimizer, unit_rows=("y",), **options)
    with torch.inference_mode():
        x = torch.randn(batch, *net.signal("x").shape)
        y = torch.nn.functional.one_hot(torch.randint(0, classes, (batch,)), classes).float()
        program = runner.program(batch)
        program.run(x, y)
        tensors = [x, y, program.arena, runner._flat.values, *runner._states.values(), *program._memory.values()]
        with Counting(t.untyped_storage().data_ptr() for t in tensors) as counting:
            program.run(x, y)
    return program, counting


def test_the_lab_network_takes_at_most_18_dispatches_a_step():
    program, counting = counted(lab_network(), 32, 10, SGD(0.05))
    assert len(counting.names) == 14, counting.names
    assert not counting.new
    assert program.plan.arena.size == program.plan.arena.bound


def test_without_the_objectives_value_it_takes_11():
    _, counting = counted(lab_network(), 32, 10, SGD(0.05), objective=False)
    assert len(counting.names) == 11, counting.names
    assert not counting.new


def test_momentum_takes_one_update_of_all_velocities_more():
    _, counting = counted(lab_network(), 32, 10, SGD(0.05, 0.9))
    assert len(counting.names) == 16, counting.names
    assert not counting.new


@pytest.mark.parametrize("make", [SGD, lambda: SGD(0.05, 0.9), Adam], ids=["SGD", "momentum", "Adam"])
@pytest.mark.parametrize(("depth", "width"), [(2, 16), (7, 8), (16, 4)])
def test_no_tensor_is_allocated_and_the_arena_is_the_least_possible(make, depth, width):
    layers = [part for _ in range(depth) for part in (("linear", width), "relu")]
    net = Sequential(5, *layers, ("linear", 3), loss="softmax_cross_entropy", weight_decay=1e-3)
    program, counting = counted(net, 8, 3, make())
    assert not counting.new
    assert program.plan.arena.size == program.plan.arena.bound


@pytest.mark.parametrize("layer", ["tanh", "gelu", "silu", "sigmoid", "softplus", "leaky_relu", "elu", "mish"])
def test_generated_kernels_allocate_nothing_either(layer):
    net = Sequential(5, ("linear", 7), layer, ("linear", 3), loss="softmax_cross_entropy")
    program, counting = counted(net, 8, 3, SGD(0.05))
    assert not counting.new
    assert not program.plan.opaque


def test_small_updates_of_one_shape_are_one_batched_product():
    layers = [part for _ in range(8) for part in (("linear", 16), "relu")]
    net = Sequential(16, *layers, ("linear", 3), loss="softmax_cross_entropy", weight_decay=1e-3)
    program, counting = counted(net, 8, 3, SGD(0.05))
    assert counting.names.count("aten.baddbmm_.default") == 1
    assert counting.names.count("aten.addmm_.default") == 2  # of the first layer, whose input is given, and of the last
    assert counting.names.count("aten.addmv_.default") == 2
    assert not counting.new
    assert program.plan.arena.size == program.plan.arena.bound


def test_thirty_two_layers_take_at_most_110_dispatches():
    layers = [part for _ in range(31) for part in (("linear", 64), "relu")]
    net = Sequential(64, *layers, ("linear", 10), loss="softmax_cross_entropy", weight_decay=1e-3)
    _, counting = counted(net, 32, 10, SGD(0.05))
    assert len(counting.names) <= 110
