"""Calls in C are torch's: entries, sums, softmax, products, indices, copies; infinities and what is no number too."""

import pytest
import torch

from scratchgrad.program.native.emit import Unsupported
from scratchgrad.program.op import View
from tests.program.native.calls import Calls, agree

aten = torch.ops.aten
ODD = torch.tensor(
    [0.0, -0.0, 1.5, -1.5, 3.0, -3.0, torch.nan, torch.inf, -torch.inf, 7.0, -7.0, 0.25], dtype=torch.float64
)


def test_entries_are_torch_s():
    calls, a = Calls(), ODD.repeat(3)
    b, g = ODD.roll(1).repeat(3), torch.linspace(-1, 1, 36, dtype=torch.float64)
    one = "neg square reciprocal sin cos exp log sqrt rsqrt tanh erf expm1 abs sigmoid sign relu log1p hardswish clone"
    for name in one.split():
        calls.add(getattr(aten, name).default, a)
    for name in ("maximum", "minimum"):
        calls.add(getattr(aten, name).default, a, b)
    for name in ("add", "sub", "mul", "div", "gt", "ge", "lt", "le", "eq", "ne"):
        calls.add(getattr(aten, name).Tensor, a, b)
    for power in (2, 3, 0.5, -1.5):
        calls.add(aten.pow.Tensor_Scalar, a, power)
    for limits in ((0.5,), (-1.0, 2.0), (None, 2.0), (2.0, -1.0)):
        calls.add(aten.clamp.default, a, *limits)
    calls.add(aten.clamp_min.default, a, 0.5)
    calls.add(aten.clamp_max.default, a, 0.5)
    calls.add(aten.add.Tensor, a, b, alpha=0.5)
    calls.add(aten.rsub.Scalar, a, 2.0)
    calls.add(aten.addcmul.default, g, a, b, value=0.5)
    calls.add(aten.addcdiv.default, g, a, b, value=0.5)
    calls.add(aten.threshold_backward.default, g, a, 0)
    calls.add(aten.hardswish_backward.default, g, a)
    calls.add(aten.where.self, a > 0, a, b)
    calls.add(aten.masked_fill.Scalar, a, a > 0, -torch.inf)
    calls.add(aten._to_copy.default, a > 0, dtype=torch.float64)
    calls.add(aten._to_copy.default, g, dtype=torch.bool)
    _, buffer = calls.add(aten.log_sigmoid_forward.default, a)
    calls.add(aten.log_sigmoid_backward.default, g, a, buffer)
    agree(calls)


def test_entries_of_tensors_that_lie_otherwise_or_are_broadcast_are_torch_s():
    torch.manual_seed(0)
    calls, x = Calls(), torch.randn(4, 3, 5, dtype=torch.float64)
    for other in (
        torch.randn(5),
        torch.randn(3, 1),
        torch.randn(4, 1, 1),
        torch.randn(()),
        torch.randn(5, 3, 4).permute(2, 1, 0),
    ):
        calls.add(aten.add.Tensor, x, other.double())
    calls.add(aten.mul.Tensor, x.permute(2, 0, 1), x.permute(2, 0, 1).contiguous())
    calls.add(aten.clone.default, x[1:, ::2, 1:], memory_format=torch.contiguous_format)
    calls.add(aten.relu.default, x.new_zeros(0, 3))
    agree(calls)


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


@pytest.mark.parametrize("dtype", [torch.float64, torch.float32])
def test_products_of_batches_in_any_layout_are_torch_s(dtype):
    torch.manual_seed(0)
    calls = Calls(dtype)
    for m, k, n in ((3, 4, 5), (1, 4, 5), (3, 1, 5), (3, 4, 1), (8, 32, 8), (17, 33, 9)):
        a, b = torch.randn(6, m, k, dtype=dtype), torch.randn(6, k, n, dtype=dtype)
        for one in (a, a.mT.contiguous().mT, a.movedim(0, 1).contiguous().movedim(1, 0)):
            for other in (b, b.mT.contiguous().mT, b[:1].expand(6, k, n)):
                calls.add(aten.bmm.default, one, other)
        calls.add(aten.mm.default, a[0], b[0])
        calls.add(aten.addmm.default, torch.randn(n, dtype=dtype), a[0], b[0])
        calls.add(aten._addmm_activation.default, torch.randn(n, dtype=dtype), a[0], b[0])
    calls.add(aten.dot.default, torch.randn(200, dtype=dtype), torch.randn(200, dtype=dtype))
    agree(calls)


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


def test_calls_with_other_arguments_are_refused_by_name():
    x = torch.randn(4, 3, dtype=torch.float64)
    for message, add in {
        "div with rounding_mode": lambda c: c.add(aten.div.Tensor_mode, x, x, rounding_mode="floor"),
        "sum into another type": lambda c: c.add(aten.sum.default, x > 0),
        "torch.float32 beside torch.float64": lambda c: c.add(aten._to_copy.default, x, dtype=torch.float32),
        "an index that leaves out an axis, or a mask": lambda c: c.add(aten.index.Tensor, x, [None, torch.tensor([0])]),
        "index_add along another axis": lambda c: c.add(aten.index_add.default, x, 1, torch.tensor([0]), x[:, :1]),
        "cumsum": lambda c: c.add(aten.cumsum.default, x, 0),
    }.items():
        calls = Calls()
        add(calls)
        with pytest.raises(Unsupported, match=message):
            calls.run()


def chain(calls, x):
    u = calls.add(aten.exp.default, x)
    v = calls.add(aten.mul.Tensor, u, x)
    w = calls.add(aten.add.Tensor, v, u)
    return u, v, w


def test_entrywise_calls_on_tensors_that_lie_alike_share_one_loop():
    calls, x = Calls(), torch.randn(6, 5, dtype=torch.float64)
    _, _, w = chain(calls, x)
    agree(calls, [w])
    assert calls.source.split("sg_step")[1].count("for (long") == 1


def test_a_transpose_of_what_a_loop_writes_is_read_after_that_loop():
    calls, x = Calls(), torch.randn(5, 5, dtype=torch.float64)
    _, _, w = chain(calls, x)
    t = calls.add(aten.add.Tensor, View(w.storage, (5, 5), (1, 5)), w)
    agree(calls, [t])
    assert calls.source.split("sg_step")[1].count("for (long i0") == 2


def test_memory_that_is_taken_over_within_a_chain_is_not_overwritten_before_it_is_read():
    torch.manual_seed(0)
    for seed in range(6):
        calls, numbers = Calls(), torch.Generator().manual_seed(seed)
        x = torch.randn(40, dtype=torch.float64)
        found = [calls.add(aten.neg.default, x)]
        for _ in range(25):
            a, b = (found[-int(torch.randint(1, min(5, len(found) + 1), (1,), generator=numbers))] for _ in "ab")
            if torch.rand(1, generator=numbers) < 0.3:  # the same entries the other way round
                a = View(a.storage, (40,), (1,), 0)
                b = View(b.storage, (5, 8), (1, 5), 0)
                b = calls.add(aten.clone.default, b, memory_format=torch.contiguous_format)
                b = View(b.storage, (40,), (1,), 0)
            found.append(calls.add(aten.sub.Tensor, a, b, alpha=0.5))
        agree(calls, [found[-1]])
