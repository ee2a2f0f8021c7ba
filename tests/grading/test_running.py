"""Whatever a file does, it is an observation: it may not run, end the interpreter, or want all memory."""

import pytest

from scratchgrad.grading.running import Limits, grade_file

RELU = "def relu_forward(x):\n    return np.maximum(x, 0), x\n"


@pytest.fixture
def grade(tmp_path):
    def run(text, **limits):
        path = tmp_path / "file.py"
        path.write_text(text, encoding="utf-8")
        return grade_file(path, limits=Limits(**limits))

    return run


def test_a_file_that_is_no_python_is_said_to_be_none(grade):
    done = grade("import numpy as np\ndef f(:\n")
    assert done.error == "line 2: SyntaxError: invalid syntax (file.py, line 2)"
    assert not done.right


def test_an_exception_of_the_file_has_its_line(grade):
    assert grade("x = 1\ny = x / 0\n").error == "line 2: ZeroDivisionError: division by zero"


def test_a_file_that_never_ends_is_stopped(grade):
    assert (
        grade("import time\ntime.sleep(60)\n", layer=4).error
        == "executing the file: does not come to an end: stopped after 4 s"
    )


def test_a_layer_that_ends_the_interpreter_is_wrong_and_the_others_are_graded(grade):
    text = "import os\nimport numpy as np\n" + RELU + "def relu_backward(dout, cache):\n    os._exit(3)\n"
    text += "def add_forward(a, b):\n    return a + b\ndef add_backward(dout, a, b):\n    return dout, dout\n"
    grades = {layer.name: layer for layer in grade(text).layers}
    assert grades["relu_forward"].headline == "ends the interpreter (exit code 3)"
    assert grades["add_forward"].status == "right"


def test_a_file_without_layers_is_not_right(grade):
    done = grade("x = 1\n")
    assert (done.layers, done.error, done.right) == ([], "", False)


def test_memory_is_limited(grade):
    text = (
        "import numpy as np\n"
        + RELU
        + "def relu_backward(dout, cache):\n    return np.ones((2**20, 2**14)) * dout.sum()\n"
    )
    (layer,) = grade(text, memory=3).layers
    assert layer.status == "wrong"
    assert "Memory" in layer.headline or "memory" in layer.headline
