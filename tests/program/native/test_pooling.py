"""Pooling in C is torch's: ties, what is no number, borders, windows that hang over, and the way back."""

import torch

from tests.program.native.calls import Calls, agree

aten = torch.ops.aten


def images():
    torch.manual_seed(0)
    dtype = torch.float64
    x = torch.randn(3, 2, 7, 6, dtype=dtype)
    ties = torch.randint(0, 2, (2, 1, 6, 6)).to(dtype)
    strange = torch.randn(2, 2, 6, 7, dtype=dtype)
    strange[0, 0, 0, 1] = strange[0, 0, 1, 0] = strange[1, 1, 5, 5] = torch.nan
    strange[0, 1, :3, :3] = -torch.inf
    strange[1, 0, 2, 2] = torch.inf
    return x, ties, strange, x.movedim(0, -1).contiguous().movedim(-1, 0), torch.randn(2, 5, 6, dtype=dtype)


def test_the_largest_entry_of_a_window_and_its_place_are_torch_s_and_so_is_the_way_back():
    calls = Calls()
    several = ([2, 2],), ([3, 2], [2, 1]), ([3, 3], [2, 2], [1, 1]), ([2, 2], [1, 1], [0, 0], [2, 2])
    for k, x in enumerate(images()):
        for rest in several[k % 2 :: 2]:
            wanted, _ = aten.max_pool2d_with_indices(x, *rest)
            _, places = calls.add(aten.max_pool2d_with_indices.default, x, *rest)
            full = [*rest, [], [0, 0], [1, 1]][: len(rest)] + [[], [0, 0], [1, 1]][len(rest) - 1 :]
            g = torch.randn(wanted.shape, dtype=x.dtype)
            calls.add(aten.max_pool2d_with_indices_backward.default, g, x, *full, False, places)
    x = images()[0]
    calls.add(aten.max_pool2d_with_indices.default, x, [3, 3], [2, 2], [1, 1], [1, 1], True)
    agree(calls)


def test_means_of_windows_are_torch_s_and_so_is_the_way_back():
    calls = Calls()
    several = (
        ([2, 2],),
        ([3, 3], [2, 2], [1, 1]),
        ([3, 2], [1, 2], [1, 1], False, False),
        ([3, 3], [2, 2], [1, 1], True, True),
        ([3, 3], [2, 2], [1, 1], True, False),
        ([2, 2], [2, 2], [0, 0], False, True, 3),
    )
    for k, x in enumerate(images()):
        for rest in several[k % 3 :: 3]:
            wanted = aten.avg_pool2d(x, *rest)
            calls.add(aten.avg_pool2d.default, x, *rest)
            full = (*rest, *([], [0, 0], False, True, None)[len(rest) - 1 :])
            calls.add(aten.avg_pool2d_backward.default, torch.randn(wanted.shape, dtype=x.dtype), x, *full)
    agree(calls)
