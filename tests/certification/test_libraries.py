"""Functions of NumPy, of C, and of libraries whose arrays DLPack or __array__ converts, get what they take."""

import numpy as np
import pytest
import torch

import scratchgrad as sg
from scratchgrad.certification import NothingToCertify
from scratchgrad.certification.named_modules import modules_named


def softmax(x):
    e = np.exp(x - np.max(x, axis=-1, keepdims=True))
    return e / np.sum(e, axis=-1, keepdims=True)


def softmax_backward(grad, x):
    p = softmax(x)
    return p * (grad - np.sum(grad * p, axis=1, keepdims=True))


def diagonal_only(grad, x):
    p = softmax(x)
    return grad * p * (1 - p)


def linear(x, W, b):
    return x.dot(W.T) + b, (x, W)


def linear_backward(dout, cache):
    x, W = cache
    return dout.dot(W), dout.T.dot(x), np.sum(dout, axis=0)


def write_into_the_input(x):
    x[x < 0] = 0
    return x


def write_into_what_arrives(grad, x):
    grad[x <= 0] = 0
    return grad


def relu(x):
    return np.maximum(x, 0).copy()


@pytest.mark.parametrize(
    ("spec", "forward", "backward"),
    [
        ("softmax", softmax, softmax_backward),
        ("linear", linear, linear_backward),
        ("relu", relu, lambda grad, x: np.where(x > 0, grad, 0).astype(grad.dtype)),
        ("L = Sum(x[i]**2, i)", lambda x: float(np.square(x).sum()), lambda grad, x: np.multiply(2 * grad, x).copy()),
    ],
)
def test_numpy_functions_are_called_with_arrays_and_that_is_said(spec, forward, backward):
    verdict = sg.certify(spec, forward, backward)
    assert verdict.accepted, str(verdict)
    assert "the functions were called with arrays of NumPy" in verdict.diagnosis


def test_a_wrong_numpy_backward_is_refused():
    assert sg.certify("softmax", softmax, diagonal_only).wrong == ("backward",)


def test_writing_into_an_array_that_was_given_is_a_finding():
    verdict = sg.certify("relu", write_into_the_input, lambda grad, x: grad * (x > 0))
    assert verdict.counterexample.words == "forward changes its argument u"
    verdict = sg.certify("relu", relu, write_into_what_arrives)
    assert verdict.counterexample.words == "backward changes its argument grad_h"


def test_a_numpy_forward_without_backward_is_an_error():
    with pytest.raises(NothingToCertify, match="backward is missing, and what forward returns carries no gradient"):
        sg.certify("softmax", softmax)
    assert sg.certify("softmax", softmax, forward_only=True).accepted


class Array:
    """An array of another library: nothing but conversion, and nobody can write into it."""

    def __init__(self, values):
        self.values = np.array(values)
        self.values.flags.writeable = False

    def __array__(self, dtype=None, copy=None):
        return np.array(self.values, dtype=dtype)

    def __array_namespace__(self):
        return Namespace


class Namespace:
    __name__ = "library"
    asarray = staticmethod(Array)


class Exchanged:
    """What only DLPack converts."""

    def __init__(self, values):
        self.values = np.array(values)

    def __dlpack__(self, **named):
        return self.values.__dlpack__(**named)

    def __dlpack_device__(self):
        return self.values.__dlpack_device__()


@pytest.mark.parametrize("kind", [Array, Exchanged])
def test_what_is_returned_may_be_an_array_of_any_library(kind):
    right = sg.certify("softmax", lambda x: kind(softmax(x)), lambda g, x: kind(softmax_backward(g, x)))
    assert right.accepted, str(right)
    wrong = sg.certify("softmax", lambda x: kind(softmax(x)), lambda g, x: kind(diagonal_only(g, x)))
    assert wrong.wrong == ("backward",)


def strictly(function):
    """The function, which takes arrays of that library only."""

    def call(*arrays):
        if not all(isinstance(a, Array) for a in arrays):
            raise TypeError("expected arrays of the library")
        return Array(function(*(a.values for a in arrays)))

    return call


@pytest.mark.parametrize(("backward", "right"), [(softmax_backward, True), (diagonal_only, False)])
def test_the_examples_arrays_say_what_the_functions_take(backward, right):
    example = (Array(np.random.default_rng(0).standard_normal((3, 4))),)
    verdict = sg.certify("softmax", strictly(softmax), strictly(backward), example=example)
    assert verdict.accepted is right, str(verdict)


def test_functions_of_torch_get_tensors():
    def forward(x):
        assert isinstance(x, torch.Tensor)
        return x.softmax(-1)

    verdict = sg.certify("softmax", forward, lambda g, x: (p := x.softmax(-1)) * (g - (g * p).sum(-1, keepdim=True)))
    assert verdict.accepted
    assert not any("were called with" in line for line in verdict.diagnosis)


def standardized(x):
    return (x - x.mean(-1, keepdims=True)) / np.sqrt(x.var(-1, keepdims=True) + 1)  # n, or n - 1 for a tensor


def standardized_backward(grad, x):
    h, s = standardized(x), np.sqrt(x.var(-1, keepdims=True) + 1)
    return (grad - grad.mean(-1, keepdims=True) - h * (grad * h).mean(-1, keepdims=True)) / s


def test_what_names_numpy_gets_arrays_though_tensors_bring_it_to_an_end():
    text = "m = Sum(x[i], i)/n_i; v = Sum((x[i] - m)**2, i)/n_i; y[i] = (x[i] - m)/sqrt(v + 1)"
    verdict = sg.certify(text, standardized, standardized_backward)
    assert verdict.accepted, str(verdict)
    assert "the functions were called with arrays of NumPy" in str(verdict)


def test_modules_are_named_by_code_closures_imports_and_the_functions_called():
    def imports(x):
        import numpy

        return numpy.exp(x)

    library = np
    assert "numpy" in modules_named(imports)
    assert "numpy" in modules_named(lambda x: library.exp(x) + 1)
    assert "numpy" in modules_named(lambda x: softmax(x) + 1)
    assert modules_named(lambda x: x.numpy()).isdisjoint({"numpy", "torch"})
    assert "torch" in modules_named(torch.nn.functional.relu)
    assert {"numpy", "torch"} <= modules_named(lambda x: torch.exp(x) * np.pi)


def test_numpy_may_answer_float32_in_double_and_not_double_in_float32():
    def row_by_row(x):
        found = np.zeros(x.shape)  # float64, whatever x is
        for n in range(len(x)):
            found[n] = softmax(x[n])
        return found

    verdict = sg.certify("softmax", row_by_row, softmax_backward)
    assert verdict.accepted, str(verdict)
    assert "it answers float32 with float64, as NumPy's defaults do: compared as rounded to float32" in str(verdict)
    verdict = sg.certify("softmax", lambda x: softmax(x).astype(np.float32), softmax_backward)
    assert "h is torch.float32; expected torch.float64" in str(verdict).replace("o is", "h is")


def test_forward_of_torch_and_backward_of_numpy_each_get_what_they_take():
    def backward(dout, x):
        dx = dout.copy()
        dx[x <= 0] = 0
        return dx

    verdict = sg.certify("relu", torch.nn.functional.relu, backward)
    assert verdict.accepted, str(verdict)
    assert "forward was called with arrays of torch, backward with those of NumPy" in " ".join(str(verdict).split())
    assert sg.certify("relu", torch.nn.functional.relu, lambda dout, x: dout.copy()).wrong == ("backward",)
