"""The runner: whatever changes in between, the next step is that of the network as it is; and what it refuses."""

import pytest
import torch

from scratchgrad.lab import lab_network
from scratchgrad.layer import Layer
from scratchgrad.program import GivenMismatch, Runner
from scratchgrad.tape import Network
from scratchgrad.train import SGD
from tests.program.close import close
from tests.tape.conftest import accept


def batch(n, seed=0, dtype=torch.float64):
    generator = torch.Generator().manual_seed(seed)
    x = torch.randn(n, 64, generator=generator, dtype=torch.float64).to(dtype)
    return {"x": x, "y": torch.rand(n, 10, generator=generator, dtype=torch.float64).to(dtype)}


def pair(**options):
    plain, net = (lab_network(dtype=torch.float64, weight_decay=0.01, **options) for _ in range(2))
    return plain, net, Runner(net, SGD(0.05))


def together(plain, net, runner, n, seed=0):
    """One step of each on the same batch; then they are at the same point."""
    given = batch(n, seed)
    plain.forward(**given)
    plain.backward()
    plain.step(SGD(0.05))
    close(runner.step(given, n), plain.objective, "objective")
    for name in net.names("parameter"):
        close(net.value(name), plain.value(name), name)


def test_another_batch_size_is_another_program_and_the_first_is_kept():
    plain, net, runner = pair()
    for n in (32, 7, 32, 1, 7):
        together(plain, net, runner, n, seed=n)
    assert runner.program(7) is runner.program(7)
    assert len(runner._programs) == 3


def test_parameters_and_constants_that_are_set_in_between_count():
    plain, net, runner = pair()
    together(plain, net, runner, 8)
    for one in (plain, net):
        one.set("W", torch.full((32, 64), 0.01))
    together(plain, net, runner, 8)
    for one in (plain, net):
        one.set("lambda", 0.5)
    together(plain, net, runner, 8)
    for one in (plain, net):
        one.reduction = "sum"
    together(plain, net, runner, 8)


def test_the_plain_tape_may_run_in_between():
    plain, net, runner = pair()
    together(plain, net, runner, 8)
    for one in (plain, net):
        one.forward(**batch(8, 1))
        one.backward()
        one.step(SGD(0.05))
    together(plain, net, runner, 8, seed=2)
    close(net.forward(**batch(3))["o"], plain.forward(**batch(3))["o"], "o")


def test_another_precision_counts():
    _, net, runner = pair()
    runner.step(batch(8), 8)
    net.to(torch.float32)
    runner.step(batch(8, dtype=torch.float32), 8)
    assert net.value("W").dtype == torch.float32
    assert net.live_parameters["W"].untyped_storage().data_ptr() == runner._flat.values.data_ptr()


def test_a_graph_that_grows_counts():
    plain, net, runner = pair()
    together(plain, net, runner, 8)
    for one in (plain, net):
        one.add("relu", "v", name="side")
    together(plain, net, runner, 8)


def test_two_runners_of_one_network_take_turns():
    plain, net, runner = pair()
    other = Runner(net, SGD(0.05))
    for one in (runner, other, runner, other):
        together(plain, net, one, 8)


def test_a_step_makes_what_was_computed_before_stale():
    _, net, runner = pair()
    values = net.forward(**batch(4))
    runner.step(batch(4), 4)
    with pytest.raises(RuntimeError, match="parameter 'W' has changed since this forward run"):
        values["W"]


def test_a_watched_gradient_is_kept_from_the_next_step_on():
    plain, net, runner = pair()
    together(plain, net, runner, 8)
    runner.watch("W", net.signal("h"))
    together(plain, net, runner, 8)
    for name in ("W", "h"):
        close(runner.program(8).gradient(name), plain.gradient(name), name)


def test_an_optimizer_of_ones_own_is_given_all_gradients_by_name():
    plain, net, _ = pair()

    class Mine:
        def update(self, parameters, gradients, epoch):
            assert list(gradients) and set(gradients) == set(parameters)
            for name, parameter in parameters.items():
                parameter.sub_(gradients[name], alpha=0.05)

    together(plain, net, Runner(net, Mine()), 8)


def test_strided_inputs_are_what_they_show():
    plain, net, runner = pair()
    given = batch(8)
    wide = torch.randn(64, 8, dtype=torch.float64)
    for one in (plain,):
        one.forward(wide.T, given["y"])
        one.backward()
        one.step(SGD(0.05))
    runner.step({"x": wide.T, "y": given["y"]}, 8)
    close(net.value("W"), plain.value("W"), "W")


def test_what_does_not_fit_is_refused():
    _, _, runner = pair()
    with pytest.raises(GivenMismatch, match="step: 'y' is missing; a program wants x, y"):
        runner.step({"x": batch(8)["x"]}, 8)
    with pytest.raises(
        GivenMismatch, match=r"step: expected 'x' as \[8, 64\] of torch.float64, got \[7, 64\] of torch.flo"
    ):
        runner.step(batch(7), 8)
    with pytest.raises(GivenMismatch, match=r"got \[8, 64\] of torch.float32"):
        runner.step(batch(8, dtype=torch.float32), 8)


def test_a_kernel_that_asks_for_entries_is_called_as_it_is_and_right():
    moody = Layer("moody", "u[i] -> h[i]")

    @moody.kernel
    class Kernel:
        @staticmethod
        def forward(u):
            sign = 1.0 if float(u.sum()) > 0 else -1.0
            return sign * u, (sign, u)

        @staticmethod
        def backward(saved, grad_h):
            sign, _ = saved
            return sign * grad_h

    accept(moody)

    def network():
        net = Network(dtype=torch.float64, seed=1)
        W, b = net.parameter("W", (3, 4)), net.parameter("b", 3)
        h = net.add(moody, net.add("linear", net.input("x", 4), W, b), name="h")
        net.minimize(net.add("l2_loss", h, net.target("y", 3)))
        return net

    plain, net = network(), network()
    runner = Runner(net, SGD(0.05))
    for seed in range(6):
        generator = torch.Generator().manual_seed(seed)
        x, y = (torch.randn(5, n, generator=generator, dtype=torch.float64) for n in (4, 3))
        plain.forward(x, y)
        plain.backward()
        plain.step(SGD(0.05))
        close(runner.step({"x": x, "y": y}, 5), plain.objective, "objective")
    close(net.value("W"), plain.value("W"), "W")
    plan = runner.program(5).plan
    assert plan.opaque == ("moody",)
    assert "moody: its kernel asks for the entries of tensors, so it is called as it is" in plan.notes


def test_the_interpreter_makes_the_same_calls():
    _, net, runner = pair()
    _, other, second = pair()
    given = batch(8)
    runner.step(given, 8)
    program = second.program(8)
    program.set_rate(0.05)
    with torch.inference_mode():
        names = [op.name for op, _ in program.interpreted(*given.values())]
    assert names[0] == "_addmm_activation" and len(names) == len(program.plan.ops)
    for name in net.names("parameter"):
        assert torch.equal(net.value(name), other.value(name))


def test_an_infinite_gradient_does_not_pass_a_relu_that_is_off():
    net = Network(dtype=torch.float64)
    W, b = net.parameter("W", value=[[1.0], [-1.0]]), net.parameter("b", value=[0.0, 0.0])
    h = net.add("relu", net.add("linear", net.input("x", 1), W, b), name="h")
    net.minimize(net.add("l2_loss", h, net.target("y", 2)))
    runner = Runner(net, SGD(0.0), gradients=("W", "h"))
    runner.step({"x": torch.ones(1, 1).double(), "y": torch.tensor([[0.0, torch.inf]]).double()}, 1)
    assert runner.program(1).gradient("h")[0].tolist() == [2, -torch.inf]
    assert runner.program(1).gradient("W").flatten().tolist() == [2, 0]
