import numpy as np
import pytest
import torch
from hypothesis import HealthCheck, find, given, settings
from hypothesis import strategies as st

import scratchgrad
from scratchgrad import registry
from scratchgrad.domain import Domain, DomainError
from scratchgrad.layer import Layer
from scratchgrad.membership import outside
from scratchgrad.signature import Signature, SignatureError
from scratchgrad.testing import layers, members, networks, shapes, tensors
from scratchgrad.testing.elements import CannotDraw
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


@pytest.mark.parametrize("dtype", [torch.float32, torch.float64])
def test_a_network_computes_in_the_dtype_that_is_wished(dtype):
    @settings(QUICK, max_examples=60)
    @given(networks(operations=6, dtype=dtype))
    def holds(case):
        outputs = case.network.forward(*case.given.values())
        case.network.backward()
        values = [*case.given.values(), *case.leaves.values(), *outputs.values()]
        assert {value.dtype for value in values} == {dtype}
        assert {case.network.gradient(name).dtype for name in case.leaves} <= {dtype}

    holds()


def test_networks_that_cannot_be_drawn_are_named():
    for options in ({"operations": 0}, {"batches": ()}):
        with pytest.raises(CannotDraw, match="networks: expected operations of at least 1 and some batches"):
            networks(**options)
    with pytest.raises(CannotDraw, match="networks: gradients need a dtype of floating point, got torch.int64"):
        networks(dtype=torch.int64)
    with pytest.raises(CannotDraw, match="expected dtype= such as torch.float32"):
        find(networks(dtype="float32"), lambda _: True)


DOMAINS = ["nu>0", "x[i]>=2", "u[i] in (-1,1)", "p[i]:probability", "p[n,i]:simplex", "y[n,i]:onehot", "s[i]:sign"]
DOMAINS += ["m[i]:binary", "A[i,j]:symmetric", "S[n,i,j]:positive_definite"]


@QUICK
@given(st.data(), st.sampled_from(DOMAINS), st.sampled_from([torch.float32, torch.float64]))
def test_a_member_lies_in_its_domain_however_it_is_stored(data, tensor, dtype):
    found = data.draw(members(tensor, dtype=dtype))
    (declared,) = Signature.parse(f"{tensor} -> result_").inputs
    assert found.dtype == dtype and found.ndim == len(declared.axes)
    assert outside(declared.domain, found.numpy()) is None
    assert "nu" not in tensor or (found > 0).all()


@pytest.mark.parametrize(
    ("domain", "wanted"),
    [
        (">=2", lambda t: bool((t == 2).any())),
        (" in (-1,1)", lambda t: bool((t.abs() > 0.95).any())),
        (":simplex", lambda t: bool((t == 1).any())),
        (">0", lambda t: bool((t > 100).any())),
    ],
)
def test_what_hurts_is_found_at_the_ends_of_a_domain(domain, wanted):
    assert wanted(find(tensors((2, 3), domain=domain), wanted))


TAIL = Layer("tail", "v[i] y[i]:onehot A[i,j]:symmetric nu>0 x[k] w[l] -> L[p]; p = k - l + 1", shared="A nu w")


def test_a_layer_comes_with_tensors_of_its_domains_and_sizes_that_its_formulas_allow(monkeypatch):
    monkeypatch.setattr(registry, "layer", lambda name: TAIL)

    @QUICK
    @given(layers(["tail"], extremes=True))
    def holds(case):
        for tensor in TAIL.signature.inputs:
            assert outside(tensor.domain, case.inputs[tensor.name].numpy()) is None
        shapes = [
            tuple(case.inputs[tensor.name].shape[1 if TAIL.carries_samples(tensor) else 0 :])
            for tensor in TAIL.signature.inputs
        ]
        sizes = TAIL.signature.sizes("tail", shapes)
        assert case.grad_outputs["L"].shape == (case.batch, sizes["p"])

    holds()


@QUICK
@given(layers(strides=False))
def test_every_layer_of_the_registry_can_be_drawn(case):
    kernel = registry.kernel(case.layer)
    output, _ = kernel.forward(*case.inputs.values())
    for tensor, gradient in zip(
        output if isinstance(output, tuple) else (output,), case.grad_outputs.values(), strict=True
    ):
        assert tensor.shape == gradient.shape


@pytest.mark.parametrize("domain", [">1e30", " in (0,1e-30)", " in (1,1.000001)", "<-1e20", " in (-1,1)"])
@settings(max_examples=30)
@given(data=st.data())
def test_rounding_carries_no_member_to_an_open_end(data, domain):
    tensor = data.draw(tensors((2, 3), dtype=torch.float32, domain=domain))
    assert outside(Domain.parse(domain), tensor.numpy()) is None


@pytest.mark.parametrize(
    ("shape", "domain", "says"),
    [
        ((), ":simplex", r"a tensor of shape \(\) cannot be :simplex .* it has no axes, expected at least 1"),
        ((3,), ":symmetric", r"a tensor of shape \(3,\) cannot be :symmetric .* it has 1 axis, expected at least 2"),
        ((2, 3), ":positive_definite", r"a tensor of shape \(2, 3\) cannot be :positive_definite .* it is not square"),
        ((2,), 5, "tensors: expected a domain such as '>0' or ':simplex', got int"),
        ((2,), "x>0", "cannot read the domain 'x>0'"),
    ],
)
def test_a_domain_that_no_tensor_of_the_shape_can_have_is_named(shape, domain, says):
    with pytest.raises(DomainError, match=says):
        find(tensors(shape, domain=domain), lambda _: True)


@pytest.mark.parametrize("written", ["", "x[i]>0 y>0"])
def test_members_are_of_one_tensor(written):
    with pytest.raises(SignatureError, match="members: expected one tensor such as"):
        find(members(written), lambda _: True)
