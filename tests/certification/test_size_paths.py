"""Every path that a subject takes by a size is found, compared at the smallest such sizes, and said in the verdict."""

import pytest
import torch

import scratchgrad as sg
from scratchgrad import registry
from scratchgrad.certification.battery import Battery
from scratchgrad.certification.calling import Calling
from scratchgrad.certification.size_paths import paths_of
from scratchgrad.certification.specification import specify
from scratchgrad.certification.subject import Subject


def softmax(v):
    return v.softmax(-1)


def softmax_backward(g, v, columns=None):
    p = v.softmax(-1)
    return p * (g - (g * p)[:, :columns].sum(-1, keepdim=True))


CONDITIONS = {
    "where n_i is exactly 16": lambda v: v.shape[1] == 16,
    "from n_i = 301 on": lambda v: v.shape[-1] > 300,
    "where batch is exactly 513": lambda v: len(v) == 513,
    "where (batch*n_i) == 12": lambda v: v.numel() == 12,
    "where batch*n_i > 100000": lambda v: v.size(0) * v.size(1) > 100000,
    "where n_i is exactly 37": lambda v: v.stride(0) == 37,
    "where n_i is exactly 21": lambda v: v.shape[0] == 600 and v.shape[1] == 21,
    "from n_i = 5001 on": lambda v: v.shape[1] > 5000,
}


@pytest.mark.parametrize("words", CONDITIONS)
def test_a_wrong_path_is_refused_with_the_sizes_at_which_it_is_taken(words):
    condition = CONDITIONS[words]

    def backward(g, v):
        return softmax_backward(g, v) * (2 if condition(v) else 1)

    verdict = sg.certify("softmax", softmax, backward)
    assert not verdict.accepted and verdict.wrong == ("backward",)
    assert any(line.startswith(f"takes another path {words} (test_size_paths.py, line ") for line in verdict.diagnosis)


@pytest.mark.parametrize("condition", [lambda v: v.shape[0] % 7 == 5, lambda v: v.shape[0] > 4 and v.size(1) % 5 == 3])
def test_a_wrong_path_at_few_residues_is_refused(condition):
    verdict = sg.certify("softmax", softmax, lambda g, v: softmax_backward(g, v) * (2 if condition(v) else 1))
    assert not verdict.accepted and verdict.judged


@pytest.mark.parametrize(
    "condition",
    [
        lambda x: x.shape[2] % 6 == 0,  # so it is at the sizes of the first run
        lambda x: x.shape[2] > 6 and x.shape[3] > 23,  # the second is asked where the first holds
    ],
)
def test_a_path_is_compared_where_a_condition_is_met_first_and_behind_earlier_ones(condition):
    def backward(g, x):
        return g.reshape(x.shape) * (1.01 if condition(x) else 1)

    verdict = sg.certify("flatten", lambda x: x.flatten(1).clone(), backward)
    assert verdict.wrong == ("backward",)
    assert any(line.startswith("takes another path ") for line in verdict.diagnosis)


def test_a_finding_that_turns_into_rounding_at_smaller_sizes_is_not_lost():
    room = registry.layer("label_smoothing_cross_entropy")  # of one class its loss is 0, up to rounding
    registry.attach_kernel(room)
    kernel = room.kernel_class

    def forward(v, y, eps):
        loss = kernel.forward(v, y, eps)[0]
        return loss + 1 if v.shape[1] > 18 and y.shape[0] > 22 else loss

    def backward(grad_loss, v, y, eps):
        return kernel.backward(kernel.forward(v, y, eps)[1], grad_loss)

    assert sg.certify(room.name, forward, backward).wrong == ("forward",)


@pytest.mark.parametrize("words", CONDITIONS)
def test_a_right_path_is_accepted_and_named(words):
    condition = CONDITIONS[words]

    def backward(g, v):
        p = v.softmax(-1)
        return p * g - p * (g * p).sum(-1, keepdim=True) if condition(v) else softmax_backward(g, v)

    verdict = sg.certify("softmax", softmax, backward)
    assert verdict.accepted, str(verdict)
    (line,) = (line for line in verdict.diagnosis if line.startswith("takes other paths, compared there: "))
    assert words in line and words in verdict.evidence["larger"]["paths"]


def test_a_path_that_is_too_large_to_be_compared_is_not_judged():
    verdict = sg.certify("relu", torch.relu, lambda g, u: g * (u > 0) if u.numel() < 2**40 else g)
    assert not verdict.accepted and not verdict.judged
    (line,) = verdict.diagnosis
    assert line.startswith("takes another path where batch*n_i >= 1099511627776 (test_size_paths.py, line ")
    assert line.endswith("), which was not compared: such sizes take too long here")


@pytest.mark.slow
def test_a_million_entries_are_not_too_many():
    verdict = sg.certify("relu", torch.relu, lambda g, u: g * (u > (0 if u.numel() < 10**6 else 1)))
    assert not verdict.accepted and verdict.judged


class Square(torch.autograd.Function):
    @staticmethod
    def forward(ctx, u):
        ctx.save_for_backward(u)
        return u * u

    @staticmethod
    def backward(ctx, g):
        (u,) = ctx.saved_tensors
        return g * u if u.shape[0] == 50 else 2 * g * u


def test_the_paths_of_an_autograd_function_and_of_a_batch_of_examples_are_compared():
    verdict = sg.certify("h[i] = u[i]**2", Square)
    assert "wrong at u[50], right at u[49]" in verdict.diagnosis
    x = torch.linspace(-1, 1, 12).reshape(3, 4)
    verdict = sg.certify(torch.exp, torch.exp, lambda g, x: g * x.exp() * (1 + (len(x) == 23)), (x,))
    assert "wrong at x1[23, 4], right at x1[22, 4]" in verdict.diagnosis, str(verdict)


def test_a_loop_over_a_size_has_a_path_for_each_and_ends():
    def backward(g, u):
        k = 0
        while k < len(u):
            k += 1
        return g * (u > 0)

    verdict = sg.certify("relu", torch.relu, backward)
    assert verdict.accepted, str(verdict)


def test_code_that_leaves_torch_is_accepted_and_the_verdict_says_that_sizes_were_sampled():
    def backward(g, u):
        return torch.from_numpy(g.numpy() * (u.numpy() > 0))

    verdict = sg.certify("relu", torch.relu, backward)
    assert verdict.accepted
    assert any("which conditions on sizes it meets is not known, so sizes were sampled" in x for x in verdict.diagnosis)


def test_a_subject_without_conditions_has_one_path():
    spec = specify("linear")

    def backward(g, x, W, b):
        return g @ W, g.mT @ x, g.sum(0)

    subject = Subject(spec, lambda x, W, b: x @ W.mT + b, backward, kernel=False, calling=Calling.TENSORS)
    paths = paths_of(Battery(spec), subject, lambda sizes: True)
    assert not paths.asked and not paths.others and not paths.sentences() and not paths.unreached()


def test_sizes_at_which_a_function_raises_are_named_and_no_wrong_path():
    def backward(g, u):
        if u.numel() >= 2**40:
            raise ValueError("too large")
        return g * (u > 0)

    verdict = sg.certify("relu", torch.relu, backward)
    assert verdict.accepted, str(verdict)
    (line,) = (line for line in verdict.diagnosis if line.startswith("raises where batch*n_i >= 1099511627776 ("))
    assert line.endswith("), where nothing was compared")
