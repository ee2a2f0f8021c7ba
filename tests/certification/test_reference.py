"""The right values are exact, a unit of error is the effect of rounding, and the calculus has a witness of its own."""

from fractions import Fraction

import flint
import mpmath
import numpy as np
import pytest

import scratchgrad as sg
from scratchgrad import registry
from scratchgrad.certification import WitnessDisagrees
from scratchgrad.certification.battery import Battery
from scratchgrad.certification.error_model import UNIT
from scratchgrad.certification.exact.balls import ball
from scratchgrad.certification.point import Point
from scratchgrad.certification.reference import Reference, Undefined
from scratchgrad.certification.specification import specify
from scratchgrad.certification.witness import witness

ROOMS = [name for name in registry.names() if registry.is_built_in(name)]


def reference(text):
    return Reference(specify(text))


def point(spec, tensors, upstream, dtype="float64"):
    """A point of a text without a batch."""
    arrays = {name: np.asarray(values, dtype) for name, values in tensors.items()}
    sizes = {}
    for role in spec.inputs:
        sizes |= dict(zip(role.tensor.sizes, arrays[role.name].shape, strict=True))
    return Point(dtype, None, sizes, arrays, {name: np.asarray(g, dtype) for name, g in upstream.items()})


def test_values_and_gradients_are_balls_around_the_exact_fractions():
    exact = reference("L = Sum(x[i]**2, i)/3")
    values = exact.values(point(exact.specification, {"x": [1, 0.5]}, {"L": 0.25}))
    with flint.ctx.workprec(256):
        for value, wanted in zip([values["L"].item(), *values["grad_x"]], ["5/12", "1/6", "1/12"], strict=True):
            assert abs(value - ball(Fraction(wanted))) < 1e-70


@pytest.mark.parametrize("name", ROOMS)
def test_a_batch_is_its_samples_one_by_one_and_shared_gradients_are_their_sum(name):
    spec = specify(name)
    battery = Battery(spec)
    at = battery.point("normal", 3, battery.sizes())
    found = battery.reference.values(at)
    samples = range(3) if spec.batched else [None]
    for role in spec.differentiable:
        rows = []
        for n in samples:
            tensors = {r.name: at.tensors[r.name][n] if r.sample else at.tensors[r.name] for r in spec.inputs}
            upstream = {r.name: at.upstream[r.name][n] if r.sample else at.upstream[r.name] for r in spec.outputs}
            rows.append(spec.gradients[role.name].exact(upstream, tensors, digits=50))
        with flint.ctx.workprec(256), mpmath.workdps(50):
            wanted = np.asarray(np.stack(rows) if role.sample else sum(rows[1:], rows[0]), dtype=object)
            for value, other in zip(found[f"grad_{role.name}"].ravel(), wanted.ravel(), strict=True):
                known = ball(other) if isinstance(other, Fraction) else flint.arb(mpmath.nstr(other, 45))
                assert abs(float(value - known)) < 1e-35


def test_an_empty_batch_has_empty_gradients_and_zero_for_what_is_shared():
    battery = Battery(specify("linear"))
    truths = battery.reference.at(battery.point("normal", 0, battery.sizes()))
    assert truths["grad_x"].high.shape[0] == 0
    assert not truths["grad_W"].high.any()
    assert truths["grad_W"].high.shape == (2, 3) or truths["grad_W"].high.shape == (3, 2)


def test_a_unit_is_about_one_ulp_where_nothing_cancels():
    exact = reference("s = x*y")
    unit = exact.at(point(exact.specification, {"x": 3, "y": 5}, {"s": 1}))["s"].unit / (15 * UNIT["float64"])
    assert 2 <= unit <= 6


def test_a_unit_grows_where_inputs_cancel():
    exact = reference("s = x - y")
    truth = exact.at(point(exact.specification, {"x": 1000.25, "y": 1000}, {"s": 1}))["s"]
    assert truth.high == 0.25
    assert 100 * UNIT["float64"] < truth.unit < 10_000 * UNIT["float64"]


def test_a_tie_makes_no_unit_large():
    exact = reference("m = Max(x[i], i)")
    truth = exact.at(point(exact.specification, {"x": [2, 2, 1]}, {"m": 1}))["grad_x"]
    assert list(truth.high) == [0.5, 0.5, 0]
    assert truth.slack == pytest.approx([0.5, 0.5, 0], abs=1e-8)
    assert truth.unit.max() < 10 * UNIT["float64"]


def test_a_closer_look_makes_no_unit_smaller_by_much():
    battery = Battery(specify("softmax_cross_entropy"))
    at = battery.point("near ±1000", 2, battery.sizes())
    before = {name: truth.unit.copy() for name, truth in battery.reference.at(at).items()}
    for name, truth in battery.reference.at_length(at).items():
        assert (truth.unit >= before[name] / 4).all()


def test_a_right_value_beyond_the_dtype_is_not_judged():
    exact = reference("s = exp(x)")
    truth = exact.at(point(exact.specification, {"x": 100}, {"s": 1}, dtype="float32"))["s"]
    assert not truth.judged
    assert truth.units(np.asarray(np.inf)) == 0


def test_a_value_that_is_not_finite_is_infinitely_wrong():
    exact = reference("s = exp(x)")
    truth = exact.at(point(exact.specification, {"x": 10}, {"s": 1}))["s"]
    assert truth.units(np.asarray(np.nan)) == np.inf
    assert truth.units(np.asarray(np.exp(10.0))) < 4


def test_where_no_output_is_finite_there_is_no_truth():
    exact = reference("t = Sum(Inv(A)[i,i], i)")
    with pytest.raises(Undefined, match="the definition has no value: no output is finite"):
        exact.at(point(exact.specification, {"A": np.zeros((2, 2))}, {"t": 1}))


def test_a_maximum_over_nothing_is_undefined():
    exact = reference("m = Max(x[i], i)")
    with pytest.raises(Undefined, match="the definition has no value: the maximum over an empty axis does not exist"):
        exact.at(point(exact.specification, {"x": np.zeros(0)}, {"m": 1}))


def test_gradients_at_a_tie_have_their_sum_in_common():
    exact = reference("m = Max(x[i], i)")
    legal = exact.legal(point(exact.specification, {"x": [2, 2, 1]}, {"m": 1}))
    assert legal.distance({"grad_x": np.array([0.25, 0.75, 0])}).max() < 1e-9
    assert legal.distance({"grad_x": np.array([1.0, 1.0, 0])}).max() > 0.1


@pytest.mark.parametrize("name", ROOMS)
def test_the_adjoints_of_the_definition_agree_with_the_element_form(name):
    seen = witness(Battery(specify(name)))
    assert seen.points == 2
    assert seen.entries > 0


def test_a_wrong_element_form_is_noticed_and_no_kernel_is_blamed(monkeypatch):
    battery = Battery(specify("s = Sum(x[i]**3, i)"))
    right = battery.reference.values

    def wrong(at):
        values = right(at)
        return values | {"grad_x": values["grad_x"] * ball(1 + Fraction(1, 10**25))}

    monkeypatch.setattr(battery.reference, "values", wrong)
    with pytest.raises(WitnessDisagrees, match=r"grad_x\[0\] is .* by the element form, but .* by the adjoints of"):
        witness(battery)


def test_the_names_of_a_definition_make_no_difference():
    for text in ("samples = Sum(n[i]*n[i], i)", "n = Sum(samples[i]**2, i)"):
        name = sg.derive(text).definition.inputs[0].name
        exact = reference(text)
        truth = exact.at(point(exact.specification, {name: [1, 2]}, {exact.specification.outputs[0].name: 1}))
        assert list(truth[f"grad_{name}"].high) == [2, 4]
