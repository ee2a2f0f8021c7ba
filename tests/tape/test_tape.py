"""Running a network: values, gradients along parallel paths, batches, and what is refused in which words."""

import gc
import weakref

import numpy as np
import pytest
import torch

from scratchgrad.lab import COURSE_NUMBERS, course_network, lab_network
from scratchgrad.layer import Layer
from scratchgrad.tape import Network, Tape
from scratchgrad.tape.entry import BatchOnShared, OutOfRange
from scratchgrad.tape.operation import WrongInputs
from scratchgrad.tape.tape import NoObjective, NotComputed, UnreachableParameter
from scratchgrad.tape.values import BatchMismatch, ValueMismatch
from scratchgrad.train import SGD
from tests.tape.conftest import accept
from tests.tolerances import tolerance


def close(got, want):
    torch.testing.assert_close(got, torch.as_tensor(want, dtype=got.dtype), **tolerance(got.dtype))


def lab_and_batch(n=5, dtype=torch.float64, **options):
    generator = torch.Generator().manual_seed(1)
    net = lab_network(4, 3, 2, dtype=dtype, weight_decay=0.01, **options)
    X = torch.randn(n, 4, generator=generator, dtype=torch.float64)
    Y = torch.rand(n, 2, generator=generator, dtype=torch.float64)
    return net, X, Y


def autograd_of_lab(net, X, Y, reduction="mean"):
    """The gradients of every signal by torch autograd, from an independent implementation of the figure."""
    s = {n: net.value(n).requires_grad_() for n in ("W", "b1", "M", "b2", "lambda")}
    s["x"], s["y"] = X.clone().requires_grad_(), Y.clone().requires_grad_()
    s["u"] = s["x"] @ s["W"].T + s["b1"]
    s["h"] = torch.nn.functional.relu(s["u"])
    s["v"] = s["h"] @ s["M"].T + s["b2"]
    s["L"] = torch.nn.functional.cross_entropy(s["v"], s["y"], reduction="none")
    s["s"] = s["lambda"] * (s["W"] ** 2).sum() + s["lambda"] * (s["M"] ** 2).sum()
    s["J"] = s["L"] + s["s"]
    for signal in s.values():
        signal.retain_grad()
    (s["J"].mean() if reduction == "mean" else s["J"].sum()).backward()
    return {name: signal.grad for name, signal in s.items()}


def test_the_courses_numbers_come_out_without_a_batch_axis():
    values = course_network().forward(COURSE_NUMBERS["x"], [1, 0])
    assert values["u"].tolist() == [23, -4, 26]
    assert values["h"].tolist() == [23, 0, 26]
    assert values["v"].tolist() == [-17, 138]
    assert values["J"].shape == ()


def test_the_courses_gradients_are_those_of_the_chain_rule():
    net = course_network(weight_decay=0.1)
    net.forward(COURSE_NUMBERS["x"], [1, 0])
    net.backward()
    # o is (0, 1) to 67 digits, so dJ/dv = o - y = (-1, 1).
    close(net.gradient("v"), [-1, 1])
    close(net.gradient("b2"), [-1, 1])
    close(net.gradient("h"), [2, -3, 4])  # M^T (-1, 1)
    close(net.gradient("u"), [2, 0, 4])  # u_2 = -4 is off
    close(net.gradient("b1"), [2, 0, 4])
    close(net.gradient("x"), [36, 14])  # W^T (2, 0, 4)
    close(net.gradient("M"), [[-23 - 0.8, 1, -26 + 0.6], [23 - 0.4, 0.4, 26 + 1.4]])  # (dJ/dv) h^T + 2 lambda M
    close(net.gradient("W"), [[6 + 0.8, 4 + 1], [-0.4, 0.4], [12 + 1.4, 8 + 0.2]])  # (dJ/du) x^T + 2 lambda W
    close(net.gradient("lambda"), 206)  # ||W||^2 + ||M||^2 = 99 + 107
    close(net.gradient("o"), [0, 0])  # nobody consumes o


@pytest.mark.parametrize("n", [1, 2, 5])
@pytest.mark.parametrize("reduction", ["mean", "sum"])
def test_every_gradient_of_the_lab_agrees_with_autograd(n, reduction):
    net, X, Y = lab_and_batch(n)
    net.reduction = reduction
    net.forward(X, Y)
    net.backward()
    for name, want in autograd_of_lab(net, X, Y, reduction).items():
        torch.testing.assert_close(net.gradient(name), want, **tolerance(want.dtype), msg=lambda m, k=name: f"{k}: {m}")


def test_the_objective_is_the_mean_over_the_batch_or_the_sum_on_request():
    net, X, Y = lab_and_batch()
    J = net.forward(X, Y)["J"]
    assert J.shape == (5,)
    assert net.objective == pytest.approx(float(J.mean()), rel=1e-12)
    summed = Network(dtype=torch.float64)
    summed.minimize(summed.input("J", ()), reduction="sum")
    summed.forward([1, 2, 4])
    assert summed.objective == 7
    summed.backward()
    assert summed.gradient("J").tolist() == [1, 1, 1]


def test_a_batch_of_one_and_the_sample_alone_give_the_same_gradients():
    net, X, Y = lab_and_batch(1)
    net.forward(X, Y)
    net.backward()
    batched = {s.name: net.gradient(s) for s in net.signals}
    net.forward(X[0], Y[0])
    net.backward()
    for name, gradient in batched.items():
        alone = net.gradient(name)
        torch.testing.assert_close(gradient.reshape(alone.shape), alone, **tolerance(torch.float64))
    assert net.gradient("x").shape == (4,)


def test_an_empty_batch_gives_gradients_zero():
    net, X, Y = lab_and_batch()
    net.forward(X[:0], Y[:0])
    net.backward()
    assert net.gradient("W").abs().sum() == 0
    assert net.gradient("x").shape == (0, 4)


def test_a_signal_used_twice_by_one_layer_gets_both_gradients():
    net = Network(dtype=torch.float64)
    x = net.input("x", ())
    net.minimize(net.add("add", x, x))
    net.forward(3)
    net.backward()
    assert float(net.gradient("x")) == 2


def test_a_second_backward_gives_equal_gradients():
    net, X, Y = lab_and_batch()
    net.forward(X, Y)
    net.backward()
    first = net.gradient("W").clone()
    net.backward()
    assert torch.equal(net.gradient("W"), first)


def test_without_targets_only_what_does_not_need_them_is_computed():
    net, X, Y = lab_and_batch()
    full, prediction = net.forward(X, Y), net.forward(X)
    assert set(full) - set(prediction) == {"y", "L", "J"}
    assert torch.equal(full["o"], prediction["o"])
    assert prediction["o"].shape == (5, 2)
    with pytest.raises(NotComputed, match="signal 'L' was not computed, because forward was given no target"):
        prediction["L"]
    with pytest.raises(NotComputed, match="signal 'J' was not computed"):
        net.value("J")
    with pytest.raises(NotComputed, match="the objective 'J' was not computed, because forward was not given 'y'"):
        net.backward()


def test_an_output_that_hides_a_missing_target_from_not_a_number_is_still_not_computed():
    sign = Layer("sign_loss", "v[i] y[i] -> o[i] L")

    @sign.kernel
    class Kernel:
        @staticmethod
        def forward(v, y):
            return (2 * v, (y > 0).to(v.dtype).sum(-1)), None

        @staticmethod
        def backward(saved, grad_o, grad_L):
            return None, None

    accept(sign)
    net = Network()
    net.add(sign, net.input("v", 40), net.target("y", 40), name=("o", "L"))
    assert set(net.forward(torch.zeros(3, 40))) == {"v", "o"}


def test_values_may_be_lists_arrays_or_tensors_of_any_precision():
    net, X, Y = lab_and_batch(3)
    want = net.forward(X, Y)["J"]
    for x, y in [
        (X.tolist(), Y.tolist()),
        (X.numpy(), Y.numpy()),
        (list(X), list(Y)),
        (np.asfortranarray(X.numpy())[:, ::1], Y.numpy()[::-1][::-1]),
        (X.numpy().astype(">f8"), Y.numpy().astype(np.longdouble)),
    ]:
        assert torch.equal(net.forward(x, y)["J"], want)
    assert net.forward(X.float().to(torch.float32), Y)["u"].dtype == torch.float64
    assert net.forward(np.ones((3, 4), dtype=np.uint8), Y)["u"].dtype == torch.float64


def test_values_may_be_given_by_name():
    net, X, Y = lab_and_batch()
    assert torch.equal(net.forward(y=Y, x=X)["J"], net.forward(X, Y)["J"])
    assert torch.equal(net.forward(X, y=Y)["J"], net.forward(X, Y)["J"])
    with pytest.raises(WrongInputs, match="forward: input 'x' is missing; expected x, y"):
        net.forward(y=Y)
    with pytest.raises(WrongInputs, match="forward: 'x' is given twice"):
        net.forward(X, x=X)
    with pytest.raises(WrongInputs, match=r"forward: expected at most 2 values \(x, y\), got 3"):
        net.forward(X, Y, Y)
    with pytest.raises(WrongInputs, match="forward: 'W' is a parameter; only inputs and targets are given"):
        net.forward(X, W=Y)


def test_samples_in_columns_are_recognised_and_the_transpose_is_offered():
    net, X, Y = lab_and_batch(7)
    with pytest.raises(ValueMismatch) as refusal:
        net.forward(X.T, Y)
    assert str(refusal.value) == (
        "input 'x': expected [n, 4] for a batch of n samples or [4] for one, got [4, 7]; "
        "this is one column a sample, here samples are rows: give x.T"
    )
    with pytest.raises(ValueMismatch, match=r"got \[4, 1\]; this is a column vector, here samples are rows: give x.T"):
        net.forward([[1], [2], [3], [4]])
    image = Network()
    image.input("image", (2, 3))
    with pytest.raises(ValueMismatch, match=r"give image.permute\(2, 0, 1\)"):
        image.forward(torch.zeros(2, 3, 5))


def test_class_numbers_in_the_place_of_one_hot_rows_are_recognised():
    net, X, _ = lab_and_batch(3)
    with pytest.raises(ValueMismatch, match=r"target 'y': expected \[n, 2\] .* are these class numbers\? Give one"):
        net.forward(X, [0, 1, 1])


def test_inputs_and_targets_carry_one_number_of_samples():
    net, X, Y = lab_and_batch(5)
    with pytest.raises(BatchMismatch, match="same number of samples, but 'x' carries 5, 'y' carries 4"):
        net.forward(X, Y[:4])
    with pytest.raises(BatchMismatch, match="same number of samples, but 'x' carries 5, 'y' is one sample"):
        net.forward(X, Y[0])


def test_a_batch_on_an_input_that_samples_share_is_refused_and_one_sample_is_not():
    net = Network(dtype=torch.float64)
    x = net.input("A", (2, 2))
    net.add("squared_norm", x, 2.0, name="s")
    assert float(net.forward(np.ones((2, 2)))["s"]) == 8
    with pytest.raises(BatchOnShared) as refusal:
        net.forward(np.ones((3, 2, 2)))
    assert str(refusal.value) == (
        "squared_norm: signal 'A' carries a batch, but W[i,j] of layer 'squared_norm' is shared by all samples; "
        "give one sample, without a batch axis"
    )


def test_without_an_objective_there_are_no_gradients():
    net = Network(name="open")
    net.add("relu", net.input("u", 3))
    net.forward([1, 2, 3])
    with pytest.raises(NoObjective, match=r"network 'open' has no objective; call net.minimize\(J\) with its signal J"):
        net.backward()
    with pytest.raises(NoObjective):
        _ = net.objective


def test_parameters_that_the_objective_does_not_depend_on_are_named():
    net, X, Y = lab_and_batch()
    net.parameter("V", (2, 3))
    net.parameter("c", 2)
    net.add("linear", "h", "V", "c", name="side")
    net.forward(X, Y)
    with pytest.raises(UnreachableParameter, match="objective 'J' does not depend on the parameters 'V', 'c': no path"):
        net.backward()


def test_a_signal_off_the_path_has_gradient_zero():
    net, X, Y = lab_and_batch()
    net.add("relu", "v", name="side")
    net.forward(X, Y)
    net.backward()
    assert torch.equal(net.gradient("side"), torch.zeros(5, 2, dtype=torch.float64))


def test_values_and_gradients_are_not_read_before_they_are_computed():
    net, X, Y = lab_and_batch()
    with pytest.raises(NotComputed, match=r"no values yet; run net.forward\(...\) first"):
        net.value("u")
    with pytest.raises(NotComputed, match=r"no values yet; run net.forward\(...\) first"):
        net.backward()
    with pytest.raises(NotComputed, match=r"no gradients yet; run net.forward\(...\), then net.backward\(\) first"):
        net.gradient("W")
    net.forward(X, Y)
    net.backward()
    net.forward(X, Y)
    with pytest.raises(NotComputed, match=r"no gradients since the last forward run; run net.backward\(\) first"):
        net.gradient("W")


class Descent:
    """Plain gradient descent with rate 1."""

    def update(self, parameters, gradients, epoch):
        for name, parameter in parameters.items():
            parameter.sub_(gradients[name])


def test_a_step_changes_the_parameters_and_makes_what_was_computed_stale():
    net, X, Y = lab_and_batch()
    values = net.forward(X, Y)
    net.backward()
    want = net.value("W") - net.gradient("W")
    net.tape.step(Descent())
    assert torch.equal(net.value("W"), want)
    assert net.gradient("W").shape == (3, 4)
    assert values["u"].shape == (5, 3)
    with pytest.raises(NotComputed, match=r"parameter 'W' has changed since this forward run; read net.value\('W'\)"):
        values["W"]
    with pytest.raises(NotComputed, match="backward: parameters have changed since forward; run forward again first"):
        net.backward()
    with pytest.raises(NotComputed, match="step: parameters have changed since backward"):
        net.tape.step(Descent())


def test_changing_an_array_after_forward_does_not_change_the_gradients():
    net, X, Y = lab_and_batch()
    array = X.numpy().copy()
    net.forward(array, Y)
    net.backward()
    want = net.gradient("W").clone()
    net.forward(array, Y)
    array[:] = 0
    net.backward()
    assert torch.equal(net.gradient("W"), want)


def test_values_are_read_only_and_stay_as_they_were():
    net, X, Y = lab_and_batch()
    values = net.forward(X, Y)
    before = values["u"].clone()
    net.forward(2 * X, Y)
    assert torch.equal(values["u"], before)
    with pytest.raises(TypeError):
        values["u"] = before
    assert list(values) == [s.name for s in net.signals]
    assert repr(values).startswith("<Values x [5, 4], W [3, 4]")


def test_no_tensor_of_a_run_records_a_graph():
    net, X, Y = lab_and_batch()
    values = net.forward(X.requires_grad_(), Y)
    net.backward()
    assert all(not v.requires_grad and v.grad_fn is None for v in values.values())
    assert not net.gradient("x").requires_grad


def test_the_precision_of_every_value_and_gradient_is_the_networks():
    net, X, Y = lab_and_batch(dtype=torch.float32)
    for dtype in (torch.float32, torch.float64):
        values = net.to(dtype).forward(X, Y)
        net.backward()
        assert {v.dtype for v in values.values()} == {dtype}
        assert {net.gradient(s).dtype for s in net.signals} == {dtype}


def test_the_tape_is_lowered_once_and_again_when_the_graph_grows():
    net, _, _ = lab_and_batch()
    first = net.tape
    assert net.tape is first and len(first) == 8 and isinstance(first, Tape)
    net.add("relu", "v", name="side")
    assert net.tape is not first and len(net.tape) == 9


def test_a_network_that_nobody_holds_is_freed():
    net, X, Y = lab_and_batch()
    net.forward(X, Y)
    tape = weakref.ref(net.tape)
    del net
    gc.collect()
    assert tape() is None


def test_a_step_of_the_network_is_a_step_of_its_tape():
    net = Network(dtype=torch.float64)
    v = net.parameter("v", [3.0])
    net.minimize(net.add("l2_loss", v, net.target("y", 1), name="L"))
    net.forward([1.0])
    net.backward()
    net.step(SGD(lr=0.25))
    assert net.value("v").tolist() == [3.0 - 0.25 * 2 * (3.0 - 1.0)]


def test_backward_through_a_layer_that_lacks_its_target_says_so():
    net = Network()
    v = net.add("scale", net.input("x", 3), net.parameter("c", 2.0), name="v")
    o, _ = net.add("softmax_cross_entropy", v, net.target("y", 3), name=("o", "L"))
    net.minimize(net.add("l2_loss", o, net.constant("k", [1, 0, 0]), name="J"))
    net.forward([1, 2, 3])
    with pytest.raises(NotComputed, match="softmax_cross_entropy was only computed in part, because forward was not"):
        net.backward()
    net.forward([1, 2, 3], [1, 0, 0])
    net.backward()


def test_an_integer_valued_input_is_a_place_that_the_axis_has():
    net = Network()
    net.minimize(net.add("nll", net.input("l", 3), net.target("t", (), integer=True), name="L"))
    for value, shown in ((-1, "-1"), (0.5, "0.5")):
        with pytest.raises(ValueMismatch, match=f"target 't': expected whole numbers from 0 on, got {shown}; they are"):
            net.forward([1, 2, 3], value)
    with pytest.raises(OutOfRange, match="nll: t:int points beyond the axis that it picks from"):
        net.forward([1, 2, 3], 3)
    assert net.forward([1, 2, 3], 2.0)["L"] == -3
