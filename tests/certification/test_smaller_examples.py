"""A large example is examined at smaller sizes and compared at its own, in seconds; nothing is lost at either."""

import time

import numpy as np
import pytest
import torch

import scratchgrad as sg
from scratchgrad.certification.smaller_examples import smaller_examples

ROWS = torch.linspace(-3, 3, 10000, dtype=torch.float64).reshape(2, 5000)
LINEAR = (
    torch.linspace(-1, 1, 512, dtype=torch.float64).reshape(4, 128),
    torch.linspace(-2, 1, 128 * 128, dtype=torch.float64).reshape(128, 128),
    torch.linspace(-1, 2, 128, dtype=torch.float64),
)


def softmax(v):
    return v.softmax(-1)


def softmax_backward(g, v):
    p = v.softmax(-1)
    return p * (g - (g * p).sum(-1, keepdim=True))


def linear(x, W, b):
    return x @ W.mT + b


def linear_backward(g, x, W, b):
    return g @ W, g.mT @ x, g.sum(0)


@pytest.mark.parametrize(
    "arguments",
    [
        (softmax, softmax, softmax_backward, (ROWS,)),
        ("softmax", softmax, softmax_backward, (ROWS,)),
        (linear, linear, linear_backward, LINEAR),
        ("linear", linear, linear_backward, LINEAR),
    ],
)
def test_a_large_example_is_accepted_within_five_seconds_of_computing(arguments):
    start = time.process_time()
    verdict = sg.certify(*arguments)
    assert time.process_time() - start < 5
    assert verdict.accepted and verdict.proven, str(verdict)
    assert any(line.startswith("the example is large: probed at smaller sizes ([") for line in verdict.diagnosis)
    own = "v[2, 5000]" if len(arguments[3]) == 1 else "x[4, 128], W[128, 128], b[128]"
    assert own in verdict.evidence["larger"]["shapes"]


@pytest.mark.parametrize(
    "wrong",
    [
        lambda g, v: 2 * softmax_backward(g, v),
        lambda g, v: softmax_backward(g, v) * (2 if v.shape[1] == 5000 else 1),
        lambda g, v: softmax_backward(g, v) * (torch.arange(v.shape[1]) < 4500),
        lambda g, v: softmax_backward(g, v) if v.is_contiguous() or v.shape[1] < 5000 else g,
        lambda g, v: softmax_backward(g, v) if v.dtype == torch.float64 or v.shape[1] < 5000 else g,
    ],
)
def test_what_is_wrong_at_the_examples_own_sizes_is_refused(wrong):
    verdict = sg.certify(softmax, softmax, wrong, (ROWS,))
    assert not verdict.accepted and verdict.judged and verdict.wrong == ("backward",), str(verdict)


def test_what_is_wrong_at_the_examples_own_numbers_alone_is_refused():
    def backward(g, v):
        return softmax_backward(g, v) * (2 if bool((v == ROWS.to(v.dtype)).all()) else 1)

    assert not sg.certify(softmax, softmax, backward, (ROWS,)).accepted


def test_functions_for_these_sizes_alone_are_examined_there():
    x = torch.linspace(-1, 1, 2400, dtype=torch.float64).reshape(2, 1200)

    def mean(v):
        return v.mean(-1)

    def backward(g, v):
        return (g[:, None] / 1200).expand(v.shape).clone()

    verdict = sg.certify(mean, mean, backward, (x,))
    assert verdict.accepted, str(verdict)
    assert not any("the example is large" in line for line in verdict.diagnosis)
    assert not sg.certify(mean, mean, lambda g, v: 2 * backward(g, v), (x,)).accepted


def test_long_axes_are_cut_alike_and_domains_stay():
    (cut,) = smaller_examples([(torch.zeros(4, 100), torch.ones(100, 30), 3.5)])
    assert cut[0].shape == (4, 6) and cut[1].shape == (6, 5) and cut[2] == 3.5
    (cut,) = smaller_examples([(np.zeros((100, 100), np.float32),)])
    assert cut[0].shape == (5, 5) and cut[0].dtype == np.float32
    assert smaller_examples([(torch.zeros(4, 100),)]) is None  # it is small
    assert smaller_examples([(torch.zeros(4, 1000, dtype=torch.int64),)]) is None  # whole numbers
    assert smaller_examples([(torch.full((10, 1000), 1e-3),)]) is None  # rows that sum to 1
    assert smaller_examples([]) is None
