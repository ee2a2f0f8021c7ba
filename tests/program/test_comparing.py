"""A program is compared with its tape when it is planned for the first time: a difference stops the run."""

import copy
from dataclasses import replace

import pytest
import torch

from scratchgrad import registry
from scratchgrad.lab import lab_network
from scratchgrad.program import ProgramDiffers, Runner, compared
from scratchgrad.program.comparing import compare
from scratchgrad.program.flat import Flat
from scratchgrad.program.op import Op, View
from scratchgrad.program.planning import Request, planned
from scratchgrad.program.updates import Update
from scratchgrad.tape.network import Network
from scratchgrad.train import SGD, Adam

_aten = torch.ops.aten


class Followed:
    """A plan of the lab's network, and what it takes to compare it."""

    def __init__(self, optimizer, net=None, **request):
        self.net, self.optimizer = net or lab_network(8, 5, 3, weight_decay=0.1), optimizer
        self.flat = Flat(self.net)
        self.plan = planned(self.net.tape, self.flat, Request(4, optimizer.plan(), **request))

    def compare(self, ops=None):
        plan = self.plan if ops is None else replace(self.plan, ops=ops)
        compare(self.net.tape, plan, self.flat, self.optimizer)


OPTIMIZERS = [SGD(0.1), SGD(0.1, 0.9), SGD(0.1, 0.9, nesterov=True), SGD(0.1, clip=1.0), Adam(0.01)]


@pytest.mark.parametrize("optimizer", OPTIMIZERS, ids=repr)
@pytest.mark.parametrize("unit", [(), ("y",)])
def test_the_program_of_the_lab_does_what_its_tape_does(optimizer, unit):
    Followed(optimizer, unit_rows=unit, values=("o",), gradients=("h", "W")).compare()


@pytest.mark.parametrize("optimizer", OPTIMIZERS[:2] + OPTIMIZERS[-1:], ids=repr)
def test_no_call_may_change_the_sign_of_what_it_writes(optimizer):
    followed = Followed(optimizer, values=("o",))
    for number, op in enumerate(followed.plan.ops):
        if not all(view.storage.dtype.is_floating_point for view in op.outs):
            continue
        turned = [Op(_aten.neg_.default, (view,), outs=(view,), inplace=True, why="turned") for view in op.outs[:1]]
        ops = [*followed.plan.ops[: number + 1], *turned, *followed.plan.ops[number + 1 :]]
        with pytest.raises(ProgramDiffers):
            followed.compare(ops)


def test_gradients_that_are_added_up_over_parts_of_a_batch_are_compared_too():
    net = lab_network(8, 5, 3)
    flat, optimizer = Flat(net), Adam(0.01)
    plan = planned(net.tape, flat, Request(4, Update("gradients", accumulate=True), weight=0.25))
    compare(net.tape, plan, flat, optimizer)
    with pytest.raises(ProgramDiffers):
        compare(net.tape, replace(plan, request=replace(plan.request, weight=0.5)), flat, optimizer)


def test_the_message_names_the_first_call_that_differs_its_layer_its_sweep_both_numbers_and_what_to_do():
    followed = Followed(SGD(0.1), values=("o", "h"), gradients=("h",))
    h = followed.plan.values["h"]
    wrong = next(k for k, op in enumerate(followed.plan.ops) if h.storage in op.writes)
    turned = Op(_aten.neg_.default, (h,), outs=(h,), inplace=True, why="relu")
    with pytest.raises(ProgramDiffers) as raised:
        followed.compare([*followed.plan.ops[: wrong + 1], turned, *followed.plan.ops[wrong + 1 :]])
    message = str(raised.value)
    assert message.startswith("network 'lab', 4 samples: the program does not do what its tape does: after call ")
    assert f"after call {wrong + 2} of {len(followed.plan.ops) + 1}, neg_ (relu), the value of h is -" in message
    assert ", by the tape " in message
    assert message.endswith("; train with backend='tape', and report this network")


def test_two_temporaries_that_live_at_once_may_not_share_their_place():
    followed = Followed(SGD(0.1), values=("o", "h"))
    arena = followed.plan.arena
    h, o = (followed.plan.values[name].storage for name in ("h", "o"))  # both are read at the end
    shared = replace(arena, offsets={**arena.offsets, arena.owner(o): arena.offsets[arena.owner(h)]})
    with pytest.raises(ProgramDiffers):
        compare(followed.net.tape, replace(followed.plan, arena=shared), followed.flat, followed.optimizer)


class LastOfEqual:
    """Max pooling that gives the gradient to the last of equal numbers: as legal as the first."""

    own = registry.kernel("max_pool2d")

    @classmethod
    def forward(cls, x):
        y, saved = cls.own.forward(x.flip(2, 3).contiguous())
        return y.flip(2, 3), saved

    @classmethod
    def backward(cls, saved, grad_y):
        return cls.own.backward(saved, grad_y.flip(2, 3).contiguous()).flip(2, 3)


class Doubled(LastOfEqual):
    """The same, of twice the gradient."""

    @classmethod
    def backward(cls, saved, grad_y):
        return 2 * super().backward(saved, grad_y)


@pytest.mark.parametrize(("kernel", "stops"), [(LastOfEqual, False), (Doubled, True)])
def test_a_tie_that_two_kernels_break_differently_stops_nothing_and_a_mistake_beside_it_does(kernel, stops):
    """Half of what relu gives is 0: many windows are ties, and the gradient of h is read there."""
    net = Network(name="ties")
    x = net.input("x", (2, 6, 6))
    h = net.add("relu", net.add("conv2d", x, net.parameter("W", (3, 2, 3, 3)), net.parameter("b", 3)), name="h")
    flat = net.add("flatten", net.add("max_pool2d", h))
    v = net.add("linear", flat, net.parameter("M", (2, 12)), net.parameter("c", 2), name="v")
    net.minimize(net.add("l2_loss", v, net.target("target", 2)))
    followed = Followed(SGD(0.1), net, gradients=("h",))
    tape = copy.copy(net.tape)
    tape.entries = tuple(replace(e, kernel=kernel) if e.layer.base.name == "max_pool2d" else e for e in tape.entries)
    if stops:
        with pytest.raises(ProgramDiffers, match="the gradient of h is"):
            compare(tape, followed.plan, followed.flat, followed.optimizer)
    else:
        compare(tape, followed.plan, followed.flat, followed.optimizer)


def test_a_plan_is_compared_once_and_remembered_by_its_content(monkeypatch, tmp_path):
    monkeypatch.setenv("SCRATCHGRAD_CACHE", str(tmp_path))
    monkeypatch.setattr(compared, "_known", set())
    seen = []
    monkeypatch.setattr(compared, "compare", lambda *arguments: seen.append(arguments))
    Runner(lab_network(), SGD(0.1)).program(4)
    Runner(lab_network(seed=3), SGD(0.2)).program(4)
    assert len(seen) == 1
    Runner(lab_network(), SGD(0.1)).program(5)
    Runner(lab_network(weight_decay=0.5), SGD(0.1)).program(4)
    Runner(lab_network(), SGD(0.1, 0.9)).program(4)
    Runner(lab_network(), Adam(0.1)).program(4)
    assert len(seen) == 5
    monkeypatch.setattr(compared, "_known", set())  # as in another process
    Runner(lab_network(), SGD(0.1)).program(4)
    assert len(seen) == 5
    monkeypatch.setattr(compared, "_source", lambda: "another version of the package")
    Runner(lab_network(), SGD(0.1)).program(4)
    assert len(seen) == 6


def test_a_difference_stops_the_run_before_the_first_step(monkeypatch):
    from scratchgrad.program import runner

    made = runner.plan_of

    def turned(*arguments):
        plan = made(*arguments)
        ops = [replace(op, kwargs={k: _negative(v) for k, v in op.kwargs.items()}) for op in plan.ops]
        return replace(plan, ops=ops)

    def _negative(rate):
        return replace(rate, slope=-rate.slope) if hasattr(rate, "slope") else rate

    monkeypatch.setattr(runner, "plan_of", turned)
    net = lab_network(4, 3, 2)
    before = {name: value.clone() for name, value in net.live_parameters.items()}
    given = {"x": torch.randn(5, 4), "y": torch.rand(5, 2)}
    with pytest.raises(ProgramDiffers, match="the parameter"):
        Runner(net, SGD(0.1)).step(given, 5)
    assert all(torch.equal(value, before[name]) for name, value in net.live_parameters.items())


def test_whole_numbers_point_at_places_that_exist():
    net = Network(name="words")
    t = net.input("t", (), integer=True)
    e = net.add("embedding", t, net.parameter("E", (3, 4)))
    net.minimize(net.add("l2_loss", e, net.target("y", 4)))
    Followed(SGD(0.1), net).compare()


def test_views_stay_views_in_twice_the_width():
    from scratchgrad.program.doubled import doubled

    followed = Followed(SGD(0.1), values=("o",))
    wide = doubled(followed.plan)
    for op, other in zip(followed.plan.ops, wide.ops, strict=True):
        for one, two in zip(op.outs, other.outs, strict=True):
            assert isinstance(two, View)
            assert (one.shape, one.strides, one.offset) == (two.shape, two.strides, two.offset)
            assert two.storage.dtype == torch.float64
