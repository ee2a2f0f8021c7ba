"""A network's values lie in the domains that its layers declare: checked when they are given, not while it runs."""

import pytest
import torch

from scratchgrad import derive
from scratchgrad.layer import Layer
from scratchgrad.membership import DomainViolated
from scratchgrad.tape import Network
from scratchgrad.train.feed import Feed

tail = Layer("tail", "v[i] y[i]:onehot nu>0 -> L", shared="nu")


def network(nu=1.0):
    net = Network()
    net.add(tail, net.input("v", 3), net.target("y", 3), net.parameter("width", value=nu), name="L")
    return net


@pytest.mark.parametrize("nu", [0.0, -1.0])
def test_a_parameter_that_starts_outside_the_domain_is_refused_and_nothing_is_added(nu):
    net = Network()
    v, y = net.input("v", 3), net.target("y", 3)
    width = net.parameter("width", value=nu)
    with pytest.raises(DomainViolated, match=f"tail: parameter 'width': expected nu>0, got {nu:g}; give values in"):
        net.add(tail, v, y, width)
    assert not net.operations and net.names("result") == ()


def test_so_is_a_number_of_which_no_constant_remains():
    net = Network()
    v, y = net.input("v", 3), net.target("y", 3)
    with pytest.raises(DomainViolated, match="tail: constant 'nu': expected nu>0, got -1; give values in this domain"):
        net.add(tail, v, y, -1.0)
    assert net.names("constant") == ()
    net.add(tail, v, y, 1.0)


def test_a_value_that_is_set_is_checked_and_the_old_one_stays():
    net = network()
    with pytest.raises(DomainViolated, match="tail: parameter 'width': expected nu>0, got -2"):
        net.set("width", -2.0)
    assert net.value("width") == 1
    net.set("width", 3.0)


def test_parameters_of_a_file_are_checked_before_any_is_taken(tmp_path):
    source = Network()
    source.parameter("width", value=-1.0)
    path = source.save(tmp_path / "width.safetensors")
    net = network()
    with pytest.raises(DomainViolated, match="parameter 'width': expected nu>0, got -1"):
        net.load(path)
    assert net.value("width") == 1


def test_a_target_is_checked_where_forward_is_given_it():
    net = network()
    with pytest.raises(DomainViolated, match=r"tail: target 'y': expected y\[i\]:onehot .*, got 0.5 at \[1, 0\]"):
        net.forward(torch.zeros(2, 3), [[1, 0, 0], [0.5, 0.5, 0]])


def test_targets_of_training_are_checked_when_they_are_prepared():
    feed = Feed.of(network())
    feed(torch.zeros(2, 3), torch.tensor([[1.0, 0, 0], [0, 0, 1]]))
    with pytest.raises(DomainViolated, match="target 'y'.*got a row with the sum 2 at"):
        feed(torch.zeros(2, 3), torch.tensor([[1.0, 0, 0], [1, 0, 1]]))


def test_what_a_layer_computes_is_not_checked():
    gate = Layer("gate", "u[i] -> p[i]")
    net = network()
    net.add(Layer("entropy", "p[i]:simplex -> H"), net.add(gate, "v"))


@pytest.mark.parametrize("what", ["evaluate", "exact", "forward"])
def test_a_definition_has_no_value_outside_the_domains_and_says_whose(what):
    d = derive("y = x/sqrt(nu)", domains="nu>0")
    given = {"x": 1.0, "nu": -4.0}
    ask = {
        "evaluate": lambda: d["x"].evaluate(given),
        "exact": lambda: d["x"].exact(None, given),
        "forward": lambda: d.forward(given),
    }[what]
    with pytest.raises(DomainViolated, match="evaluate: expected nu>0, got -4; give values in this domain"):
        ask()
    given["nu"] = 4.0
    ask()
