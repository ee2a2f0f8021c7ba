"""What a kernel does in a region of its own is found, however narrow or far away; what only looks so is accepted."""

import numpy as np
import pytest
import torch

import scratchgrad as sg
from scratchgrad.certification import entering, exact_examination
from scratchgrad.certification.entering import Entering
from scratchgrad.certification.exact.proving import Condition

SQUARE = "h[i] = u[i]**2"


def square(u):
    return u * u


WRONG = {
    "one special value": lambda g, u: torch.where(u == -3, 0 * g, 2 * g * u),
    "a special value that is no float": lambda g, u: torch.where(u == 0.1, 0 * g, 2 * g * u),
    "a narrow region": lambda g, u: torch.where((u > 5.5) & (u < 5.6), 0 * g, 2 * g * u),
    "a very narrow region": lambda g, u: torch.where((u > 5.5) & (u < 5.5 + 2**-30), 0 * g, 2 * g * u),
    "a region far out": lambda g, u: torch.where(u > 5000, 0 * g, 2 * g * u),
    "a region of two numbers": lambda g, u: torch.where((u > 40) & (g < -70), 0 * g, 2 * g * u),
    "a clipped upstream gradient": lambda g, u: 2 * g.clamp(-5000, 5000) * u,
    "a flushed upstream gradient": lambda g, u: torch.where(g.abs() < 1e-6, 0 * g, 2 * g * u),
    "an epsilon": lambda g, u: 2 * g * (u + 1e-9),
}


@pytest.mark.parametrize("name", WRONG)
def test_a_region_of_its_own_is_entered_and_the_kernel_refused(name):
    verdict = sg.certify(SQUARE, square, WRONG[name])
    assert verdict.judged
    assert verdict.wrong == ("backward",), str(verdict)
    assert verdict.counterexample is not None


def test_the_diagnosis_says_that_it_is_a_region_of_its_own():
    verdict = sg.certify(SQUARE, square, WRONG["a narrow region"])
    assert verdict.diagnosis[0].startswith("right at ordinary numbers, wrong where one of its comparisons turns")
    (u,) = verdict.counterexample.tensors["u"]
    assert 5.5 < u < 5.6


RIGHT = {
    "a guard": (
        "kl_div",
        lambda logs, p: torch.where(p > 0, p * (p.clamp_min(1e-300).log() - logs), 0).sum(-1),
        lambda g, logs, p: (-g[:, None] * p * (p > 0), None),
    ),
    "two branches of one formula": (
        "sigmoid",
        torch.sigmoid,
        lambda g, u: torch.where(u > 0, g * torch.exp(-u.abs()), g * torch.exp(-u.abs())) / (1 + (-u.abs()).exp()) ** 2,
    ),
    "a special value that is none": (SQUARE, square, lambda g, u: torch.where(u == -3, -6 * g, 2 * g * u)),
    "a constant that is rounded": (
        "h[i] = max(u[i], atan(2))",
        lambda u: u.clamp_min(1.1071487177940904),
        lambda g, u: g * (u > 1.1071487177940904),
    ),
}


@pytest.mark.parametrize("name", RIGHT)
def test_what_only_looks_like_another_formula_is_accepted(name):
    verdict = sg.certify(*RIGHT[name])
    assert verdict.accepted, str(verdict)


STEP = "y[i] = where(k[i] > 0, x[i]**2, 0)"


def step(k, x):
    return torch.where(k > 0, x * x, 0 * x)


def test_where_the_definition_jumps_only_the_branch_that_it_takes_is_right():
    assert sg.certify(STEP, step, lambda g, k, x: (None, torch.where(k > 0, 2 * g * x, 0 * x))).accepted
    verdict = sg.certify(STEP, step, lambda g, k, x: (None, torch.where(k >= 0, 2 * g * x, 0 * x)))
    assert verdict.wrong == ("backward",), str(verdict)
    assert verdict.counterexample.right == "0"


def test_at_a_kink_either_side_is_right():
    for backward in (lambda g, u: g * (u > 0), lambda g, u: g * (u >= 0)):
        assert sg.certify("relu", torch.relu, backward).accepted


def test_formulas_that_differ_are_never_accepted(monkeypatch):
    monkeypatch.setattr(Entering, "excuse", lambda *_, **__: "")  # no point is found
    monkeypatch.setattr(exact_examination, "turning_points", lambda *_: [])
    verdict = sg.certify(SQUARE, square, WRONG["a narrow region"])
    assert not verdict.accepted
    assert not verdict.judged
    assert verdict.wrong == ()
    assert verdict.certificate is None
    assert str(verdict).splitlines()[0] == "NOT JUDGED  h[i] = u[i]**2"
    (line,) = verdict.diagnosis
    assert "the normal forms differ, and no point shows a difference" in line
    assert line.endswith("a formula differs somewhere, and no run of it is wrong")


def test_points_of_a_case_satisfy_its_conditions():
    u, g = (("u", 1),), (("g", 1),)
    conditions = [
        Condition(((u, 1.0), ((), -5.5)), 1),
        Condition(((u, 1.0), ((), -5.6)), -1),
        Condition(((g, 1.0), (u, 2.0)), 0),
    ]
    rng = np.random.default_rng(0)
    values = {name: 9 * rng.standard_normal(entering._POINTS) for name in "ug"}
    linear = entering._linear(conditions)
    for _ in range(2):
        for name in "ug":
            entering._moved(values, name, linear[name], rng)
    inside = entering._satisfied(values, conditions)
    assert inside.mean() > 0.9
    assert ((values["u"][inside] > 5.5) & (values["u"][inside] < 5.6)).all()
    assert np.allclose(values["g"][inside], -2 * values["u"][inside])
