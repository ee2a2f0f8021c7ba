"""A call that C has no form for is refused by name."""

import pytest
import torch

from scratchgrad.program.native.emit import Unsupported
from tests.program.native.calls import Calls

aten = torch.ops.aten


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
