import numpy as np
import pytest
import torch
from hypothesis import HealthCheck, find, given, settings
from hypothesis import strategies as st

import scratchgrad
from scratchgrad import registry
from scratchgrad.testing import layers, networks, shapes, tensors
from tests.tolerances import tolerance

QUICK = settings(max_examples=25, deadline=None, suppress_health_check=list(HealthCheck))


@QUICK
@given(shapes("x[j] W[i,j] b[i] -> u[i]", largest=3))
def test_every_letter_of_a_signature_has_one_size(sizes):
    assert set(sizes) == {"i", "j"}
    assert all(1 <= size <= 3 for size in sizes.values())


@QUICK
@given(st.data())
def test_a_tensor_has_its_shape_and_dtype_and_finite_values(data):
    shape = data.draw(st.lists(st.integers(0, 3), max_size=3))
    for dtype in (torch.float32, torch.float64):
        tensor = data.draw(tensors(shape, dtype=dtype))
        assert (tuple(tensor.shape), tensor.dtype) == (tuple(shape), dtype)
        assert tensor.isfinite().all()


def test_values_shrink_to_zeros_in_contiguous_storage():
    smallest = find(tensors((2, 2)), lambda t: True)
    assert smallest.eq(0).all() and smallest.is_contiguous()
    one = find(tensors((2, 2)), lambda t: bool((t != 0).any()))
    assert sorted(one.flatten().tolist()) == [0, 0, 0, 1]


@pytest.mark.parametrize(
    ("name", "wanted"),
    [
        ("stride 0", lambda t: 0 in t.stride()),
        ("transposed", lambda t: not t.is_contiguous() and t.mT.is_contiguous()),
        ("slice", lambda t: t.stride(-1) == 2),
        ("offset", lambda t: t.storage_offset() == 1),
        ("tie", lambda t: bool((t[0] == t[1]).all()) and bool((t != 0).all())),
        ("extreme", lambda t: bool((t.abs() > 100).any())),
    ],
)
def test_what_hurts_is_found(name, wanted):
    assert wanted(find(tensors((2, 3)), wanted))


def test_without_strides_everything_is_contiguous():
    with pytest.raises(Exception, match="No examples found"):
        find(tensors((2, 2), strides=False, extremes=False), lambda t: not t.is_contiguous(), settings=QUICK)


@QUICK
@given(layers(["linear", "relu", "softmax", "embedding", "layer_norm"], strides=True))
def test_a_layer_comes_with_tensors_that_its_kernel_takes(case):
    kernel = registry.kernel(case.layer.name)
    output, _ = kernel.forward(*case.inputs.values())
    assert output.shape == next(iter(case.grad_outputs.values())).shape
    assert "LayerCase(" in repr(case)


@QUICK
@given(layers(["linear"], strides=False))
def test_a_layers_kernel_agrees_with_its_derivation_at_what_is_drawn(case):
    kernel = registry.kernel("linear")
    _, saved = kernel.forward(*case.inputs.values())
    grad_x, _, _ = kernel.backward(saved, *case.grad_outputs.values())
    derived = scratchgrad.derive("linear")["x"]
    one = {name: t[0] if name == "x" else t for name, t in case.inputs.items()}
    right = derived.evaluate({"u": case.grad_outputs["u"][0]}, one)
    np.testing.assert_allclose(grad_x[0], right, **tolerance())


def test_a_network_shrinks_to_few_layers():
    case = find(networks(), lambda case: len(case.operations) >= 2)
    assert len(case.operations) <= 3
    assert repr(case).startswith("NetworkCase(batch ")
