import json
import shlex

import pytest

from scratchgrad.cli.grade import EXAMPLES

RELU = """
import numpy as np

def relu_forward(x):
    return np.maximum(x, 0), x

def relu_backward(dout, cache):
    return dout * ({mask} > 0)
"""


@pytest.fixture
def relu(tmp_path):
    """The file relu.py, whose mask is that of `cache` (right) or of `dout`."""
    return lambda mask: (tmp_path / "relu.py").write_text(RELU.format(mask=mask), encoding="utf-8")


def test_a_wrong_file_shows_the_counterexample_and_the_exit_code_is_1(run, relu, tmp_path):
    relu("dout")
    done = run("grade", "relu.py", "--json", "out/grades.json", "--html", "out/grades.html")
    assert done.exit_code == 1
    shown = " ".join(done.stdout.replace("│", "").split())
    assert "relu_forward (line 4): backward is wrong" in shown
    assert "yours 0 right -1" in shown
    assert "grad_u = grad_h * (u > 0)" in shown
    assert "the mask is taken from grad_h; it belongs to u" in shown
    data = json.loads((tmp_path / "out" / "grades.json").read_text(encoding="utf-8"))
    assert data["right"] is False
    assert data["files"][0]["layers"][0]["tensor"] == "grad_u"
    assert (tmp_path / "out" / "grades.html").read_text(encoding="utf-8").startswith("<!DOCTYPE html>")


def test_the_examples_of_the_help_page_work_as_they_stand_and_a_right_file_has_the_exit_code_0(run, relu, tmp_path):
    relu("cache")
    (tmp_path / "relu.py").rename(tmp_path / "layers.py")
    (tmp_path / "layers.toml").write_text('[relu_forward]\nlayer = "relu"\n', encoding="utf-8")
    page, data = (run(*shlex.split(example)[1:]) for example in EXAMPLES)
    assert page.exit_code == data.exit_code == 0
    assert "1 of 1 layers right" in page.stdout
    assert (tmp_path / "report.html").is_file()
    assert json.loads(data.stdout)["right"] is True


def test_a_mapping_says_what_a_name_does_not(run, tmp_path):
    (tmp_path / "f.py").write_text("def f(p):\n    return p ** 2\ndef g(q, p):\n    return 2 * q * p\n")
    (tmp_path / "f.toml").write_text('[f]\nlayer = "h[i] = u[i]**2"\nbackward = "g"\narguments = {u = "p"}\n')
    done = run("grade", "f.py", "--map", "f.toml")
    assert done.exit_code == 0, done.output


@pytest.mark.parametrize(
    ("arguments", "message"),
    [
        (["none.py"], "none.py: no such file"),
        ([], "Missing argument"),
        (["relu.py", "--map", "none.toml"], "MarkWrong: none.toml: No such file or directory; expected a TOML file"),
    ],
)
def test_a_command_that_cannot_work_has_the_exit_code_2(run, relu, arguments, message):
    relu("cache")
    done = run("grade", *arguments)
    assert done.exit_code == 2
    assert message in " ".join(done.stderr.replace("│", "").split())


def test_a_mark_that_names_no_layer_is_said_and_the_exit_code_is_1(run, tmp_path):
    (tmp_path / "f.py").write_text(
        "from scratchgrad.testing import grades\n@grades('relo')\ndef f(x):\n    return x\n", encoding="utf-8"
    )
    done = run("grade", "f.py")
    assert done.exit_code == 1
    assert "UnknownLayer: no layer is named 'relo'; did you mean 'relu'" in " ".join(done.stdout.split())
