"""What `layers` draws: every room of the registry, with tensors that its kernel takes and at which it has values."""

import pytest
import torch
from hypothesis import HealthCheck, find, given, settings
from hypothesis import strategies as st

from scratchgrad import registry
from scratchgrad.membership import outside
from scratchgrad.testing import layers
from scratchgrad.testing.domains import domains_of
from scratchgrad.testing.elements import CannotDraw

FEW = settings(max_examples=10, deadline=None, database=None, suppress_health_check=list(HealthCheck))

SOME = settings(FEW, max_examples=150, derandomize=True)
WITH_EXTREMES = {"dtype": torch.float32, "extremes": True, "largest": 7}


@pytest.mark.parametrize("name", registry.names())
def test_every_room_fits_what_is_drawn_for_it_and_is_right_there(name):
    kernel = registry.kernel(name)

    @FEW
    @given(st.data(), st.sampled_from([{}, WITH_EXTREMES]))
    def holds(data, options):
        case = data.draw(layers([name], **options))
        for tensor in case.layer.signature.inputs:
            values = case.inputs[tensor.name]
            assert outside(domains_of(case.layer)[tensor.name], values.double().numpy()) is None
            assert values.dtype == (torch.int64 if tensor.integer else options.get("dtype", torch.float64))
        agreement = case.check(kernel.forward, kernel.backward)
        assert set(agreement.compared) >= set(case.grad_outputs)

    holds()


def test_every_whole_number_below_the_size_that_it_indexes_is_drawn():
    case = find(layers("embedding"), lambda case: case.inputs["t"].max() == 4, settings=SOME)
    assert case.inputs["E"].shape[0] == 5
    assert find(layers("nll"), lambda case: bool((case.inputs["t"] == 3).any()), settings=SOME).inputs["t"].max() == 3


def test_nothing_is_drawn_where_the_layer_has_no_value():
    @settings(FEW, max_examples=50)
    @given(layers("cosine_similarity"))
    def holds(case):
        assert all(bool((t.norm(dim=-1) > 0).all()) for t in case.inputs.values())

    holds()


def test_a_layer_with_options_has_its_own_sizes():
    @FEW
    @given(layers(["conv2d(stride=2)"]))
    def holds(case):
        kernel = registry.kernel(case.layer)
        case.check(kernel.forward, kernel.backward)

    holds()


def test_sizes_and_batches_are_as_large_as_wished():
    wide = find(layers("relu", largest=40), lambda case: case.inputs["u"].shape[1] > 20, settings=SOME)
    assert wide.inputs["u"].shape[1] == 21
    assert find(layers("relu", batches=st.just(70)), lambda _: True, settings=SOME).batch == 70


def test_a_large_case_is_printed_shortly_and_a_small_one_whole():
    case = find(layers("relu", largest=200), lambda case: case.inputs["u"].numel() > 100, settings=SOME)
    assert len(repr(case)) < 100 and " numbers: " in repr(case)
    assert repr(find(layers("relu"), lambda _: True, settings=SOME)) == "LayerCase(relu, batch 1, u=[[0.0]])"


def test_a_wrong_backward_shrinks_to_the_smallest_case_that_shows_it():
    @settings(SOME, max_examples=50)
    @given(layers("linear", largest=3))
    def wrong(case):
        case.check(
            lambda x, W, b: x @ W.mT + b,
            lambda grad_u, x, W, b: (grad_u @ W, grad_u.mT @ x, grad_u.mean(0) * len(x) if len(x) < 2 else grad_u[0]),
        )

    with pytest.raises(AssertionError) as seen:
        wrong()
    said = str(seen.value)
    assert "DIFFERS  linear: backward is wrong" in said and "grad_b[" in said and "yours = 0,  right = 1 " in said
    assert "batch 2" in said and "x = [[0], [0]]" in said


def test_a_case_says_entry_both_numbers_and_inputs():
    case = find(layers("relu"), lambda case: case.inputs["u"].shape == (2, 3), settings=SOME)
    with pytest.raises(AssertionError) as seen:
        case.check(lambda u: u.clamp_min(0) + 1, lambda g, u: g * (u > 0))
    assert "h[0,0]:  yours = 1,  right = 0   (float64, batch 2)" in str(seen.value)
    assert "at  u = [[0, 0, 0], [0, 0, 0]]" in str(seen.value)


@pytest.mark.parametrize(
    ("options", "says"),
    [
        ({"names": []}, "expected at least one name of a layer, got none; leave names out"),
        ({"largest": 0}, "expected sizes of at least 1, got largest=0"),
        ({"dtype": torch.int64}, "gradients need a dtype of floating point, got torch.int64; give torch.float64"),
        ({"dtype": torch.complex64}, "no tensors of torch.complex64 are drawn"),
    ],
)
def test_misuse_is_named(options, says):
    with pytest.raises(CannotDraw, match=says):
        layers(**options)
    with pytest.raises(registry.UnknownLayer, match="did you mean 'relu'"):
        layers(["relo"])
