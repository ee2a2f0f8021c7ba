"""Indices, copies and borders in C are torch's; a place that is not there ends the step."""

import pytest
import torch

from tests.program.native.calls import Calls, agree

aten = torch.ops.aten


def test_indices_copies_and_borders_are_torch_s():
    torch.manual_seed(0)
    calls, x = Calls(), torch.randn(5, 4, 3, dtype=torch.float64)
    i, j, k = torch.tensor([3, 0, -1, 2]), torch.tensor([[1], [-4], [3]]), torch.tensor(2)
    for places in ([i], [j], [k], [i, j], [i, j, k], [k, i]):
        calls.add(aten.index.Tensor, x, places)
    calls.add(aten.index_add.default, x, 0, i.abs(), torch.randn(4, 4, 3, dtype=torch.float64))
    along = torch.randint(0, 4, (5, 2, 3))
    values = torch.randn(5, 2, 3, dtype=torch.float64)
    calls.add(aten.gather.default, x, 1, along)
    calls.add(aten.scatter.value, x, 1, along, 0.5)
    calls.add(aten.scatter.src, x, 1, along[:, :1], values)
    calls.add(aten.scatter_add.default, x, 1, along, values)
    for dim in (0, 1, -1):
        calls.add(aten.cat.default, [x, x * 2, x[:1] if dim == 0 else x], dim)
    calls.add(aten.cat.default, [x.permute(2, 1, 0), x.new_zeros(0), x.permute(2, 1, 0)], 2)
    for border in ([1, 2], [0, 1, 2, 0], [-1, 1, 1, -2], [1, 1, 1, 1, 1, 1]):
        calls.add(aten.constant_pad_nd.default, x, border, 2.5)
        calls.add(aten.constant_pad_nd.default, x.permute(1, 2, 0), border)
    agree(calls)


@pytest.mark.parametrize("place", [5, -6, 1 << 40])
def test_a_place_that_is_not_there_ends_the_step_with_the_number_of_the_call(place):
    x = torch.randn(5, 4, dtype=torch.float64)
    for add in (
        lambda calls, places: calls.add(aten.index.Tensor, x, [places]),
        lambda calls, places: calls.add(aten.index_add.default, x, 0, places, x[:2]),
        lambda calls, places: calls.add(aten.gather.default, x, 0, places.reshape(1, 2)),
    ):
        calls, places = Calls(), torch.tensor([0, 1])
        calls.add(aten.exp.default, x)
        add(calls, places)
        made = [t for t in calls.given.values() if t.dtype == torch.int64]
        made[0][1] = place
        assert calls.run()[0] == 2
