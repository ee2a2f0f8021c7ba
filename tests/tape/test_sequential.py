"""The short form builds exactly the explicit network."""

import dataclasses

import pytest
import torch

from scratchgrad.lab import lab_network
from scratchgrad.layer import Layer
from scratchgrad.signature import ShapeMismatch
from scratchgrad.tape import Sequential
from scratchgrad.tape.operation import WrongInputs
from scratchgrad.tape.sequential import InvalidDecay


def test_two_linear_layers_make_the_labs_network_with_its_names_latex_and_start():
    short = Sequential(
        64, ("linear", 32), "relu", ("linear", 10), loss="softmax_cross_entropy", weight_decay=1e-4, seed=4
    )
    lab = lab_network(64, 32, 10, weight_decay=1e-4, seed=4)
    assert dataclasses.replace(short.graph(), name="lab") == lab.graph()
    assert all(torch.equal(short.value(name), lab.value(name)) for name in lab.names("parameter"))


def test_more_layers_get_systematic_names_and_one_regularizer_a_matrix():
    net = Sequential(6, ("linear", 5), "relu", ("linear", 4), "relu", ("linear", 3), loss="l2_loss", weight_decay=0.1)
    assert [s.name for s in net.signals] == ("x W1 b1 u1 h1 W2 b2 u2 h2 W3 b3 v y L lambda s1 s2 s3 s1to2 s J".split())
    values = net.forward(torch.ones(2, 6), torch.ones(2, 3))
    norms = sum(float(net.value(W).square().sum()) for W in ("W1", "W2", "W3"))
    assert float(values["s"]) == pytest.approx(0.1 * norms, rel=1e-5)


def test_one_matrix_needs_no_sum_of_regularizers():
    net = Sequential(6, ("linear", 5), loss="l2_loss", weight_decay=0.1)
    assert [s.name for s in net.signals] == "x W1 b1 v y L lambda s1 J".split()


def test_without_weight_decay_the_loss_is_the_objective_and_without_a_loss_there_is_none():
    assert Sequential(6, ("linear", 5), loss="l2_loss").objective_signal.name == "L"
    net = Sequential(6, ("linear", 5), "relu")
    assert net.objective_signal is None
    assert net.signals[-1].name == "v"


def test_a_layer_of_ones_own_is_taken_as_it_is():
    gain = Layer("gain", "x[j] g[j] -> z[j]", shared="g")
    net = Sequential(6, gain, "relu", gain)
    assert [(s.name, s.shape) for s in net.signals] == [
        ("x", (6,)),
        ("g1", (6,)),
        ("z1", (6,)),
        ("h1", (6,)),
        ("g2", (6,)),
        ("v", (6,)),
    ]


def test_wrong_steps_are_refused():
    with pytest.raises(WrongInputs, match=r"Sequential: expected \('linear', i\), got 0 sizes: "):
        Sequential(6, "linear")
    with pytest.raises(WrongInputs, match="Sequential: expected 'relu', got 1 sizes: 3"):
        Sequential(6, ("relu", 3))
    with pytest.raises(WrongInputs, match=r"Sequential: l2_loss takes a second signal, y\[i\]; build the graph with"):
        Sequential(6, "l2_loss")
    with pytest.raises(WrongInputs, match="Sequential: weight_decay is a part of the objective; give a loss as well"):
        Sequential(6, ("linear", 5), weight_decay=0.1)
    with pytest.raises(ShapeMismatch, match=r"Sequential: conv1d takes x\[c,i\], got 'x' \[6\]"):
        Sequential(6, ("conv1d", 5, 3))


def test_single_numbers_are_constants_and_gains_start_at_their_usual_value():
    net = Sequential(4, ("linear", 8), "layer_norm", "leaky_relu", ("linear", 2), loss="huber")
    values = {name: net.value(name) for name in ("gamma1", "beta1", "eps1", "slope1", "d1")}
    assert values["gamma1"].tolist() == [1.0] * 8
    assert values["beta1"].tolist() == [0.0] * 8
    assert [values[name].item() for name in ("eps1", "slope1", "d1")] == pytest.approx([1e-5, 0.01, 1.0])
    assert net.names("constant") == ("eps1", "slope1", "d1")
    net.fit(([[1.0, 2, 3, 4]], [[1.0, 0]]), epochs=1, progress=False)
    assert net.value("slope1") == values["slope1"]


def test_a_number_without_a_usual_value_is_left_to_the_explicit_form():
    with pytest.raises(WrongInputs, match="Sequential: scale takes the number c, which has no usual value; build the"):
        Sequential(4, "scale")


@pytest.mark.parametrize("decay", [-0.1, float("nan"), float("inf"), "0.1", True])
def test_a_weight_decay_is_a_number_from_0_on(decay):
    with pytest.raises(InvalidDecay, match=f"Sequential: expected weight_decay >= 0, got {decay!r}"):
        Sequential(6, ("linear", 5), loss="l2_loss", weight_decay=decay)
