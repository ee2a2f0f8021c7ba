"""At a larger shape the dtype, the layout of memory and the numbers are varied, and what goes wrong then is refused."""

import pytest
import torch

import scratchgrad as sg
from scratchgrad.certification.battery import Battery
from scratchgrad.certification.large_variations import ORDINARY, STORED, variations
from scratchgrad.certification.specification import specify


def tanh_backward(g, u):
    return g * (1 - u.tanh() ** 2)


WRONG = {
    "in float32": lambda g, u: u.dtype == torch.float32,
    "stored as: transposed storage": lambda g, u: u.stride() != (u.shape[1], 1) or g.stride() != (u.shape[1], 1),
    "stored as: one number expanded (stride 0)": lambda g, u: 0 in g.stride() and g.stride() == (0, 0),
    "with upstream gradients of which half are 0": lambda g, u: int((g == 0).sum()) > 20 and len(torch.unique(g)) > 50,
    "with few different numbers": lambda g, u: len(torch.unique(u)) < 20,
}


@pytest.mark.parametrize("words", WRONG)
def test_what_is_wrong_at_a_larger_size_with_one_thing_varied_is_refused(words):
    special = WRONG[words]

    def backward(g, u):
        return tanh_backward(g, u) * (2 if u.numel() > 400 and special(g, u) else 1)

    verdict = sg.certify("tanh", torch.tanh, backward)
    assert not verdict.accepted, str(verdict)
    assert any(line.startswith("wrong at u[") and words in line for line in verdict.diagnosis), str(verdict)


def test_the_verdict_says_what_was_varied():
    verdict = sg.certify("tanh", torch.tanh, tanh_backward)
    (line,) = (line for line in verdict.diagnosis if line.startswith("at u[65, 7]; u[7, 129] also "))
    assert all(words.removeprefix(STORED) in line for words in WRONG)


def test_tied_numbers_are_taken_only_where_nothing_is_compared():
    kinds = {name: {v.kind for v in variations(Battery(specify(name)))} for name in ("tanh", "relu", "l1_loss")}
    assert kinds == {"tanh": {"normal", "ties", "zeros"}, "relu": {"normal"}, "l1_loss": {"normal"}}


def test_a_layout_that_no_tensor_can_have_gives_no_probe():
    battery = Battery(specify("h[i] = u[i]**2"))
    point = ORDINARY.point(battery, None, battery.sizes((33,)))
    (transposed,) = (v for v in variations(battery) if v.words == "stored as: transposed storage")
    assert ORDINARY.probe(battery, point) is not None and transposed.probe(battery, point) is None
