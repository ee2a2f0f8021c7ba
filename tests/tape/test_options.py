"""A network takes a layer's options, computes the sizes that follow, and runs at certified options only."""

import pytest
import torch

import scratchgrad as sg
from scratchgrad.layer import OptionMismatch
from scratchgrad.registry import NotCertified
from scratchgrad.signature import ShapeMismatch


def image_network(**options):
    net = sg.Network()
    x = net.input("x", (3, 9, 8))
    W, b = net.parameter("W", (4, 3, 3, 3)), net.parameter("b", 4)
    return net, net.add("conv2d", x, W, b, **options)


def test_the_output_s_size_follows_from_the_options():
    assert image_network()[1].shape == (4, 7, 6)
    assert image_network(stride=2, padding=1)[1].shape == (4, 5, 4)


def test_a_layer_with_options_runs_and_its_name_says_them():
    net, _ = image_network(stride=2, padding=1)
    x = torch.randn(2, 3, 9, 8)
    found = net.forward(x)["u"]
    expected = torch.nn.functional.conv2d(x, net.value("W"), net.value("b"), stride=2, padding=1)
    torch.testing.assert_close(found, expected)
    assert "conv2d(stride=2,padding=1)(x, W, b) -> u [4, 5, 4]" in str(net)


def test_options_that_no_certificate_covers_are_refused_with_the_command():
    net, _ = image_network(stride=3, dilation=2)
    with pytest.raises(NotCertified, match=r"Run: scratchgrad certify 'conv2d\(stride=3,dilation=2\)'$"):
        net.forward(torch.randn(2, 3, 9, 8))


def test_a_window_larger_than_the_image_is_a_shape_mismatch_that_names_the_formula():
    with pytest.raises(ShapeMismatch, match=r"conv2d\(dilation=5\): p = .* is -1, expected at least 1"):
        image_network(dilation=5)


def test_channels_that_do_not_fit_are_named():
    net = sg.Network()
    x, W, b = net.input("x", (2, 9, 8)), net.parameter("W", (4, 3, 3, 3)), net.parameter("b", 4)
    with pytest.raises(ShapeMismatch, match=r"conv2d: index 'a' is 2 in x\[a,h,w\], but a = groups\*c is 3"):
        net.add("conv2d", x, W, b)


def test_an_unknown_option_is_named():
    with pytest.raises(OptionMismatch, match="layer 'conv2d' has no option 'strides'; its options: stride, padding"):
        image_network(strides=2)


def test_a_layer_over_the_whole_batch_takes_it_as_it_is():
    net = sg.Network()
    x = net.input("x", 3)
    net.add("batch_norm", x, net.parameter("gamma", [1.0, 1.0, 1.0]), net.parameter("beta", 3), 1e-5, name="y")
    found = net.forward(torch.randn(50, 3) * 4 + 7)["y"]
    torch.testing.assert_close(found.mean(0), torch.zeros(3), atol=1e-5, rtol=0)
    torch.testing.assert_close(found.var(0, unbiased=False), torch.ones(3), atol=1e-4, rtol=0)


def test_the_short_form_knows_the_sizes_that_formulas_decide():
    net = sg.Sequential((1, 8, 8), ("conv2d(padding=1)", 6, 3, 3), "relu", "max_pool2d", "flatten", ("linear", 10))
    shapes = {s.name: s.shape for s in net.signals}
    assert (shapes["W1"], shapes["W2"], shapes["v"]) == ((6, 1, 3, 3), (10, 96), (10,))
