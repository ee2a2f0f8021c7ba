"""Students' files in four manners: every planted mistake is found and named, and nothing else is."""

import pytest

WRONG = {
    "course_mistakes": {
        "ReLU": ("backward", "grad_u", "mask"),
        "MSELoss": ("backward", "grad_v", "forward is right"),
        "Softmax": ("backward", "grad_v", "grad_L is missing"),
        "Regularization": ("backward", "grad_W", "yours = 2 x right"),
    },
    "functions_rows": {
        "relu_forward": ("backward", "grad_h", "changes its argument grad_h"),
        "leaky_relu": ("backward", "grad_u", ""),
        "batchnorm_forward": ("backward", "grad_x", ""),
        "softmax_loss": ("backward", "grad_v", "yours = right x n_n: a sum stands where a mean belongs"),
    },
    "own_classes": {
        "Affine": ("backward", "grad_b", "shape"),
        "Sigmoid": ("backward", "grad_u", "u stands where h belongs"),
        "Cube": ("backward", "grad_x", "the power 2 is missing"),
    },
}
RIGHT = {
    "columns_right": {"Linear", "ReLU", "Softmax", "Regularization", "Sum"},
    "course_mistakes": {"Linear", "Sum"},
    "functions_rows": {"affine_forward", "sigmoid_forward", "svm_loss"},
    "own_classes": {"Relu", "SoftmaxWithLoss"},
}


@pytest.mark.parametrize("name", RIGHT)
def test_what_is_right_is_right_and_what_is_wrong_is_wrong(students, name):
    grade = students(name)
    assert grade.error == ""
    assert {layer.name for layer in grade.layers if layer.status == "right"} == RIGHT[name]
    wrong = {layer.name for layer in grade.layers if layer.status != "right"}
    assert wrong - {"Tanh"} == set(WRONG.get(name, {}))
    assert grade.right == (name == "columns_right")


@pytest.mark.parametrize(("name", "layer"), [(name, layer) for name, layers in WRONG.items() for layer in layers])
def test_a_mistake_is_named(students, name, layer):
    stage, tensor, words = WRONG[name][layer]
    (grade,) = (one for one in students(name).layers if one.name == layer)
    assert grade.wrong == (stage,)
    assert grade.tensor == tensor
    assert words in " ".join((grade.headline, *grade.diagnosis))
    assert grade.at
    assert grade.line > 0


def test_the_line_of_the_sheet_stands_in_the_layout_of_the_file(students):
    (linear,) = (one for one in students("columns_right").layers if one.name == "Linear")
    assert linear.convention == "samples are columns"
    formulas = {formula.tensor: formula for formula in linear.formulas}
    assert formulas["grad_W"].matrix == "grad_W = grad_u @ x.T"
    assert formulas["grad_x"].element == "grad_x[j,n] = Sum(W[i,j]*grad_u[i,n], i)"
    (affine,) = (one for one in students("functions_rows").layers if one.name == "affine_forward")
    assert affine.convention == "samples are rows, W is [inputs, outputs]"
    assert {formula.tensor: formula.matrix for formula in affine.formulas}["grad_W"] == "grad_W = x.T @ grad_u"


def test_a_layer_that_hangs_is_stopped_and_the_others_are_graded(students):
    (tanh,) = (one for one in students("own_classes").layers if one.name == "Tanh")
    assert (tanh.status, tanh.kind, tanh.line) == ("wrong", "tanh", 50)
    assert "does not come to an end" in tanh.headline


def test_the_tape_of_the_right_library_passes_and_that_of_the_wrong_one_does_not(students):
    right = {check.name: check.status for check in students("columns_right").tape}
    assert right == dict.fromkeys(right, "right")
    assert len(right) == 7
    wrong = {check.name: check for check in students("course_mistakes").tape}
    assert {name for name, check in wrong.items() if check.status == "wrong"} == {
        "accumulating is private",
        "seed present",
        "network clears",
    }
    assert "it starts with no dJ/dJ = 1" in wrong["seed present"].words


def test_remarks_say_what_was_not_asked_for(students):
    remarks = students("columns_right").remarks
    assert remarks == {"no gradient for the target y; most courses leave it out": ["Softmax"]}
    epsilon = next(words for words in students("course_mistakes").remarks if "epsilon" in words)
    assert "Softmax" in students("course_mistakes").remarks[epsilon]
