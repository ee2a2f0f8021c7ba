"""The battery keeps its promises: what is probed, from which seeds, and in which memory."""

import numpy as np
import pytest
import torch
from hypothesis import given
from hypothesis import strategies as st
from hypothesis.extra import numpy as arrays

from scratchgrad import registry
from scratchgrad.certification.battery import Battery
from scratchgrad.certification.error_model import DTYPES, TINY, UNIT
from scratchgrad.certification.feasible import feasible
from scratchgrad.certification.layouts import fitting
from scratchgrad.certification.region import domain_of
from scratchgrad.certification.sampling import KINDS, palette
from scratchgrad.certification.specification import specify
from scratchgrad.domain import STRUCTURES, Domain
from scratchgrad.gradients import derive
from scratchgrad.layer import Layer
from scratchgrad.membership import outside

ROOMS = [name for name in registry.names() if registry.is_built_in(name)]
BATTERIES = {name: Battery(specify(name)) for name in ROOMS}


@pytest.mark.parametrize("name", ROOMS)
def test_every_probe_is_made_again_bit_for_bit(name):
    for one, other in zip(BATTERIES[name].probes, Battery(specify(name)).probes, strict=True):
        assert str(one) == str(other)
        for a, b in zip(
            (*one.point.tensors.values(), *one.point.upstream.values()),
            (*other.point.tensors.values(), *other.point.upstream.values()),
            strict=True,
        ):
            assert (a is None and b is None) or a.tobytes() == b.tobytes()


@pytest.mark.parametrize("name", ROOMS)
@pytest.mark.parametrize("dtype", ["float64", "float32"])
def test_every_kind_of_probe_is_there_in_both_dtypes(name, dtype):
    battery = BATTERIES[name]
    probes = [p for p in battery.probes if p.point.dtype == dtype]
    names = {p.name for p in probes}
    assert {f"inputs {kind}" for kind in KINDS} <= names
    assert {"upstream gradients all zero", "upstream gradients ones", "everything non-contiguous"} <= names
    if battery.specification.batched:
        assert {0, 1, 2, 5} <= {p.point.batch for p in probes}
    for size in battery.specification.sizes:
        if feasible(battery.specification, {**battery.sizes(), size: 1}, pinned=(size,)) is not None:
            assert 1 in {p.point.sizes[size] for p in probes}
    if battery.specification.several:
        first, second = (role.name for role in battery.specification.outputs)
        absent = [{n for n, g in p.point.upstream.items() if g is None} for p in probes if p.group == "absent"]
        assert absent == [{first, second}, {first}, {second}]


@pytest.mark.parametrize("name", ROOMS)
def test_sizes_are_distinct_where_nothing_else_is_probed(name):
    battery = BATTERIES[name]
    for sizes in (battery.sizes(), battery.sizes((2, 4, 3, 2))):
        assert len(set(sizes.values())) >= min(len(sizes), 2)  # of many axes some are alike; a formula may need it


@pytest.mark.parametrize("name", ROOMS)
def test_random_upstream_gradients_are_never_ones(name):
    for probe in BATTERIES[name].probes:
        if probe.name.startswith("inputs"):
            assert not any((g == 1).any() for g in probe.point.upstream.values())


@pytest.mark.parametrize("name", ROOMS)
def test_every_argument_is_also_given_in_every_layout(name):
    spec = BATTERIES[name].specification
    given_in = {(n, layout.name) for p in BATTERIES[name].probes for n, layout in p.layouts.items()}
    for role in spec.inputs:
        axes = len(role.shape(BATTERIES[name].sizes(), 2))
        free = role.integer or not STRUCTURES.get(role.tensor.domain.structure, STRUCTURES["int"]).axes
        layouts = [layout for layout in fitting(axes) if free or "expanded" not in layout.name]  # rows repeat no entry
        assert {(role.name, layout.name) for layout in layouts} <= given_in
    for role in spec.outputs:
        axes = len(role.shape(BATTERIES[name].sizes(), 2))
        assert {(f"grad_{role.name}", layout.name) for layout in fitting(axes)} <= given_in


@pytest.mark.parametrize(
    ("domain", "all_numbers_may_be_equal"),
    [(">0", True), (":binary", True), (":simplex", False), (":onehot", False), (":sign", True)],
)
def test_a_domain_forbids_the_layouts_that_hold_no_value_of_it(domain, all_numbers_may_be_equal):
    layer = Layer("held", f"x[i] y[i]{domain} -> u[i]", "u[i] = x[i]*y[i]")
    probes = Battery(specify(layer)).probes
    given_in = {layout.name for probe in probes for name, layout in probe.layouts.items() if name == "y"}
    wanted = {layout.name for layout in fitting(2)}
    equal = {"axis 1 expanded (stride 0)", "one number expanded (stride 0)"}
    assert given_in == wanted - (set() if all_numbers_may_be_equal else equal)


@given(
    arrays.arrays(
        np.float64, arrays.array_shapes(min_dims=0, max_dims=3, min_side=1, max_side=4), elements=st.floats(-5, 5)
    )
)
def test_a_layout_keeps_the_values_that_it_has_prepared(values):
    for layout in fitting(values.ndim):
        prepared = layout.prepare(values)
        stored = layout.build(torch.tensor(prepared))
        assert stored.shape == values.shape
        assert np.array_equal(stored.numpy(), prepared)


def test_layouts_are_what_they_are_called():
    stored = {layout.name: layout.build(torch.ones(3, 4)) for layout in fitting(2)}
    images = {layout.name: layout.build(torch.ones(2, 3, 4, 5)) for layout in fitting(4)}
    assert stored["transposed storage"].stride() == (1, 3)
    assert not stored["strided slice"].is_contiguous()
    assert stored["strided slice"].storage_offset() > 0
    assert stored["first axis expanded (stride 0)"].stride()[0] == 0
    assert stored["axis 1 expanded (stride 0)"].stride() == (1, 0)
    assert stored["one number expanded (stride 0)"].stride() == (0, 0)
    assert stored["part of a larger storage"].is_contiguous()
    assert stored["part of a larger storage"].storage_offset() > 0
    assert images["channels last"].is_contiguous(memory_format=torch.channels_last)
    assert not images["channels last"].is_contiguous()
    assert "channels last" not in stored


@pytest.mark.parametrize(
    ("examples", "domain"),
    [
        ([[-1.0, 2.0]], ""),
        ([[1.0, 2.0]], ">0"),
        ([[1.0, 2.0], [0.0, 3.0]], ">=0"),
        ([[0.0, 1.0], [1.0, 0.0]], ":onehot"),
        ([[0.0, 1.0, 1.0, 0.0]], ":binary"),
        ([[-1.0, 1.0, 1.0, -1.0]], ":sign"),
        ([[0.25, 0.75]], ":simplex"),
    ],
)
def test_the_domain_is_the_narrowest_that_holds_the_examples(examples, domain):
    assert str(domain_of([np.asarray(e) for e in examples])) == domain


DECLARED = {
    ">0": "L = Sum(nu*x[i], i)",
    ">=-1": "L = Sum(nu*x[i], i)",
    "<=0.5": "L = Sum(nu*x[i], i)",
    " in (-1,1)": "L = Sum(nu*x[i], i)",
    " in [0,1)": "L = Sum(nu*x[i], i)",
    ":probability": "L = Sum(nu*x[i], i)",
    ":sign": "L = Sum(nu*x[i], i)",
    ":binary": "L = Sum(nu*x[i], i)",
    ":simplex": "L = Sum(nu[i]*x[i], i)",
    ":simplex>0": "L = Sum(nu[i]*x[i], i)",
    ":onehot": "L = Sum(nu[i]*x[i], i)",
    ":symmetric": "L = Sum(nu[i,j]*x[i]*x[j], i, j)",
    ":positive_definite": "L = Sum(nu[i,j]*x[i]*x[j], i, j)",
}


@pytest.mark.parametrize("domain", DECLARED)
def test_every_probe_lies_in_the_declared_domain_in_every_dtype(domain):
    specification = specify(DECLARED[domain], domains=f"nu{domain}")
    for probe in Battery(specification, claimed=("bfloat16", "float16")).probes:
        assert outside(Domain.parse(domain), probe.point.tensors["nu"]) is None, str(probe)


@pytest.mark.parametrize(
    ("domain", "ends"), [(">=0", [0.0]), (" in [-2,1]", [-2.0, 1.0]), (" in [-2,1)", [-2.0]), (">0", []), ("", [])]
)
def test_ends_are_probed_where_they_belong_to_the_domain_and_values_near_all_of_them(domain, ends):
    battery = Battery(specify("L = Sum(w[i]*x[i], i)", domains=f"w{domain}" if domain else ""))
    probed = {probe.name: probe.point.tensors["w"] for probe in battery.probes if probe.group == "domain"}
    at = [values for name, values in probed.items() if " at " in name]
    assert all((values == end).any() for values, end in zip(at, ends, strict=True))
    interval = Domain.parse(domain).interval
    assert sum(" near " in name for name in probed) == (interval.low is not None) + (interval.high is not None)


def test_inputs_and_upstream_gradients_go_from_1e_minus_30_to_1e30():
    probes = [p.point for p in Battery(specify("relu")).probes if p.group == "magnitudes"]
    for dtype, tensors in (("float64", ("u",)), ("float64", ("h",)), ("float32", ("h",))):
        arrays = [p.tensors.get(name, p.upstream.get(name)) for p in probes for name in tensors if p.dtype == dtype]
        size = np.abs(np.concatenate([array.ravel() for array in arrays]))
        assert size.min() < 1e-20
        assert size.max() > 1e20


def test_what_is_right_is_evaluated_once_for_the_same_numbers_in_two_dtypes():
    battery = Battery(specify("linear"))
    both = ([p for p in battery.probes if p.group == "memory" and p.point.dtype == d] for d in DTYPES)
    for wide, narrow in zip(*both, strict=True):
        assert all((wide.point.tensors[name] == narrow.point.tensors[name]).all() for name in narrow.point.tensors)
        one, other = battery.reference.at(wide.point), battery.reference.at(narrow.point)
        for name in one:
            assert one[name].exact is other[name].exact
            ratio = (other[name].unit - TINY["float32"]) / (one[name].unit - TINY["float64"])
            assert np.allclose(ratio, UNIT["float32"] / UNIT["float64"])


def test_large_numbers_are_probed_where_the_domain_has_them():
    battery = Battery(specify("L = Sum(w[i]*x[i], i)", domains="w>0"))
    assert max(p.point.tensors["w"].max() for p in battery.probes) > 900


def test_a_constant_that_the_definition_compares_with_is_among_the_values_that_tie():
    assert 6 in palette(derive("h[i] = min(max(x[i], 0), 6)").definition)
    assert 0.5 in palette(derive("h[i] = where(x[i] > 1/2, x[i], 0)").definition)


def test_integers_stay_below_the_axis_that_they_index():
    battery = Battery(specify("y[n,k] = E[t[n],k]"))
    for probe in battery.probes:
        rows = probe.point.tensors["E"].shape[0]
        assert probe.point.tensors["t"].dtype == np.int64
        assert (probe.point.tensors["t"] < rows).all()


def test_a_function_of_the_bare_input_narrows_what_is_declared_too():
    entropy = Battery(specify("H = -Sum(p[i]*log(p[i]), i)", domains="p:simplex"))
    assert entropy.region.evidence() == {"p": ":simplex>0"}
    assert entropy.region.sentences() == ["p in the simplex and > 0: log(p[i]) has no value elsewhere"]
    kept = Battery(specify("L = Sum(y[i]*log(y[i]), i)", domains="y:onehot"))
    assert kept.region.evidence() == {"y": ":onehot"}


@pytest.mark.parametrize(
    ("text", "domains"),
    [
        ("L = Sum(log(x[i]), i)", {"x": ">0"}),
        ("L = Sum(y[i]*log(x[i]), i)", {"x": ">0", "y": ""}),
        ("y[i] = sqrt(x[i])", {"x": ">=0"}),
        ("y[i] = x[i]**(-1/2)", {"x": ">0"}),
        ("y[i] = x[i]**-2", {"x": ""}),
        ("y[i] = c*x[i]", {"c": "", "x": ""}),
        ("y[i] = log(1 + x[i]**2)", {"x": ""}),
        ("y[i] = where(x[i] > 0, log(x[i]), x[i])", {"x": ""}),
    ],
)
def test_undeclared_means_all_reals_but_where_a_function_of_the_bare_input_has_no_value(text, domains):
    assert {name: str(domain) for name, domain in Battery(specify(text)).domains.items()} == domains
