"""The shape and type of a result are those that torch gives for tensors without data, whatever lies how in memory."""

import pytest
import torch

from scratchgrad.program.results import result_of

aten = torch.ops.aten


def meta(*shape, order=None, dtype=torch.float32):
    tensor = torch.empty([shape[k] for k in order] if order else shape, dtype=dtype, device="meta")
    return tensor.permute([order.index(k) for k in range(len(order))]) if order else tensor


PLAIN, TURNED = meta(2, 3, 4), meta(2, 3, 4, order=[1, 2, 0])
CALLS = [
    (aten.relu.default, (TURNED,), {}),
    (aten.mul.Tensor, (TURNED, PLAIN), {}),
    (aten.mul.Tensor, (PLAIN, meta(4)), {}),
    (aten.eq.Tensor, (TURNED, TURNED), {}),
    (aten.threshold_backward.default, (PLAIN, TURNED, 0), {}),
    (aten.new_zeros.default, (TURNED, [5, 6]), {}),
    (aten.clone.default, (TURNED,), {"memory_format": torch.contiguous_format}),
    (aten.stack.default, ([PLAIN, TURNED], -1), {}),
    (aten.stack.default, ([PLAIN, PLAIN],), {}),
    (aten.cat.default, ([PLAIN, meta(2, 1, 4)], 1), {}),
    (aten.cat.default, ([meta(2, 3, 1), PLAIN], -1), {}),
    (aten.sum.dim_IntList, (TURNED, [0, 2]), {}),
    (aten.sum.dim_IntList, (TURNED, [1], True), {}),
    (aten.mm.default, (meta(3, 4), meta(5, 4).T), {}),
]


@pytest.mark.parametrize(("function", "args", "kwargs"), CALLS, ids=lambda x: getattr(x, "__name__", ""))
def test_a_result_has_the_shape_and_type_that_torch_says(function, args, kwargs):
    got, want = result_of(function, args, kwargs), function(*args, **kwargs)
    assert got is not None
    assert (got.shape, got.dtype, got.device.type) == (want.shape, want.dtype, "meta")
    assert 1 + sum((n - 1) * step for n, step in zip(got.shape, got.stride(), strict=True)) == got.numel()  # no gaps


def test_what_is_changed_in_place_is_the_tensor_itself():
    part = PLAIN[:, 1:]
    assert result_of(aten.add_.Tensor, (part, part), {}) is part


def test_torch_is_asked_where_parts_differ_in_type():
    assert result_of(aten.cat.default, ([PLAIN, meta(2, 3, 4, dtype=torch.float64)], 1), {}) is None
