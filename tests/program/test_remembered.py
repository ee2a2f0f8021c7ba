"""Networks of one structure share their plans; whatever a plan depends on makes another one."""

from functools import partial

import pytest
import torch

from scratchgrad.lab import lab_network
from scratchgrad.program import Runner, remembered
from scratchgrad.registry import NotCertified
from scratchgrad.train import SGD
from tests.program.test_runner import together


@pytest.fixture(autouse=True)
def nothing_remembered(monkeypatch):
    monkeypatch.setattr(remembered, "_plans", type(remembered._plans)())


def plan(net, n=8, **options):
    return Runner(net, SGD(0.05), **options).program(n).plan


def test_a_second_network_of_the_same_structure_plans_nothing():
    assert plan(lab_network(seed=1)) is plan(lab_network(seed=2))
    assert plan(lab_network(weight_decay=0.1)) is not plan(lab_network(weight_decay=0.2))
    assert plan(lab_network()) is not plan(lab_network(), 9)
    assert plan(lab_network()) is not plan(lab_network(), values=("v",))
    assert plan(lab_network()) is not plan(lab_network(dtype=torch.float64))
    assert plan(lab_network()) is not plan(lab_network(hidden=16))
    summed = lab_network()
    summed.reduction = "sum"
    assert plan(lab_network()) is not plan(summed)


def test_networks_that_share_a_plan_share_no_memory():
    nets = [lab_network(dtype=torch.float64, weight_decay=0.01, seed=k) for k in range(2)]
    twins = [lab_network(dtype=torch.float64, weight_decay=0.01, seed=k) for k in range(2)]
    runners = [Runner(net, SGD(0.05)) for net in nets]
    for seed in range(3):
        for net, twin, runner in zip(nets, twins, runners, strict=True):
            together(twin, net, runner, 8, seed)
    assert runners[0].program(8).plan is runners[1].program(8).plan


def test_a_kernel_that_is_changed_after_its_tape_was_made_is_refused(monkeypatch):
    net = lab_network()
    kernel = next(entry.kernel for entry in net.tape.entries if entry.layer.name == "relu")
    before = kernel.forward
    monkeypatch.setattr(kernel, "forward", staticmethod(partial(before)))
    with pytest.raises(NotCertified, match="layer 'relu' is not certified"):
        plan(net)


def test_only_so_many_plans_are_kept():
    for n in range(1, remembered._MANY + 5):
        plan(lab_network(4, 3, 2), n)
    assert len(remembered._plans) == remembered._MANY
