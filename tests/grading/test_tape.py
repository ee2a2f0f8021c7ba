"""What goes wrong between layers that are right one by one."""

import re

import pytest

from tests.grading.conftest import STUDENTS

TEXT = (STUDENTS / "columns_right.py").read_text(encoding="utf-8")


def changed(before, after):
    assert before in TEXT
    return TEXT.replace(before, after)


MISTAKES = {
    "fan-out accumulates": (
        changed("self.grad = self.grad + gradient", "self.grad = gradient"),
        "accumulate_grad replaces the gradient: of two consumers only the last one counts",
    ),
    "gradients are cleared": (
        changed("self.grad = torch.zeros_like(self.output)\n\n    def step", "pass\n\n    def step"),
        "after clear_grad the gradient is",
    ),
    "every parameter reached": (
        changed("        self.W.accumulate_grad(self.grad @ self.x.output.T)\n", "").replace(
            "        self.W.accumulate_grad(2 * self.decay * self.grad * self.W.output)\n", "        pass\n"
        ),
        "no gradient arrives at W, M",
    ),
    "seed present": (
        changed("        self.layers[-1].accumulate_grad(torch.ones_like(self.layers[-1].output))\n", ""),
        "after Network.backward the gradient of J is 0: it starts with no dJ/dJ = 1",
    ),
    "network clears": (
        re.sub(r"        for layer in self.layers:\n            layer.clear_grad\(\)\n", "", TEXT),
        "gradients are not cleared between two runs: the gradient of",
    ),
}


@pytest.mark.parametrize("name", MISTAKES)
def test_a_mistake_between_the_layers_is_found(tape, name):
    text, words = MISTAKES[name]
    check = tape(text)[name]
    assert check.status == "wrong"
    assert words in check.words


def test_a_file_without_network_is_checked_without_one(tape):
    checks = tape(TEXT[: TEXT.index("class Network")])
    assert set(checks) == {
        "fan-out accumulates",
        "accumulating is private",
        "gradients are cleared",
        "every parameter reached",
        "second run equals first",
    }


def test_functions_have_no_tape(tape):
    assert tape("def relu_forward(x):\n    return x\ndef relu_backward(g, x):\n    return g\n") == {}


def test_a_library_that_cannot_be_driven_says_where_it_stopped(tape):
    checks = tape(TEXT[: TEXT.index("class Softmax")])
    check = checks["every parameter reached"]
    assert (check.status, check.words) == ("error", "not checked: the file has no loss layer of the protocol")
