"""Class numbers and one-hot rows."""

import pytest
import torch

from scratchgrad.train import LabelMismatch, one_hot


def test_row_n_is_1_at_the_class_of_sample_n():
    assert one_hot(torch.tensor([2, 0]), 4).tolist() == [[0, 0, 1, 0], [1, 0, 0, 0]]
    assert one_hot([1], 2, torch.float64).dtype == torch.float64
    assert one_hot(torch.zeros(0, dtype=torch.int64), 3).shape == (0, 3)


@pytest.mark.parametrize(("labels", "found"), [([0, 4], 4), ([-1, 0], -1)])
def test_a_class_number_out_of_range_is_named(labels, found):
    with pytest.raises(LabelMismatch, match=f"one_hot: expected class numbers from 0 to 3, found {found}"):
        one_hot(torch.tensor(labels), 4)


def test_what_is_no_class_number_is_refused():
    with pytest.raises(LabelMismatch, match=r"one_hot: expected class numbers \[n\], got torch.float32 \[2\]"):
        one_hot(torch.zeros(2), 4)
