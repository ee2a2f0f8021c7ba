"""A module's own parameters are inputs of the specification: their gradients are examined, or said not to be."""

import pytest
import torch
from torch import nn
from torch.nn import functional

import scratchgrad as sg
from scratchgrad.certification import ExampleMismatch, NothingToCertify


def numbers(*shapes):
    generator = torch.Generator().manual_seed(7)
    return tuple(torch.randn(*shape, dtype=torch.float64, generator=generator) for shape in shapes)


class ForgetsTheBias(nn.Linear):
    def forward(self, x):
        return functional.linear(x, self.weight, self.bias.detach())


class UsesTheData(nn.Linear):
    def forward(self, x):
        return x @ self.weight.data.mT + self.bias


class Swapped(nn.Module):
    """The parameters in another order than the specification's inputs."""

    def __init__(self):
        super().__init__()
        self.shift = nn.Parameter(torch.zeros(2))
        self.matrix = nn.Parameter(torch.zeros(2, 3))

    def forward(self, x):
        return x @ self.matrix.mT + self.shift


def test_the_parameters_stand_for_the_last_inputs_and_the_verdict_says_which():
    verdict = sg.certify("linear", nn.Linear(3, 2))
    assert verdict.accepted, str(verdict)
    assert "W is the module's weight, b is the module's bias" in verdict.diagnosis
    assert not any("not given" in line for line in verdict.diagnosis)


@pytest.mark.parametrize(("module", "name"), [(ForgetsTheBias, "b"), (UsesTheData, "W")])
def test_a_parameter_whose_gradient_is_lost_is_refused(module, name):
    verdict = sg.certify("linear", module(3, 2))
    assert verdict.wrong == ("backward",), str(verdict)
    assert f"backward gives None for grad_{name}, which torch takes as zeros" in verdict.diagnosis


@pytest.mark.parametrize(
    ("function", "module", "shapes"),
    [
        (lambda x, w, b: functional.layer_norm(x, (3,), w, b), nn.LayerNorm(3), ((4, 3), (3,), (3,))),
        (functional.prelu, nn.PReLU(), ((5, 3), (1,))),
        (
            lambda x, a, b: (x @ a.mT).relu() @ b.mT,
            nn.Sequential(nn.Linear(3, 4, bias=False), nn.ReLU(), nn.Linear(4, 2, bias=False)),
            ((5, 3), (4, 3), (2, 4)),
        ),
    ],
)
def test_a_function_is_the_specification_of_a_module(function, module, shapes):
    verdict = sg.certify(function, module, example=numbers(*shapes))
    assert verdict.accepted, str(verdict)


@pytest.mark.parametrize("spec", ["conv1d", "embedding"])
def test_sizes_are_those_of_the_parameters(spec):
    module = {"conv1d": nn.Conv1d(2, 3, 2), "embedding": nn.Embedding(5, 3)}[spec]
    assert sg.certify(spec, module).accepted


def test_running_statistics_stay_as_they_are():
    module = nn.BatchNorm1d(3)

    def normalized(x, w, b):
        return functional.batch_norm(x, None, None, w, b, training=True)

    assert sg.certify(normalized, module, example=numbers((4, 3), (3,), (3,))).accepted
    assert module.num_batches_tracked == 0
    assert (module.running_mean == 0).all()
    assert module.weight.dtype == torch.float32


def test_parameters_are_named_where_their_order_is_another():
    names = {"W": "matrix", "b": "shift"}
    verdict = sg.certify("linear", Swapped(), parameters=names)
    assert verdict.accepted, str(verdict)
    with pytest.raises(ExampleMismatch) as refusal:
        sg.certify("linear", Swapped())
    assert str(refusal.value) == (
        "linear has the inputs x, W, b; the module Swapped takes 1 arguments and has shift, matrix: shift of shape [2] "
        "cannot be W. Say which is which, parameters={'W': 'weight'}, or give a function as the specification, with an "
        "example"
    )


@pytest.mark.parametrize(
    ("module", "names", "words"),
    [
        (nn.Linear(3, 2, bias=False), None, "it is not clear which of these are W, b"),
        (nn.Linear(3, 2), {"W": "wheight"}, "it has no parameter 'wheight'"),
        (nn.Linear(3, 2), {"w": "weight"}, "the specification has no input 'w'"),
        (nn.Bilinear(3, 3, 2, bias=False), {"W": "weight"}, "weight of shape [2, 3, 3] cannot be W"),
    ],
)
def test_what_cannot_be_mapped_is_refused_by_name(module, names, words):
    with pytest.raises(ExampleMismatch) as refusal:
        sg.certify("linear", module, parameters=names)
    assert words in str(refusal.value)


def test_an_example_with_another_shape_than_the_parameter_is_refused_by_name():
    with pytest.raises(ExampleMismatch) as refusal:
        sg.certify("linear", nn.Linear(3, 2), example=numbers((4, 3), (5, 3), (5,)))
    assert str(refusal.value) == (
        "W has shape (5, 3) in the example, and the module's weight, which it is, has shape (2, 3)"
    )


def test_parameters_belong_to_a_module():
    with pytest.raises(NothingToCertify, match="parameters= says which inputs are parameters of a module"):
        sg.certify("linear", functional.linear, parameters={"W": "weight"})


def test_a_class_of_modules_is_no_module():
    with pytest.raises(NothingToCertify) as refusal:
        sg.certify("linear", nn.Linear)
    assert str(refusal.value) == "forward=Linear is a class: give a module, Linear(...)"


def test_inputs_that_have_the_parameters_names_are_these():
    assert sg.certify("y[i] = bias[i] + Sum(weight[i,j]*x[j], j)", nn.Linear(3, 2)).accepted


@pytest.mark.filterwarnings("ignore:.*jit:DeprecationWarning")
def test_a_traced_module_keeps_its_parameters():
    with pytest.raises(ExampleMismatch, match="torch.jit keeps its parameters, give the module that it was made of"):
        sg.certify("linear", torch.jit.trace(nn.Linear(3, 2), torch.randn(1, 3)))
    assert sg.certify("softmax", torch.jit.trace(nn.Softmax(-1), torch.randn(2, 3))).accepted


def test_a_module_is_differentiated_twice_in_forward_mode_and_batched():
    assert sg.certify("linear", nn.Linear(3, 2), second_order=True, jvp=True, vmap=True).accepted


class Scaled(nn.Module):
    def __init__(self):
        super().__init__()
        self.factor = nn.Parameter(torch.tensor(2.0))

    def forward(self, x):
        return self.factor * x


def test_a_parameter_that_is_no_input_is_said_to_be_unexamined():
    verdict = sg.certify("y[i] = 2*x[i]", Scaled())
    assert verdict.accepted, str(verdict)
    words = "the module's factor is no input of the specification: no gradient of it is examined"
    assert words in verdict.diagnosis


def test_dropout_in_training_is_refused_by_name():
    verdict = sg.certify("h[i] = u[i]", nn.Dropout(0.5))
    assert not verdict.accepted
    assert verdict.diagnosis[-1].startswith(
        "forward draws random numbers, another seed gives other outputs: put a module"
    )
    assert sg.certify("h[i] = u[i]", nn.Dropout(0.5).eval()).accepted
