"""A convolution in C is torch's, with its gradients, whatever the stride, padding, dilation, groups and layout."""

import pytest
import torch

from scratchgrad.program.native.emit import Unsupported, convolutions, emit
from tests.program.native.calls import Calls, agree

aten = torch.ops.aten
# samples, channels, image, results' channels, filter, stride, padding, dilation, transposed, groups
CASES = [
    (3, 2, (7,), 4, (3,), [1], [0], [1], False, 1),
    (2, 3, (9,), 2, (2,), [2], [1], [3], False, 1),
    (1, 1, (8, 8), 8, (3, 3), [1, 1], [1, 1], [1, 1], False, 1),
    (5, 2, (5, 6), 3, (3, 2), [1, 1], [0, 0], [1, 1], False, 1),
    (4, 2, (7, 5), 3, (3, 3), [2, 1], [1, 2], [1, 1], False, 1),
    (2, 3, (6, 9), 4, (2, 3), [1, 3], [2, 0], [2, 3], False, 1),
    (3, 4, (5, 5), 6, (3, 3), [1, 1], [1, 1], [1, 1], False, 2),
    (2, 3, (4, 4), 3, (2, 2), [2, 2], [0, 0], [1, 1], False, 3),
    (2, 3, (4, 4), 5, (1, 1), [1, 1], [0, 0], [1, 1], False, 1),
    (2, 2, (3, 3), 2, (3, 3), [1, 1], [0, 0], [1, 1], False, 1),
    (3, 4, (5,), 2, (3,), [2], [1], [1], True, 1),
    (3, 4, (4, 3), 2, (3, 3), [2, 2], [1, 1], [1, 1], True, 1),
    (2, 4, (3, 4), 6, (2, 3), [1, 2], [0, 1], [2, 1], True, 2),
    (1, 2, (3, 3), 3, (2, 2), [1, 1], [0, 0], [1, 1], True, 1),
]


def calls(cases, dtype=torch.float64, layouts=(False,)):
    torch.manual_seed(0)
    found = Calls(dtype)
    for n, c, image, o, window, stride, padding, dilation, transposed, groups in cases:
        for strange in layouts:
            x = torch.randn(n, c, *image, dtype=dtype)
            W = torch.randn(*((c, o // groups) if transposed else (o, c // groups)), *window, dtype=dtype)
            described = (stride, padding, dilation, transposed, [0] * len(stride), groups)
            x = laid_out(x) if strange else x
            found.add(aten.convolution.default, x, W, torch.randn(o, dtype=dtype), *described)
            u = aten.convolution(x, W, None, *described)
            g = torch.randn(u.shape, dtype=dtype)
            g = laid_out(g) if strange else g
            found.add(aten.convolution_backward.default, g, x, W, None, *described, [True, True, False])
    return found


def laid_out(x):
    """The same entries, the samples side by side."""
    return x.movedim(0, -1).contiguous().movedim(-1, 0)


# filters that are read for every sample, columns of a tile, at least so many a tile
TILES = {"one sample": (1 << 14, 1 << 15, 128), "samples": (0, 1 << 9, 4), "lines": (0, 8, 4)}


def tiled(monkeypatch, kind, loops):
    filters, columns, width = TILES[kind]
    monkeypatch.setattr(convolutions, "_FILTERS", filters)
    monkeypatch.setattr(convolutions, "_COLUMNS", columns)
    monkeypatch.setattr(convolutions, "_WIDTHS", (width, width))
    monkeypatch.setattr(convolutions, "by_loops", lambda *_, **__: loops)


@pytest.mark.slow
@pytest.mark.parametrize("loops", [True, False])
@pytest.mark.parametrize("kind", TILES)
def test_convolutions_and_their_gradients_are_torch_s_in_tiles_of_any_kind(kind, loops, monkeypatch):
    tiled(monkeypatch, kind, loops)
    agree(calls(CASES))


@pytest.mark.parametrize(
    ("kind", "loops", "first"), [("one sample", True, 0), ("lines", True, 1), ("samples", False, 2)]
)
def test_convolutions_and_their_gradients_are_torch_s(kind, loops, first, monkeypatch):
    tiled(monkeypatch, kind, loops)
    agree(calls(CASES[first::3]))


def test_convolutions_of_images_that_lie_otherwise_are_torch_s():
    agree(calls(CASES[3::4], torch.float32, layouts=(True,)))


def test_a_batch_of_no_samples_has_a_gradient_of_zeros():
    found = Calls()
    x, W = torch.zeros(0, 2, 4, 4, dtype=torch.float64), torch.ones(3, 2, 3, 3, dtype=torch.float64)
    described = ([1, 1], [0, 0], [1, 1], False, [0, 0], 1)
    g = torch.zeros(0, 3, 2, 2, dtype=torch.float64)
    found.add(aten.convolution_backward.default, g, x, W, None, *described, [False, True, False])
    agree(found)


def test_what_is_no_number_spreads_over_its_windows_alone():
    found = Calls()
    x, W = torch.ones(2, 1, 6, 6, dtype=torch.float64), torch.ones(2, 1, 3, 3, dtype=torch.float64)
    x[1, 0, 0, 0], x[0, 0, 5, 3] = torch.nan, torch.inf
    found.add(aten.convolution.default, x, W, None, [1, 1], [1, 1], [1, 1], False, [0, 0], 1)
    agree(found)


def test_the_scratch_of_a_convolution_does_not_grow_with_the_batch():
    sizes = []
    for n in (64, 4096):
        found = Calls()
        x, W = torch.zeros(n, 2, 8, 8, dtype=torch.float64), torch.zeros(4, 2, 3, 3, dtype=torch.float64)
        found.add(aten.convolution.default, x, W, None, [1, 1], [1, 1], [1, 1], False, [0, 0], 1)
        sizes.append(emit(found.plan()).scratch)
    assert sizes[0] == sizes[1]


def test_a_convolution_over_three_axes_is_refused():
    found = Calls()
    x, W = torch.zeros(1, 1, 2, 2, 2, dtype=torch.float64), torch.zeros(1, 1, 1, 1, 1, dtype=torch.float64)
    found.add(aten.convolution.default, x, W, None, [1, 1, 1], [0, 0, 0], [1, 1, 1], False, [0, 0, 0], 1)
    with pytest.raises(Unsupported, match=r"a convolution over 3 axes \(aten.convolution.default\)"):
        agree(found)
