"""Products in C are torch's, in any layout."""

import pytest
import torch

from tests.program.native.calls import Calls, agree

aten = torch.ops.aten


@pytest.mark.parametrize("dtype", [torch.float64, torch.float32])
def test_products_of_batches_in_any_layout_are_torch_s(dtype):
    torch.manual_seed(0)
    calls = Calls(dtype)
    for m, k, n in ((3, 4, 5), (1, 4, 5), (3, 1, 1), (8, 32, 16), (17, 33, 57)):
        a, b = torch.randn(6, m, k, dtype=dtype), torch.randn(6, k, n, dtype=dtype)
        for one in (a, a.mT.contiguous().mT, a.movedim(0, 1).contiguous().movedim(1, 0)):
            for other in (b, b.mT.contiguous().mT, b[:1].expand(6, k, n)):
                calls.add(aten.bmm.default, one, other)
        calls.add(aten.mm.default, a[0], b[0])
        calls.add(aten.addmm.default, torch.randn(n, dtype=dtype), a[0], b[0])
        calls.add(aten._addmm_activation.default, torch.randn(n, dtype=dtype), a[0], b[0])
    for m, k, n in ((64, 40, 32), (49, 300, 24), (130, 1100, 70), (5, 1024, 64)):
        a, b = torch.randn(m, k, dtype=dtype), torch.randn(k, n, dtype=dtype)
        calls.add(aten.mm.default, a, b)
        calls.add(aten.mm.default, a, b.t().contiguous().t())
    calls.add(aten.dot.default, torch.randn(200, dtype=dtype), torch.randn(200, dtype=dtype))
    agree(calls)


def test_a_layer_s_product_is_torch_s_to_the_last_bit_so_that_relus_decide_alike():
    torch.manual_seed(0)
    calls = Calls(torch.float32)
    for m, k, n in ((256, 300, 64), (64, 784, 256)):
        x, W, b = torch.randn(m, k), torch.randn(n, k), torch.randn(n)
        calls.add(aten._addmm_activation.default, b, x, W.t())
    for name, got, want in calls.results():
        assert torch.equal(got, want), name
