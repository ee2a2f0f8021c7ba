"""What is right with one batch axis is accepted; the verdict says what happens with two leading axes."""

import torch

import scratchgrad as sg


def said(verdict):
    assert verdict.accepted, str(verdict)
    return [line for line in verdict.diagnosis if "two leading axes" in line]


def test_functions_that_take_two_leading_axes_are_compared_there():
    def backward(g, x, W, b):
        return g @ W, g.flatten(0, -2).mT @ x.flatten(0, -2), g.flatten(0, -2).sum(0)

    lines = said(sg.certify("linear", torch.nn.functional.linear, backward))
    assert lines == ["right with two leading axes in the place of the batch (x[2, 7, 3]), too"]
    lines = said(sg.certify("linear", torch.nn.functional.linear))
    assert lines == ["right with two leading axes in the place of the batch (x[2, 7, 3]), too"]


def test_a_backward_for_one_batch_axis_is_right_and_the_verdict_says_what_two_would_give():
    def backward(g, x, W, b):
        return g @ W, g.mT @ x, g.sum(0)

    (line,) = said(sg.certify("linear", torch.nn.functional.linear, backward))
    assert line == (
        "examined with one batch axis; with two leading axes in the place of the batch (x[2, 7, 3]) forward is right, "
        "but grad_W has shape (2, 2, 3); expected (2, 3)"
    )


def test_a_gradient_that_is_silently_wrong_with_two_leading_axes_is_said():
    def backward(g, v):
        p = v.softmax(-1)
        return p * (g - (g * p).sum(1, keepdim=True))

    (line,) = said(sg.certify("softmax", lambda v: v.softmax(-1), backward))
    assert line.endswith("forward is right, but backward computes another grad_v")


def test_a_forward_for_one_batch_axis_says_what_it_does_with_two():
    def forward(v):
        rows, columns = v.shape
        return v.softmax(1).reshape(rows, columns)

    (line,) = said(sg.certify("softmax", forward))
    assert (
        line.startswith("examined with one batch axis; with two leading axes") and "forward raises ValueError" in line
    )


def test_nothing_is_said_where_there_is_no_batch():
    assert not said(sg.certify("h[i] = u[i]**2", torch.square, lambda g, u: 2 * g * u))
    assert not said(sg.certify("softmax"))


def test_a_backward_alone_and_a_forward_alone_are_compared_there_too():
    (line,) = said(sg.certify("relu", backward=lambda g, u: g * (u > 0)))
    assert line.startswith("right with two leading axes")
    (line,) = said(sg.certify("relu", torch.relu, forward_only=True))
    assert line.startswith("right with two leading axes")
