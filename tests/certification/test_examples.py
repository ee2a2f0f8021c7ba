"""What an example fixes: permutations and offsets stay, accidents narrow no domain, no gradient is no evidence."""

import math

import pytest
import torch

import scratchgrad as sg
from scratchgrad.certification import ExampleMismatch, NothingToCertify

MASK = torch.tensor([[0.0, 1, 1, 0], [1, 1, 0, 0]])
INSIDE = torch.linspace(-0.9, 0.9, 12, dtype=torch.float64).reshape(4, 3)


def square(u):
    return u * u


def arc(u):
    return torch.sqrt(1 - u * u)


def cross_entropy(p, y):
    return -(y * torch.log(p) + (1 - y) * torch.log(1 - p)).sum(-1)


def masked(x, k):
    return (x * x).masked_fill(k == 0, 0.0)


def put(x, p):
    return torch.zeros_like(x).index_copy(0, p, x)


def test_whole_numbers_alone_are_not_judged():
    verdict = sg.certify(square, square, lambda g, u: -77 * g, example=(torch.arange(3),))
    assert not verdict.accepted
    assert not verdict.judged
    assert "no input can be differentiated (all are whole numbers), so no gradient was compared" in str(verdict)


def test_complex_numbers_are_refused_by_name():
    with pytest.raises(ExampleMismatch) as refusal:
        sg.certify(square, square, lambda g, u: 2 * g * u, example=(torch.randn(3), torch.randn(3, dtype=torch.cfloat)))
    assert str(refusal.value) == (
        "argument 2 of the example is complex (torch.complex64), which is not supported; give its real and imaginary "
        "parts as tensors"
    )


def test_an_example_that_is_a_function_takes_a_seed_and_a_subject_is_a_function():
    with pytest.raises(ExampleMismatch, match=r"is called with a seed, example\(0\): too many positional"):
        sg.certify(square, square, lambda g, u: 2 * g * u, example=lambda: (torch.randn(3),))
    with pytest.raises(NothingToCertify, match="backward= takes a function, got int: 5"):
        sg.certify("relu", torch.relu, 5)


def test_a_hypothesis_that_divides_by_zero_is_not_stated():
    def forward(a, b, y):
        return (0.5 - y * (a - b)).clamp_min(0).mean()

    def backward(g, a, b, y):  # a truth value divided is float32
        inside = ((0.5 - y * (a - b)) > 0) / len(a)
        return -g * inside * y, g * inside * y, None

    signs = torch.tensor([1.0, -1, 1, -1], dtype=torch.float64)
    verdict = sg.certify(forward, forward, backward, example=(INSIDE[:, 0], INSIDE[:, 1], signs))
    assert "right in float32, wrong in float64" in str(verdict)
    assert "is missing" not in str(verdict)  # "right / (1 - y^2): the factor (1 - y^2) is missing"


def test_zeros_and_ones_of_an_example_do_not_narrow_the_domain():
    verdict = sg.certify("relu", torch.relu, lambda g, u: g * u, example=(MASK,))
    assert verdict.wrong == ("backward",), str(verdict)


def test_what_is_right_for_values_like_the_example_s_is_told_how_to_declare_them():
    def forward(x, k):
        return x * k

    def backward(g, x, k):
        return g * (k != 0), g * x  # right where k is 0 or 1

    example = (INSIDE[:2, :2].repeat(1, 2), MASK)
    says = 'right with k 0 or 1, as in the example; if no other values are meant, say domains="k:binary"'
    verdict = sg.certify(forward, forward, backward, example=example)
    assert says in " ".join(str(verdict).split())
    assert sg.certify(forward, forward, backward, example=example, domains="k:binary").accepted
    verdict = sg.certify(forward, forward, lambda g, x, k: (2 * g * k, g * x), example=example)
    assert "as in the example" not in str(verdict)


def test_a_declared_domain_is_kept_and_said():
    def backward(g, x, k):
        return g * k, g * x * k  # k * k is k

    def forward(x, k):
        return x * k

    example = (torch.randn(2, 4), MASK)
    assert not sg.certify(
        "y[i] = x[i]*k[i]", forward, lambda *a: (backward(*a)[0] * a[2], None), example=example
    ).accepted
    verdict = sg.certify(
        "y[i] = x[i]*k[i]",
        forward,
        lambda *a: (backward(*a)[0] * a[2], None),
        example=example,
        domains="k[i]:binary",
    )
    assert verdict.accepted, str(verdict)
    assert "with k 0 or 1" in str(verdict)


def test_an_interval_of_an_example_is_kept_where_the_definition_has_no_value_beyond():
    right = sg.certify(arc, arc, lambda g, u: -g * u / arc(u), example=(INSIDE,))
    assert right.accepted, str(right)
    assert "u in (-1,1): so are the examples" in right.diagnosis
    wrong = sg.certify(arc, arc, lambda g, u: torch.where(g == 0, math.nan, -g * u / arc(u)), example=(INSIDE,))
    assert wrong.wrong == ("backward",)


def test_probabilities_stay_probabilities_beside_a_target_that_is_free():
    def backward(g, p, y):
        return g[:, None] * ((1 - y) / (1 - p) - y / p), None

    example = (torch.rand(2, 4, dtype=torch.float64) * 0.8 + 0.1, MASK.double())
    verdict = sg.certify(cross_entropy, cross_entropy, backward, example=example)
    assert verdict.accepted, str(verdict)
    assert "p in (0,1): so are the examples" in verdict.diagnosis


def test_a_mask_that_is_compared_exactly_takes_one_branch():
    example = (torch.randn(2, 4, dtype=torch.float64), MASK.double())
    right = sg.certify(
        masked, masked, lambda g, x, k: (torch.where(k == 0, 0 * g, 2 * g * x), torch.zeros_like(k)), example=example
    )
    assert right.accepted, str(right)
    wrong = sg.certify(masked, masked, lambda g, x, k: (2 * g * x, None), example=example)
    assert wrong.wrong == ("backward",)
    assert wrong.counterexample.right == "0"


def test_a_permutation_stays_one():
    example = (torch.randn(4, 3, dtype=torch.float64), torch.tensor([2, 0, 1, 3]))
    verdict = sg.certify(put, put, lambda g, x, p: (g[p], None), example=example)
    assert verdict.accepted, str(verdict)
    wrong = sg.certify(put, put, lambda g, x, p: (put(g, p), None), example=example)
    assert wrong.wrong == ("backward",)
