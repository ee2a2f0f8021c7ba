"""Layers are found by name and signature, in whatever convention; marks and a mapping say the rest."""

import pytest

from scratchgrad.grading.binding import CannotBind, bind, parameters_of
from scratchgrad.grading.finding import candidates
from scratchgrad.grading.judging import convention_of, judge
from scratchgrad.grading.kinds import KINDS, kind_of_name
from scratchgrad.grading.mapping import Entry, read_mapping
from scratchgrad.grading.mark import ATTRIBUTE, MarkWrong, grades
from tests.grading.conftest import STUDENTS

NUMPY = "import numpy as np\n"
TORCH = "import torch\n"

RIGHT = {
    "a pair, numpy, rows": NUMPY
    + """
def fc_forward(inp, weights, bias):
    return inp @ weights + bias

def fc_backward(grad_out, inp, weights, bias):
    return grad_out @ weights.T, inp.T @ grad_out, grad_out.sum(axis=0)
""",
    "a pair that returns its gradients in another order": NUMPY
    + """
def linear(x, W, b):
    return x @ W.T + b

def linear_backward(dout, x, W, b):
    dW, db = dout.T @ x, dout.sum(0)
    dx = dout @ W
    return dW, db, dx
""",
    "columns with a cache, as in the course of neural networks": NUMPY
    + """
def linear_forward(A_prev, W, b):
    return W @ A_prev + b, (A_prev, W, b)

def linear_backward(dZ, cache):
    A_prev, W, b = cache
    dA_prev = W.T @ dZ
    dW = dZ @ A_prev.T
    db = dZ.sum(axis=1, keepdims=True)
    return dA_prev, dW, db
""",
    "a backward of the output": TORCH
    + """
def sigmoid(z):
    return torch.sigmoid(z)

def sigmoid_backward(grad_a, a):
    return grad_a * a * (1 - a)
""",
    "an autograd.Function": TORCH
    + """
class ReLU(torch.autograd.Function):
    @staticmethod
    def forward(ctx, x):
        ctx.save_for_backward(x)
        return x.clamp_min(0)

    @staticmethod
    def backward(ctx, g):
        (x,) = ctx.saved_tensors
        return g * (x > 0)
""",
    "a class with sizes, parameters and gradients in dictionaries": NUMPY
    + """
class Dense:
    def __init__(self, in_features, out_features):
        self.params = {"W": np.zeros((in_features, out_features)), "b": np.zeros(out_features)}
        self.grads = {}

    def forward(self, x):
        self.x = x
        return x @ self.params["W"] + self.params["b"]

    def backward(self, grad):
        self.grads["W"] = self.x.T @ grad
        self.grads["b"] = grad.sum(axis=0)
        return grad @ self.params["W"].T
""",
    "a loss with its gradient": NUMPY
    + """
def mse_loss(pred, target):
    diff = pred - target
    return np.mean(diff ** 2), 2 * diff / diff.size
""",
    "the node protocol with sizes first": TORCH
    + """
class Node:
    def __init__(self, rows, cols):
        self.output, self.grad = torch.zeros(rows, cols), torch.zeros(rows, cols)

    def accumulate_grad(self, g):
        self.grad += g

class Linear(Node):
    def __init__(self, rows, X, W, b, cols=1):
        super().__init__(rows, cols)
        self.X, self.W, self.b = X, W, b

    def forward(self):
        self.output = self.X.output @ self.W.output + self.b.output

    def backward(self):
        self.X.accumulate_grad(self.grad @ self.W.output.T)
        self.W.accumulate_grad(self.X.output.T @ self.grad)
        self.b.accumulate_grad(self.grad.sum(0, keepdim=True))
""",
    "a decorated function": NUMPY
    + """
from scratchgrad.testing import grades

@grades("h[i] = u[i]**3")
def cube(u):
    return u ** 3

@grades("h[i] = u[i]**3", part="backward")
def derivative_of_cube(g, u):
    return 3 * g * u * u
""",
    "a room by its name": TORCH
    + """
from scratchgrad.testing import grades

@grades("gelu_tanh")
def activation(u):
    return torch.nn.functional.gelu(u, approximate="tanh")

@grades("gelu_tanh", part="backward")
def activation_grad(g, u):
    return torch.ops.aten.gelu_backward(g, u, approximate="tanh")
""",
}  # fmt: skip


@pytest.mark.parametrize("name", RIGHT)
def test_a_right_layer_is_found_and_accepted(graded, name):
    (grade,) = graded(RIGHT[name]).values()
    assert grade.status == "right", (grade.headline, grade.diagnosis)


def test_a_function_that_averages_over_the_batch_is_told_so(graded):
    text = RIGHT["columns with a cache, as in the course of neural networks"]
    text = text.replace("dZ @ A_prev.T", "dZ @ A_prev.T / dZ.shape[1]")
    (grade,) = graded(text).values()
    assert (grade.status, grade.tensor) == ("wrong", "grad_W")


def test_a_gradient_that_is_never_given_is_missing(graded):
    text = RIGHT["a class with sizes, parameters and gradients in dictionaries"]
    (grade,) = graded(text.replace('        self.grads["b"] = grad.sum(axis=0)\n', "")).values()
    assert (grade.status, grade.headline) == ("wrong", "no gradient for b: backward never gives it")


def test_the_reading_that_is_right_counts_and_the_other_is_a_remark(graded):
    text = (
        TORCH
        + """
def linear_forward(x, W, b):
    return W @ x + b

def linear_backward(g, x, W, b):
    return W.T @ g, torch.outer(g, x), g
"""
    )
    (grade,) = graded(text).values()
    assert (grade.status, grade.convention) == ("right", "one sample")


def test_a_file_that_averages_over_a_batch_has_batches_in_mind(module_of):
    text = (
        (STUDENTS / "columns_right.py")
        .read_text(encoding="utf-8")
        .replace("self.grad.sum(dim=1, keepdim=True)", "self.grad")
    )
    found, _ = candidates(module_of(text), {})
    shown = convention_of(found)
    linear = next(candidate for candidate in found if candidate.name == "Linear")
    assert shown == "columns"
    assert judge(linear).convention.startswith("one sample")  # right for those who have one sample
    assert (judge(linear, shown, sure=True).status, judge(linear, shown, sure=True).tensor) == ("wrong", "grad_b")


def test_a_convention_that_is_demanded_decides(graded):
    text = (
        TORCH
        + """
def linear_forward(x, W, b):
    return W @ x + b

def linear_backward(g, x, W, b):
    return W.T @ g, g @ x.T, g
"""
    )
    (grade,) = graded(text, {"linear_forward": Entry(convention="columns")}).values()
    assert (grade.status, grade.tensor) == ("wrong", "grad_b")


def test_a_wrong_forward_is_wrong_by_the_nearest_reading(graded):
    (grade,) = graded(RIGHT["a pair, numpy, rows"].replace("+ bias", "- bias", 1)).values()
    assert "forward" in grade.wrong


def test_what_a_file_prints_and_numbers_that_are_no_arrays_do_no_harm(graded):
    text = (
        TORCH
        + """
def relu_forward(x):
    print("forward")
    return x.clamp_min(0), x

def relu_backward(dout, cache):
    return "nothing"
"""
    )
    (grade,) = graded(text).values()
    assert grade.status == "wrong"
    assert "a str where an array was expected" in grade.headline


def test_base_classes_inputs_and_networks_are_no_layers(students):
    for name in ("columns_right", "course_mistakes"):
        assert students(name).unrecognised == []


def test_what_looks_like_a_layer_and_is_none_that_we_know_is_listed(module_of):
    text = (
        NUMPY
        + "class Wavelet:\n    def forward(self, x):\n        return x\n    def backward(self, g):\n        return g\n"
    )
    assert candidates(module_of(text), {}) == ([], ["Wavelet"])


@pytest.mark.parametrize(
    ("name", "kind"),
    [
        ("ReLU", "relu"),
        ("LeakyReLU", "leaky_relu"),
        ("affine_forward", "linear"),
        ("FullyConnected", "linear"),
        ("DenseLayer", "linear"),
        ("MSELoss", "mse_loss"),
        ("mean_squared_error", "mse_loss"),
        ("L2Loss", "mse_loss"),
        ("SoftmaxCrossEntropy", "softmax_cross_entropy"),
        ("SoftmaxWithLoss", "softmax_cross_entropy"),
        ("CrossEntropyLoss", "softmax_cross_entropy"),
        ("Softmax", "softmax_cross_entropy"),
        ("Regularization", "penalty"),
        ("FrobeniusNorm", "penalty"),
        ("Sum", "add"),
        ("ConstMultiplier", "scale"),
        ("BatchNorm1d", "batch_norm"),
        ("LayerNorm", "layer_norm"),
        ("Embedding", "embedding"),
    ],
)
def test_a_name_means_what_people_call_so(name, kind):
    assert kind_of_name(name)[0].name == kind


def test_a_part_is_bound_by_its_name_and_else_in_order():
    linear = next(kind for kind in KINDS if kind.name == "linear")

    def one(bias, weight_layer, input_layer):
        return bias, weight_layer, input_layer

    def two(p, q, r):
        return p, q, r

    assert bind(parameters_of(one), linear.parts).parts == {"x": "input_layer", "W": "weight_layer", "b": "bias"}
    assert bind(parameters_of(two), linear.parts).parts == {"x": "p", "W": "q", "b": "r"}


def test_a_parameter_that_means_nothing_known_cannot_be_bound():
    relu = next(kind for kind in KINDS if kind.name == "relu")
    with pytest.raises(CannotBind, match=r"what is the parameter 'mode'\?"):
        bind(parameters_of(lambda x, mode: x), relu.parts)
    with pytest.raises(CannotBind, match="no parameter for u among none"):
        bind([], relu.parts)


def test_a_mapping_is_read(tmp_path):
    path = tmp_path / "map.toml"
    path.write_text('[Dense]\nlayer = "linear"\nconvention = "rows"\narguments = {x = "p"}\n[other]\nignore = true\n')
    assert read_mapping(path) == {
        "Dense": Entry("linear", convention="rows", arguments={"x": "p"}),
        "other": Entry(ignore=True),
    }


@pytest.mark.parametrize(
    ("text", "message"),
    [
        ("layer = 'linear'", r"\[layer\] is no table; write it as a section"),
        ("[A]\nlayr = 'linear'", r"\[A\]: unknown key 'layr'; expected layer, backward, convention, arguments, ignore"),
        ("[A]\nlayer = 3", r"\[A\]: layer is 3; expected a str"),
        ("[A]\nconvention = 'diagonal'", "convention is 'diagonal'; expected one of rows, columns, one sample"),
        ("[A", r"map.toml: "),
    ],
)
def test_a_mapping_that_cannot_be_read_says_where(tmp_path, text, message):
    path = tmp_path / "map.toml"
    path.write_text(text)
    with pytest.raises(MarkWrong, match=message):
        read_mapping(path)


def test_a_mapping_that_is_not_there_says_so(tmp_path):
    with pytest.raises(MarkWrong, match="expected a TOML file"):
        read_mapping(tmp_path / "none.toml")


def test_a_mark_stays_on_the_function_that_it_marks():
    def cube(u):
        return u**3

    assert grades("h[i] = u[i]**3")(cube) is cube
    assert vars(cube)[ATTRIBUTE].layer == "h[i] = u[i]**3"
    with pytest.raises(MarkWrong, match="part is 'forward' or 'backward', got 'sideways'"):
        grades("linear", part="sideways")
