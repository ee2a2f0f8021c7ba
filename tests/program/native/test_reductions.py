"""Sums, means, maxima and softmax in C are torch's, along any axes of tensors in any layout."""

import pytest
import torch

from tests.program.native.calls import Calls, agree

aten = torch.ops.aten


@pytest.mark.parametrize("dtype", [torch.float64, pytest.param(torch.float32, marks=pytest.mark.slow)])
def test_sums_means_maxima_and_softmax_along_any_axes_are_torch_s(dtype):
    torch.manual_seed(0)
    calls, x = Calls(dtype), torch.randn(4, 5, 3, 70, dtype=dtype)
    odd = x[:, :, 0, 0].clone()
    odd[0, 1], odd[1, 0], odd[2] = torch.nan, torch.inf, -torch.inf
    for v in (x, x.permute(3, 0, 2, 1), x[:, 1:, :, ::2], x[:, :1]):
        for dims in ([0], [3], [0, 2], [1, 3], [0, 2, 3], [0, 1, 2, 3]):
            calls.add(aten.sum.dim_IntList, v, dims, len(dims) == 2)
    for v in (x, x.permute(3, 0, 2, 1)):
        for dims in ([3], [0, 2]):
            calls.add(aten.mean.dim, v, dims, True)
            calls.add(aten.amax.default, v, dims)
            calls.add(aten.logsumexp.default, v, dims)
        for dim in (0, 3):
            calls.add(aten._softmax.default, v, dim, False)
            calls.add(aten._log_softmax.default, v, dim, False)
    for dim in (0, 1):
        calls.add(aten.amax.default, odd, [dim])
        calls.add(aten.logsumexp.default, odd, [dim])
        calls.add(aten._softmax.default, odd, dim, False)
    calls.add(aten.sum.default, x)
    calls.add(aten.mean.default, x)
    calls.add(aten.sum.dim_IntList, x.new_zeros(3, 0), [1])
    agree(calls)
