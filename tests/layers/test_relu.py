"""What the generic tests cannot know about ReLU: its kink, and infinite gradients."""

import torch

from scratchgrad.layers.relu import relu


def test_the_gradient_at_0_is_0_even_where_the_gradient_from_above_is_infinite():
    _, saved = relu.kernel_class.forward(torch.tensor([[-1.0, -0.0, 0.0, 2.0]]))
    grad_u = relu.kernel_class.backward(saved, torch.tensor([[torch.inf, torch.inf, torch.inf, 3.0]]))
    assert grad_u.tolist() == [[0.0, 0.0, 0.0, 3.0]]


def test_nan_flows_through():
    h, _ = relu.kernel_class.forward(torch.tensor([[torch.nan, 1.0]]))
    assert h[0, 0].isnan() and h[0, 1] == 1
