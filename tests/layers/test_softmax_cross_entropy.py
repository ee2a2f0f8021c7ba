"""What the generic tests cannot know about softmax with cross-entropy: extreme scores, and targets of any sum."""

import torch

from scratchgrad.layers.softmax_cross_entropy import softmax_cross_entropy
from tests.tolerances import tolerance

Kernel = softmax_cross_entropy.kernel_class


def test_scores_of_plus_and_minus_1000_give_a_finite_loss_and_gradient():
    v = torch.tensor([[1000.0, -1000.0, 0.0]], dtype=torch.float64)
    (o, L), saved = Kernel.forward(v, torch.tensor([[0.0, 1.0, 0.0]], dtype=torch.float64))
    assert o.tolist() == [[1.0, 0.0, 0.0]]
    assert L.tolist() == [2000.0]
    grad_v, grad_y = Kernel.backward(saved, None, torch.ones(1, dtype=torch.float64))
    assert grad_v.tolist() == [[1.0, -1.0, 0.0]]
    assert grad_y.tolist() == [[0.0, 2000.0, 1000.0]]


def test_the_loss_is_finite_where_the_classification_rounds_to_0_and_the_target_is_0():
    (o, L), _ = Kernel.forward(torch.tensor([[0.0, -800.0]]), torch.tensor([[1.0, 0.0]]))
    assert o[0, 1] == 0
    assert L.tolist() == [0.0]


def test_a_target_whose_sum_is_not_1_scales_o():
    v, y = torch.tensor([[0.5, -1.0, 2.0]], dtype=torch.float64), torch.tensor([[2.0, 0.5, -1.0]], dtype=torch.float64)
    (o, _), saved = Kernel.forward(v, y)
    grad_v, _ = Kernel.backward(saved, None, torch.tensor([3.0], dtype=torch.float64))
    torch.testing.assert_close(grad_v, 3 * (1.5 * o - y), **tolerance(torch.float64))


def test_a_one_hot_target_gives_grad_L_times_o_minus_y():
    v, y = torch.tensor([[0.5, -1.0, 2.0]], dtype=torch.float64), torch.tensor([[0.0, 1.0, 0.0]], dtype=torch.float64)
    (o, _), saved = Kernel.forward(v, y)
    grad_v, _ = Kernel.backward(saved, None, torch.tensor([-2.0], dtype=torch.float64))
    torch.testing.assert_close(grad_v, -2 * (o - y), **tolerance(torch.float64))
