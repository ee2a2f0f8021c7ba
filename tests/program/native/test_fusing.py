"""Entrywise calls share a loop where that changes nothing."""

import torch

from scratchgrad.program.op import View
from tests.program.native.calls import Calls, agree

aten = torch.ops.aten


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
