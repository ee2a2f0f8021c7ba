"""Windows, convolutions and placed values are recognised, and right where sizes do not fit the windows."""

from __future__ import annotations

from typing import Any

import numpy as np
import pytest
import torch
import torch.nn.functional as F  # noqa: N812  # torch's own name for it

from scratchgrad import registry
from scratchgrad.codegen.generate import kernel_source
from scratchgrad.codegen.windows import place, surely_nonnegative
from scratchgrad.codegen.writing import layer_source
from scratchgrad.gradients import derive
from scratchgrad.notation.indices import Index, Size
from tests.tolerances import tolerance

NEAR = {"rtol": tolerance(torch.float64)["rtol"], "atol": 1e-10}

CONVOLUTIONS = [
    {"stride": 1, "padding": 0, "dilation": 1},
    {"stride": 2, "padding": 1, "dilation": 1},
    {"stride": 1, "padding": 2, "dilation": 2},
    {"stride": 2, "padding": 1, "dilation": 3},
    {"stride": 3, "padding": 0, "dilation": 2},
]


def run(source: str) -> Any:
    """The class that the source defines."""
    space: dict[str, Any] = {}
    exec(source, space)
    return space["Kernel"]


def agrees(kernel: Any, function: Any, *inputs: torch.Tensor) -> None:
    """The kernel computes the function and, by autograd's witness, its gradients."""
    traced = [x.clone().requires_grad_() for x in inputs]
    expected = function(*traced)
    output, saved = kernel.forward(*inputs)
    torch.testing.assert_close(output, expected.detach(), **NEAR)
    upstream = torch.randn_like(expected)
    found = kernel.backward(saved, upstream)
    found = found if isinstance(found, tuple) else (found,)
    for got, want in zip(found, torch.autograd.grad(expected, traced, upstream), strict=True):
        torch.testing.assert_close(got, want, **NEAR)


@pytest.mark.parametrize("options", CONVOLUTIONS, ids=str)
@pytest.mark.parametrize("length", [10, 11, 12])
def test_a_convolution_agrees_with_torch_s_at_every_stride_padding_and_dilation(
    options: dict[str, int], length: int
) -> None:
    kernel = run(layer_source(registry.layer("conv1d").with_options(**options)))
    x, W, b = (torch.randn(s, dtype=torch.float64) for s in ((2, 3, length), (4, 3, 2), (4,)))
    agrees(kernel, lambda x, W, b: F.conv1d(x, W, b, **options), x, W, b)


@pytest.mark.parametrize("options", [{"groups": 3}, {"groups": 2, "stride": 2, "padding": 1}], ids=str)
def test_the_groups_of_a_convolution_see_their_own_channels(options: dict[str, int]) -> None:
    kernel = run(layer_source(registry.layer("conv2d").with_options(**options)))
    g = options["groups"]
    x, W, b = (torch.randn(s, dtype=torch.float64) for s in ((2, 2 * g, 6, 7), (2 * g, 2, 3, 2), (2 * g,)))
    agrees(kernel, lambda x, W, b: F.conv2d(x, W, b, **options), x, W, b)


def test_conv2d_is_one_call_forward_and_two_calls_and_a_sum_backward() -> None:
    source = layer_source(registry.layer("conv2d(stride=2,padding=1)"))
    assert "u = torch.nn.functional.conv2d(x, W, b, stride=2, padding=1)" in source
    assert "grad_x = torch.nn.functional.conv_transpose2d(grad_u, W, stride=2, padding=1, output_padding=" in source
    assert "torch.nn.grad.conv2d_weight(x, (n_o, n_c, n_k, n_l), grad_u, stride=2, padding=1)" in source
    assert "grad_b = grad_u.sum((0, 2, 3))" in source


def test_the_gradients_of_a_transposed_convolution_are_convolutions() -> None:
    source = layer_source(registry.layer("conv_transpose2d(stride=2)"))
    assert "torch.nn.functional.conv_transpose2d(x, W, b, stride=2)" in source
    assert "grad_x = torch.nn.functional.conv2d(grad_u, W, stride=2)" in source
    assert "arange" not in source


def test_a_grouped_convolution_has_no_tensor_of_all_pairs() -> None:
    source = layer_source(registry.layer("conv2d(groups=2)"))
    assert source.count("groups=2") >= 3
    assert "arange" not in source


@pytest.mark.parametrize(("places", "kernel_size"), [(3, 2), (7, 3), (9, 2)])
def test_windows_that_leave_the_axis_or_do_not_fill_it_are_padded_or_cut(places: int, kernel_size: int) -> None:
    d = derive("y[p] = Sum(w[r]*x[p+r], r) + c[p]", tensors="c[n_p] w[n_r] x[n_x]", shared="w c")
    kernel = run(kernel_source(d.definition))
    x, w, c = (torch.randn(s, dtype=torch.float64) for s in ((2, 7), (kernel_size,), (places,)))
    given = dict(zip([t.name for t in d.definition.inputs], [None] * 3, strict=True)) | {"x": x, "w": w, "c": c}
    output, saved = kernel.forward(*given.values())
    grad = torch.randn_like(output)
    found = dict(zip(given, kernel.backward(saved, grad), strict=True))
    for n in range(2):
        one = {"x": x[n], "w": w, "c": c}
        np.testing.assert_allclose(output[n], d.forward(one)["y"], **NEAR)
        np.testing.assert_allclose(found["x"][n], d["x"].evaluate({"y": grad[n]}, one), **NEAR)
    each = [d["w"].evaluate({"y": grad[n]}, {"x": x[n], "w": w, "c": c}) for n in range(2)]
    np.testing.assert_allclose(found["w"], sum(each), **NEAR)


def test_max_pooling_remembers_places_and_average_pooling_nothing() -> None:
    source = layer_source(registry.layer("max_pool2d"))
    assert "y, s1 = torch.nn.functional.max_pool2d(x, 2, return_indices=True)" in source
    assert "return y, (s1, n_h, n_w)" in source
    assert "return y, (n_h, n_w)" in layer_source(registry.layer("avg_pool2d"))


def test_a_softmax_whose_keys_are_left_out_by_a_condition_stays_finite() -> None:
    source = layer_source(registry.layer("scaled_dot_product_attention(causal=1)"))
    assert "torch.softmax(torch.where(" in source and "-math.inf" in source
    assert "exp()" not in source


def test_a_mask_by_a_positive_value_needs_no_branch_and_keeps_infinities_out() -> None:
    source = kernel_source(derive("h[i] = where(u[i] > 0, u[i]**2, 0)").definition)
    assert "torch.ops.aten.threshold_backward(" in source
    kernel = run(source)
    _, saved = kernel.forward(torch.tensor([[-1.0, 2.0]]))
    assert kernel.backward(saved, torch.tensor([[torch.inf, 1.0]])).tolist() == [[0.0, 4.0]]


def test_a_value_is_placed_where_an_integer_says() -> None:
    source = layer_source(registry.layer("nll"))
    assert ".scatter(1, t[..., None], (-grad_L)[..., None])" in source
    assert "arange(n_i" not in source


def test_an_affine_place_is_its_steps_and_its_start() -> None:
    p, k = Index("p", Size("n_p")), Index("k", Size("n_k"))
    found = place(2 * p + k - 1)
    assert found is not None
    assert (dict(zip(found.indices, found.steps, strict=True)), found.start) == ({p: 2, k: 1}, -1)
    assert found.extent == 2 * Size("n_p") + Size("n_k") - 2
    assert place(p * k) is None


def test_a_difference_of_sizes_is_surely_nonnegative_only_if_it_is_for_all_sizes() -> None:
    h, k = Size("n_h"), Size("n_k")
    assert surely_nonnegative(h + k - 2)
    assert surely_nonnegative(h - 2 * (h // 2))
    assert not surely_nonnegative(h - k)
