"""The compiled program goes the way of the tape; it is refused, in one line, where it cannot be or differs."""

import pytest
import torch
from hypothesis import given, settings
from hypothesis import strategies as st

from scratchgrad.lab import lab_network
from scratchgrad.layer import Layer
from scratchgrad.program import ProgramDiffers, Runner, compared
from scratchgrad.program.native import backend, build, compiler
from scratchgrad.program.native.emit import entrywise
from scratchgrad.program.runner import NativeFallback
from scratchgrad.tape import Network, Sequential
from scratchgrad.train import SGD, Adam, one_hot
from tests.program.close import close
from tests.program.random_networks import networks
from tests.program.test_trajectories import OPTIMIZERS, PHASES, agree
from tests.tape.conftest import accept

pytestmark = pytest.mark.skipif(compiler() is None, reason="there is no C compiler here")


def data(n=32, dtype=torch.float64):
    generator = torch.Generator().manual_seed(2)
    x = torch.randn(n, 64, generator=generator, dtype=torch.float64).to(dtype)
    return {"x": x, "y": one_hot(torch.randint(0, 10, (n,), generator=generator), 10, dtype)}


@pytest.mark.parametrize("batch", [1, 3, 32])
@pytest.mark.parametrize("make", [SGD, lambda: SGD(0.05, 0.9), Adam], ids=["SGD", "momentum", "Adam"])
def test_compiled_the_lab_network_goes_the_way_of_the_tape(make, batch):
    plain, net = (lab_network(dtype=torch.float64, weight_decay=1e-3) for _ in range(2))
    runner, by_tape, given = Runner(net, make(), values=("o",), backend="native"), make(), data(batch)
    for _ in range(20):
        values = plain.forward(**given)
        plain.backward()
        plain.step(by_tape)
        close(runner.step(given, batch), plain.objective, "objective")
        close(runner.program(batch).value("o"), values["o"], "o")
    assert isinstance(runner.program(batch), backend.NativeProgram)
    for name in net.names("parameter"):
        close(net.value(name), plain.value(name), name)


@pytest.mark.slow
@settings(max_examples=200, phases=PHASES)
@given(drawn=networks(), make=st.sampled_from(OPTIMIZERS), watched=st.integers(0, 2**24 - 1))
def test_200_networks_compiled_go_the_way_of_the_tape(drawn, make, watched):
    agree(drawn, make, watched, backend="native")


def test_what_is_no_number_and_what_is_infinite_stay_what_they_are():
    for bad in (torch.nan, torch.inf, -torch.inf):
        found = []
        for chosen in ("torch", "native"):
            net = lab_network(dtype=torch.float32)
            runner = Runner(net, SGD(0.1), values=("h", "o"), backend=chosen)
            given = data(dtype=torch.float32)
            given["x"][3, 5] = bad
            runner.step(given, 32)
            program = runner.program(32)
            found.append([program.value("h").clone(), program.value("o").clone(), net.value("W"), net.value("b2")])
        for want, got in zip(*found, strict=True):
            assert torch.equal(want.isnan(), got.isnan())
            assert torch.equal(want.isinf(), got.isinf())


def test_float_exponentials_are_right_from_the_smallest_to_the_largest():
    net = Network()
    net.input("u", 8)
    net.parameter("c", value=1.0)
    net.add("softmax_cross_entropy", "u", "u", name=("o", "L"))
    net.minimize(net.add("scale", "L", "c"))
    given = {"u": torch.tensor([[0, -1, -87, -88.5, -100, -103.9, -104.5, -1e9], [0.5, 1, 2, 3, 4, 5, 6, 88]])}
    found = []
    for chosen in ("torch", "native"):
        runner = Runner(net, SGD(0.0), values=("o",), backend=chosen)
        runner.step(given, 2)
        found.append(runner.program(2).value("o").clone())
    torch.testing.assert_close(found[1], found[0], rtol=1e-6, atol=1e-45)


def test_a_compiled_program_is_found_again_by_its_content(monkeypatch, tmp_path):
    monkeypatch.setenv("SCRATCHGRAD_CACHE", str(tmp_path))
    found = []
    for net, optimizer, batch in ((lab_network(), SGD(0.1), 7), (lab_network(seed=5), SGD(0.3), 7)):
        Runner(net, optimizer, backend="native").program(batch)
        found.append(set(tmp_path.rglob("*.so")))
    assert found[0] == found[1] != set()
    Runner(lab_network(), SGD(0.1), backend="native").program(8)
    assert len(set(tmp_path.rglob("*.so"))) == len(found[0]) + 1


def test_what_is_kept_lies_in_the_one_folder_that_the_environment_names(monkeypatch, tmp_path):
    monkeypatch.setattr(compared, "_known", set())
    monkeypatch.setenv("XDG_CACHE_HOME", str(tmp_path / "user"))
    monkeypatch.setenv("SCRATCHGRAD_CACHE", str(tmp_path / "named"))
    Runner(lab_network(), SGD(0.1), backend="native").program(6)
    assert not (tmp_path / "user").exists()
    assert sorted(path.name for path in (tmp_path / "named").iterdir()) == ["compared", "native"]


def test_without_a_compiler_native_says_so_in_one_line_and_auto_is_silent(monkeypatch):
    monkeypatch.setattr(build, "compiler", lambda: None)
    monkeypatch.setattr("scratchgrad.program.native.compiler", lambda: None)
    message = "network 'lab' runs as a torch program, not compiled: there is no C compiler"
    with pytest.warns(NativeFallback, match=message):
        runner = Runner(lab_network(), SGD(0.1), backend="native")
        runner.step(data(dtype=torch.float32), 32)
    Runner(lab_network(), SGD(0.1), backend="auto").step(data(dtype=torch.float32), 32)


def test_a_compiler_that_refuses_is_named(monkeypatch):
    monkeypatch.setattr(build, "FLAGS", ("--no-such-flag",))
    with pytest.warns(NativeFallback, match=r"not compiled: .*refused the source: "):
        Runner(lab_network(), SGD(0.1), backend="auto").program(32)


def test_a_call_without_a_form_in_c_is_named():
    strange = Layer("strange", "u[i] -> h[i]")

    @strange.kernel
    class Kernel:
        @staticmethod
        def forward(u):
            return torch.special.i0(u), u

        @staticmethod
        def backward(u, grad_h):
            return grad_h * torch.special.i1(u)

    accept(strange)
    net = Network()
    W, b = net.parameter("W", (3, 3)), net.parameter("b", 3)
    net.minimize(net.add("l2_loss", net.add(strange, net.add("linear", net.input("x", 3), W, b)), net.target("y", 3)))
    runner = Runner(net, SGD(0.1), backend="native")
    with pytest.warns(NativeFallback, match=r"not compiled: (special_)?i0 \(strange\)"):
        runner.step({"x": torch.ones(2, 3), "y": torch.ones(2, 3)}, 2)


@pytest.mark.parametrize("choice", ["native", "auto"])
def test_a_compiled_program_that_differs_stops_the_run_and_names_the_first_call_that_does(monkeypatch, choice):
    monkeypatch.setitem(entrywise.EXPRESSIONS, "threshold_backward", lambda g, h, t: g)
    with pytest.raises(ProgramDiffers) as raised:
        Runner(lab_network(), SGD(0.1), backend=choice).program(32)
    message = str(raised.value)
    assert message.startswith("compiled, a program does not do what the torch program does: after call ")
    assert "threshold_backward (relu, backward), the gradient of u by " in message
    assert message.endswith("; train with backend='torch', and report this network")


def test_where_rounding_decides_on_every_batch_the_torch_program_runs(monkeypatch):
    monkeypatch.setattr(backend, "_objection", lambda *arguments: ("the step of W by 1", True))
    with pytest.warns(
        NativeFallback, match="rounding decides whether it does what the torch program does: the step of W"
    ):
        runner = Runner(lab_network(), SGD(0.1), backend="native")
        runner.program(32)
    assert not isinstance(runner.program(32), backend.NativeProgram)


def test_two_programs_of_one_content_do_not_meet():
    nets = [lab_network(seed=seed) for seed in (1, 2)]
    runners = [Runner(net, SGD(0.1), backend="native") for net in nets]
    given = data(dtype=torch.float32)
    for runner in (*runners, *runners):
        runner.step(given, 32)
    for seed, net in zip((1, 2), nets, strict=True):
        alone = lab_network(seed=seed)
        runner = Runner(alone, SGD(0.1), backend="native")
        runner.step(given, 32)
        runner.step(given, 32)
        assert torch.equal(alone.value("W"), net.value("W"))


def test_the_comparison_leaves_no_trace():
    net = lab_network()
    before = {name: net.value(name) for name in net.names("parameter")}
    runner = Runner(net, SGD(0.1, 0.9), backend="native")
    runner.program(32)
    assert all(torch.equal(net.value(name), value) for name, value in before.items())
    assert not runner._states["velocity"].any()


def test_an_unknown_backend_is_refused():
    with pytest.raises(ValueError, match="backend: expected 'torch', 'native' or 'auto', got 'cuda'"):
        Runner(lab_network(), SGD(0.1), backend="cuda")


def test_an_index_outside_its_table_is_named_and_ends_the_step():
    net = Network()
    table = net.parameter("E", (5, 3))
    vector = net.add("embedding", net.input("t", (), integer=True), table)
    net.minimize(net.add("l2_loss", vector, net.target("y", 3)))
    runner = Runner(net, SGD(0.1), backend="native")
    runner.step({"t": torch.tensor([0, 4]), "y": torch.zeros(2, 3)}, 2)
    message = r"embedding: an index lies outside E of shape \[5, 3\]; the step ended there"
    with pytest.raises(IndexError, match=message):
        runner.step({"t": torch.tensor([0, 5]), "y": torch.zeros(2, 3)}, 2)


def test_a_large_objective_is_compared_as_exactly_as_torch_adds_it_up():
    net = Sequential(1500, ("linear", 1500), "relu", ("linear", 2), loss="softmax_cross_entropy", weight_decay=1.0)
    assert isinstance(Runner(net, SGD(0.1), backend="native").program(4), backend.NativeProgram)
