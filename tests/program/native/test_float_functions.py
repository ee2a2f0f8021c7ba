"""exp, erf and tanh in float, in forms that the compiler vectorises, against float64 over the whole range."""

import math

import pytest
import torch

from scratchgrad.lab import lab_network
from scratchgrad.program import ProgramDiffers, Runner
from scratchgrad.program.native.emit import source
from scratchgrad.train import SGD
from tests.program.native.calls import Calls

aten = torch.ops.aten
ODD = torch.tensor([0.0, -0.0, torch.nan, torch.inf, -torch.inf, 1e-38, -1e-45, 3e38, -3e38])


def all_sizes():
    """Floats of every size, of both signs, the densest where the functions bend."""
    exponents = torch.linspace(-45, 38, 40_001, dtype=torch.float64)
    middle = torch.linspace(-20, 20, 200_001, dtype=torch.float64)
    far = torch.linspace(-110, 95, 50_001, dtype=torch.float64)
    x = torch.cat([10.0**exponents, -(10.0**exponents), middle, far]).float()
    return torch.cat([x, ODD])


@pytest.fixture(scope="module")
def compiled():
    calls, x = Calls(torch.float32), all_sizes()
    for name in ("exp", "erf", "tanh"):
        calls.add(getattr(aten, name).default, x)
    return x, [got.clone() for _, got, _ in calls.results()]


@pytest.mark.parametrize(
    ("place", "function", "ulps"), [(0, torch.exp, 1.5), (1, torch.erf, 1.5), (2, torch.tanh, 2.0)]
)
def test_a_function_in_float_is_right_to_two_units_in_the_last_place(compiled, place, function, ulps):
    x, got = compiled[0], compiled[1][place].double()
    want = function(x.double())
    single = want.float()
    assert torch.equal(got.isnan(), want.isnan())
    assert torch.equal(got.isinf(), single.isinf())
    finite = single.isfinite()
    spacing = torch.nextafter(single.abs(), torch.tensor(math.inf)).double() - single.abs().double()
    error = ((got - want)[finite].abs() / spacing[finite]).max()
    assert error <= ulps, f"{error:.3g} at {x[finite][((got - want)[finite].abs() / spacing[finite]).argmax()]}"


def test_signs_of_zero_stay(compiled):
    x, (_, *odd) = compiled
    for got in odd:
        assert torch.equal(torch.signbit(got[x == 0]), torch.signbit(x[x == 0]))


@pytest.mark.parametrize("dtype", [torch.float32, torch.float64])
def test_a_wrong_coefficient_in_a_function_stops_the_run(monkeypatch, dtype):
    def header(name):
        text = read(name)
        return text.replace("q = fmaf(q, t, -3.228044732e-4f)", "q = fmaf(q, t, 3.228044732e-4f)").replace(
            "#define ERF erf", "#define ERF(x) (erf(x) * (1 + 1e-9))"
        )

    read = source._header
    Runner(lab_network(dtype=dtype), SGD(0.1), backend="native").program(4)
    monkeypatch.setattr(source, "_header", header)
    with pytest.raises(ProgramDiffers, match=r"ERF\(x\) in prelude.h: at x = "):
        Runner(lab_network(dtype=dtype), SGD(0.1), backend="native").program(4)
