"""Entries in C are torch's; infinities and what is no number too."""

import torch

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
