"""Building a network: names, shapes by letters, and what is refused in which words."""

import numpy as np
import pytest
import torch

from scratchgrad import registry
from scratchgrad.lab import lab_network
from scratchgrad.layer import Layer
from scratchgrad.registry import NotCertified, UnknownLayer
from scratchgrad.signature import ShapeMismatch
from scratchgrad.tape import Network
from scratchgrad.tape.network import (
    DuplicateSignal,
    ForeignSignal,
    InvalidName,
    NotScalar,
    SeveralObjectives,
    UnknownSignal,
)
from scratchgrad.tape.operation import WrongInputs
from scratchgrad.tape.values import ValueMismatch
from scratchgrad.train import SGD
from tests.tolerances import tolerance


def linear_network(**options):
    net = Network(**options)
    x = net.input("x", 4)
    net.add("linear", x, net.parameter("W", (3, 4)), net.parameter("b", 3), name="u")
    return net


def test_signals_may_be_given_as_objects_or_by_name():
    net = Network()
    x, W, b = net.input("x", 4), net.parameter("W", (3, 4)), net.parameter("b", 3)
    u = net.add("linear", x, W, b, name="u")
    u2 = net.add("linear", "x", "W", "b", name="u2")
    assert u.shape == u2.shape == (3,)
    values = net.forward([1, 2, 3, 4])
    assert torch.equal(values["u"], values["u2"])


def test_an_output_without_a_name_is_called_as_in_the_signature_and_numbered_from_the_second_on():
    net = linear_network()
    names = [net.add("relu", "u").name for _ in range(3)]
    assert names == ["h", "h2", "h3"]


def test_a_plain_number_becomes_a_constant_where_a_scalar_is_expected():
    net = Network()
    net.add("scale", net.input("x", ()), 2.5, name="s")
    assert net.names("constant") == ("c",)
    assert net.signal("c").latex == "2.5"
    assert float(net.forward(4)["s"]) == 10


def test_an_integer_or_a_tuple_is_a_shape_and_anything_else_a_value():
    net = Network()
    assert net.parameter("a", 3).shape == (3,)
    assert net.parameter("b", (3, 2)).shape == (3, 2)
    assert net.parameter("c", ()).shape == ()
    assert net.parameter("d", [1, -2, 3]).shape == (3,)
    assert net.parameter("e", torch.ones(2, 2)).shape == (2, 2)
    assert net.parameter("f", 0.5).shape == ()
    assert net.parameter("g", value=[[1, 2]]).shape == (1, 2)
    assert net.value("d").tolist() == [1, -2, 3]
    with pytest.raises(ValueMismatch, match="parameter 'h': expected a shape or a value, got neither"):
        net.parameter("h")
    with pytest.raises(ValueMismatch, match=r"parameter 'h': expected \[2\], got \[3\]"):
        net.parameter("h", 2, value=[1, 2, 3])
    with pytest.raises(ValueMismatch, match="parameter 'h': expected a value or an init, got both"):
        net.parameter("h", value=[1.0], init="zeros")
    with pytest.raises(ValueMismatch, match="expected sizes of at least 1, got 0"):
        net.parameter("h", 0)
    assert "h" not in [s.name for s in net.signals]


def test_weights_start_within_the_bound_of_he_and_biases_at_zero():
    net = Network(seed=3)
    net.parameter("W", (50, 24))
    net.parameter("b", 50)
    W = net.value("W")
    assert 0.4 < float(W.abs().max()) <= 0.5  # sqrt(6 / 24)
    assert abs(float(W.var()) / (2 / 24) - 1) < 0.1
    assert net.value("b").tolist() == [0] * 50


def test_the_start_follows_from_the_seed_and_the_name_and_not_from_the_order_or_the_precision():
    one, other = Network(seed=5), Network(seed=5, dtype=torch.float64)
    one.parameter("W", (3, 4))
    other.parameter("V", (3, 4))
    other.parameter("W", (3, 4))
    assert torch.equal(one.value("W"), other.value("W").float())
    assert not torch.equal(other.value("W"), other.value("V"))
    assert not torch.equal(one.value("W"), linear_network(seed=6).value("W"))


def test_an_initializer_is_a_name_or_a_function():
    net = Network()
    net.parameter("W", (2, 2), init="he_normal")
    net.parameter("V", (2, 2), init=lambda shape, generator: torch.full(shape, 7.0))
    assert net.value("V").tolist() == [[7, 7], [7, 7]]
    with pytest.raises(LookupError, match="parameter 'U': no initializer 'xavier'; known are he_uniform, he_n"):
        net.parameter("U", (2, 2), init="xavier")


@pytest.mark.parametrize(
    ("name", "latex"),
    [
        ("x", "x"),
        ("s1", "s_1"),
        ("W12", "W_{12}"),
        ("lambda", r"\lambda"),
        ("lambda_2", r"\lambda_2"),
        ("theta1", r"\theta_1"),
        ("x_hat", r"x_{\mathrm{hat}}"),
        ("x_i2", "x_{i, 2}"),
        ("bias", r"\mathrm{bias}"),
        ("_", r"\_"),
        ("__", r"\_\_"),
    ],
)
def test_trailing_digits_become_a_subscript_and_greek_names_their_letters(name, latex):
    assert Network().input(name, 2).latex == latex


def test_latex_is_kept_where_it_is_given():
    net = Network()
    assert net.parameter("b1", 3, latex="b^{(1)}").latex == "b^{(1)}"
    net.add("softmax_cross_entropy", net.input("v", 3), net.target("y", 3), name=("o", "L"), latex=("o", r"\ell"))
    assert net.signal("L").latex == r"\ell"
    with pytest.raises(WrongInputs, match="relu: expected 1 texts in latex=, got 2"):
        net.add("relu", "v", latex=("a", "b"))


def test_a_shape_mismatch_names_the_letter_the_sizes_and_the_signals():
    net = Network()
    x, W, b = net.input("pixels", 784), net.parameter("W", (256, 785)), net.parameter("b", 256)
    with pytest.raises(ShapeMismatch) as refusal:
        net.add("linear", x, W, b, name="u")
    assert str(refusal.value) == (
        "linear: index 'j' is 784 in x[j] but 785 in W[i,j]; is W transposed? "
        "(here x[j] is 'pixels' [784], W[i,j] is 'W' [256, 785], b[i] is 'b' [256])"
    )


def test_the_number_of_signals_is_checked():
    net = linear_network()
    with pytest.raises(WrongInputs, match=r"linear: expected 3 signals for x\[j\] W\[i,j\] b\[i\], got 2: 'x', 'W'"):
        net.add("linear", "x", "W")
    with pytest.raises(WrongInputs, match=r"linear: expected 3 signals for x\[j\] W\[i,j\] b\[i\], got 0$"):
        net.add("linear")


def test_a_number_in_the_place_of_a_tensor_is_refused_and_leaves_no_constant_behind():
    net = linear_network()
    with pytest.raises(WrongInputs, match=r"linear: b\[i\] takes a signal, got the number 0"):
        net.add("linear", "x", "W", 0)
    with pytest.raises(WrongInputs, match="scale: expected a signal or its name, got list"):
        net.add("scale", "x", [1])
    with pytest.raises(ShapeMismatch):
        net.add("squared_norm", "x", 3)
    assert net.names("constant") == ()


def test_unknown_names_propose_the_close_ones():
    net = linear_network(name="digits")
    with pytest.raises(UnknownLayer, match=r"did you mean 'linear' or 'bilinear'\?"):
        net.add("linaer", "x", "W", "b")
    net.input("pixels", 4)
    with pytest.raises(UnknownSignal, match=r"network 'digits' has no signal 'pixel'; did you mean 'pixels'\?"):
        net.add("relu", "pixel")
    with pytest.raises(UnknownSignal, match="network 'digits' has no signal 'q'; it has x, W, b, u, pixels"):
        net.value("q")


def test_a_name_belongs_to_one_signal():
    net = linear_network()
    with pytest.raises(DuplicateSignal, match="network 'network' has a parameter named 'W' already"):
        net.input("W", 3)
    with pytest.raises(DuplicateSignal, match="has an input named 'x' already"):
        net.input("x", 3)
    with pytest.raises(DuplicateSignal, match="has a result named 'u' already"):
        net.add("relu", "u", name="u")
    with pytest.raises(DuplicateSignal, match="expected different names for its outputs, got q, q"):
        net.add("softmax_cross_entropy", "u", "b", name=("q", "q"))
    with pytest.raises(WrongInputs, match=r"softmax_cross_entropy: expected 2 names for o\[i\] L, got 1"):
        net.add("softmax_cross_entropy", "u", "b", name="q")
    with pytest.raises(InvalidName, match="signal 'a b': expected letters, digits and '_', not beginning with a digit"):
        net.input("a b", 3)
    with pytest.raises(InvalidName, match="signal 'grad_x': names that begin with grad_ or bar_ are"):
        net.input("grad_x", 3)


def test_a_signal_of_another_network_is_refused():
    foreign = linear_network(name="first").signal("u")
    with pytest.raises(ForeignSignal, match="signal 'u' belongs to another network, 'first'; use this one's own"):
        linear_network(name="second").add("relu", foreign)


def test_a_network_has_one_objective_and_it_is_a_scalar():
    net = linear_network()
    with pytest.raises(NotScalar, match=r"objective 'u': expected one number a sample, got shape \[3\]; let a"):
        net.minimize("u")
    L = net.add("l2_loss", "u", net.target("y", 3), name="L")
    net.minimize(L)
    with pytest.raises(SeveralObjectives, match="minimizes 'L' already, got 'L' as well; a network has one objective"):
        net.minimize(L)
    with pytest.raises(ValueError, match="expected reduction 'mean' or 'sum', got 'max'"):
        other = Network()
        other.minimize(other.input("J", ()), reduction="max")


def test_a_network_of_uncertified_layers_can_be_built_but_not_run():
    swish = Layer("swish", "u[i] -> h[i]")
    swish.kernel(registry.layer("relu").kernel_class)
    net = linear_network()
    assert net.add(swish, "u", name="h").shape == (3,)
    with pytest.raises(NotCertified, match=r"layer 'swish' has no certificate. Run: sg.certify\(layer\)"):
        net.forward([1, 2, 3, 4])


def test_an_axis_that_no_input_has_is_named():
    grow = Layer("grow", "u[i] -> h[k]")
    net = linear_network()
    with pytest.raises(ShapeMismatch, match=r"grow: no input has the axis 'k' of h\[k\]: its size is unknown"):
        net.add(grow, "u")


def test_integers_go_where_integers_are_wanted():
    pick = Layer("pick", "E[i,j] t:int -> e[j]", shared="E")
    net = Network()
    E, t, r = net.parameter("E", (5, 3)), net.input("t", (), integer=True), net.input("r", ())
    assert net.add(pick, E, t).shape == (3,)
    with pytest.raises(WrongInputs, match="pick: t:int takes integers, signal 'r' has real numbers"):
        net.add(pick, E, r)


def test_values_of_parameters_are_copies_and_set_checks_the_shape():
    net = linear_network()
    net.value("b").add_(1)
    assert net.value("b").tolist() == [0, 0, 0]
    net.set("b", [1, 2, 3])
    assert net.value("b").tolist() == [1, 2, 3]
    with pytest.raises(ValueMismatch, match=r"parameter 'W': expected \[3, 4\], got \[4, 3\]; give its transpose"):
        net.set("W", torch.zeros(4, 3))
    with pytest.raises(ValueMismatch, match=r"input 'x': only parameters and constants are set; give an input to net"):
        net.set("x", [0, 0, 0, 0])
    with pytest.raises(ValueMismatch, match="parameter 'b': expected real numbers, got str of <U1"):
        net.set("b", "a")
    with pytest.raises(ValueMismatch, match="parameter 'b': expected an array, got list"):
        net.set("b", [[1, 2], [3]])
    with pytest.raises(ValueMismatch, match="parameter 'b': expected real numbers, got a tensor of torch.complex64"):
        net.set("b", torch.zeros(3, dtype=torch.complex64))


def test_the_precision_is_float32_or_float64():
    assert linear_network().to(torch.float64).value("W").dtype == torch.float64
    with pytest.raises(TypeError, match="expected dtype torch.float32 or torch.float64, got torch.float16"):
        Network(dtype=torch.float16)


def test_the_listing_shows_every_signal_every_operation_and_the_objective():
    net = linear_network(name="small")
    net.minimize(net.add("l2_loss", "u", net.target("y", 3), name="L"))
    assert str(net) == (
        "Network 'small': 2 operations, 15 parameter values, torch.float32\n"
        "  input      x [4]\n"
        "  parameter  W [3, 4]\n"
        "  parameter  b [3]\n"
        "  target     y [3]\n"
        "  operation  linear(x, W, b) -> u [3]\n"
        "  operation  l2_loss(u, y) -> L (a number)\n"
        "  minimizes  L, its mean over a batch"
    )
    assert str(net.tape) == "1  u = linear(x, W, b)  [n, 3]\n2  L = l2_loss(u, y)    [n]"


def test_leading_axes_are_further_samples() -> None:
    """A layer over one axis, applied at every place of a sequence, is the layer applied to each row."""
    net = Network(dtype=torch.float64)
    x = net.input("x", (3, 4))
    W, b = net.parameter("W", (2, 4)), net.parameter("b", 2)
    h = net.add("relu", net.add("linear", x, W, b, name="u"), name="h")
    y = net.target("y", (3, 2))
    L = net.add("l2_loss", h, y, name="L")
    assert h.shape == (3, 2)
    assert L.shape == (3,)
    X, Y = torch.randn(5, 3, 4, dtype=torch.float64), torch.randn(5, 3, 2, dtype=torch.float64)
    values = net.forward(X, Y)
    rows = (X.reshape(15, 4) @ net.value("W").T + net.value("b")).relu()
    assert torch.equal(values["h"], rows.reshape(5, 3, 2))
    single = net.forward(X[0], Y[0])
    torch.testing.assert_close(single["h"], rows[:3], **tolerance(torch.float64))


def test_several_signals_to_minimize_are_refused_in_one_call_as_well():
    net = linear_network()
    for several in (("x", "b"), (["x", "b"],)):
        with pytest.raises(SeveralObjectives, match="expected one signal to minimize, got several; a network has one"):
            net.minimize(*several)


@pytest.mark.parametrize(
    ("shape", "message"),
    [
        (2.5, "shape 2.5: expected a whole number or a tuple of them, got float"),
        (None, "shape None: expected a whole number or a tuple of them, got NoneType"),
        ((2, 0), r"shape \(2, 0\): expected sizes of at least 1, got 0"),
    ],
)
def test_a_shape_is_made_of_whole_numbers(shape, message):
    with pytest.raises(ValueMismatch, match=message):
        Network().input("x", shape)
    assert Network().input("x", np.int64(3)).shape == (3,)


def test_what_is_neither_a_signal_nor_a_name_is_refused():
    with pytest.raises(UnknownSignal, match="expected a signal or its name, got NoneType"):
        Network().minimize(None)


def test_what_was_read_stays_as_it_is_whatever_the_network_does_next():
    net = lab_network(4, 3, 2)
    X, Y = torch.rand(5, 4), torch.eye(2)[[0, 1, 0, 1, 1]]
    values = net.forward(X, Y)
    net.backward()
    read = {name: values[name] for name in values} | {f"grad_{n}": net.gradient(n) for n in ("W", "h", "x", "s")}
    read |= {f"value_{n}": net.value(n) for n in ("W", "v")}
    before = {name: tensor.clone() for name, tensor in read.items()}
    for _ in range(2):
        net.step(SGD(0.5))
        net.forward(2 * X, Y)
        net.backward()
    net.fit((X, torch.tensor([0, 1, 0, 1, 1])), epochs=1, validation=False, progress=False)
    assert all(torch.equal(read[name], before[name]) for name in read)


def test_what_was_read_is_an_ordinary_tensor_of_ones_own():
    net = lab_network(4, 3, 2)
    X, Y = torch.rand(5, 4), torch.eye(2)[[0, 1, 0, 1, 1]]
    values = net.forward(X, Y)
    for name in ("x", "h", "v", "W"):
        values[name].zero_()
    net.backward()
    gradient = net.gradient("W")
    net.gradient("W").zero_()
    assert gradient.abs().sum() > 0 and torch.equal(net.gradient("W"), gradient)
    weight = torch.ones(3, 4, requires_grad=True)
    (weight * gradient).sum().backward()
    assert torch.equal(weight.grad, gradient)
